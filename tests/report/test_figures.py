"""Pictures hold the numbers that they are drawn from, and can be read on a phone and without colours."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from dissect.decomposition import TERMS, subsets
from dissect.report import figures, published
from dissect.report.figures import style

SEVEN = ["pretrained", "ner", "ner (seed 1)", "ner (seed 2)", "tags", "qa", "mlm"]
LAYERS = 4


def correlations(models):
    rng = np.random.default_rng(0)
    rows = [
        (a, b, layer, term, rng.uniform(-1, 1))
        for a, b in combinations(models, 2)
        for layer in range(LAYERS)
        for term in (TERMS if layer else "ic")
    ]
    return pd.DataFrame(rows, columns=["model_a", "model_b", "layer", "term", "spearman"])


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def visible(figure):
    return [axis for axis in figure.axes if axis.get_visible()]


def written(figure):
    """The boxes of what is written level in a figure, and what that is."""
    figure.canvas.draw()
    texts = []
    for axis in visible(figure):
        texts += [axis.title, axis.xaxis.label, axis.yaxis.label]
        low, high = sorted(axis.get_xlim())
        ticks = axis.xaxis.get_major_ticks()
        texts += [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]  # others are not drawn
    shown = [text for text in texts if text.get_text() and text.get_visible() and not text.get_rotation()]
    return [(text.get_text(), text.get_window_extent()) for text in shown]


@pytest.mark.parametrize("models", [SEVEN[:2], SEVEN[:3], SEVEN])
def test_each_model_has_a_panel_beside_the_first(models):
    table = correlations(models)
    figure = figures.importance_correlation(table)
    panels = visible(figure)
    titles = [axis.get_title().replace("\n", " ") for axis in panels]
    assert titles == [f"pretrained and {name}" for name in models[1:]]
    for axis, name in zip(panels, models[1:], strict=True):
        low, high = axis.get_ylim()
        for term, line in zip(TERMS, axis.lines, strict=False):
            of = table[
                (table["model_a"] == "pretrained") & (table["model_b"] == name) & (table["term"] == term)
            ]
            assert np.array_equal(line.get_ydata(), of["spearman"])
            assert low < of["spearman"].min() and of["spearman"].max() < high


@pytest.mark.parametrize("models", [SEVEN[:2], SEVEN[:3], SEVEN])
def test_all_pairs_of_models_stand_in_a_panel_a_term(models):
    table = correlations(models)
    last = table[table["layer"] == LAYERS - 1].set_index(["term", "model_a", "model_b"])["spearman"]
    panels = visible(figures.importance_between(table))
    assert [axis.get_title() for axis in panels] == [figures.NAMES[term] for term in TERMS]
    for term, axis in zip(TERMS, panels, strict=True):
        said = sorted(text.get_text() for text in axis.texts)
        of = {(a, b): f"{last[term, a, b]:z.2f}".replace("-", "−") for a, b in combinations(models, 2)}
        pairs = list(of.values())
        assert said == sorted([*pairs, *pairs])  # on either side of the diagonal
        first = {text.get_position(): text.get_text() for text in axis.texts}
        assert first[1.5, 0.5] == first[0.5, 1.5] == of[models[0], models[1]]


@pytest.mark.parametrize("models", [SEVEN[:2], SEVEN])
@pytest.mark.parametrize("picture", [figures.importance_correlation, figures.importance_between])
def test_nothing_that_is_written_runs_into_another(picture, models):
    boxes = written(picture(correlations(models)))
    assert len(boxes) >= 4
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not (a.shrunk(0.9, 0.9).overlaps(b.shrunk(0.9, 0.9))), (one, other)


def test_a_term_without_a_row_in_the_last_layer_has_no_panel():
    table = correlations(SEVEN[:3])
    panels = visible(figures.importance_between(table[table["term"] != "c"]))
    assert [axis.get_title() for axis in panels] == [figures.NAMES[term] for term in "ihf"]


# ---- beside the paper ----


def importances(models, layers=LAYERS):
    """Importance that tells its model and layer."""
    rows = [
        (model, layer, term, n + layer / 10, 0.05)
        for n, model in enumerate(models) for layer in range(layers + 1) for term in TERMS
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["model", "layer", "term", "mean", "std"])


def test_a_model_stands_beside_the_papers_of_its_task_at_the_same_depth():
    paper = published.importance()
    figure = figures.importance_beside_paper(importances(["pretrained", "ner (seed 1)", "tags"]), paper)
    panels = visible(figure)
    assert [axis.get_title().replace("\n", " ") for axis in panels] == [
        "pretrained", "fine-tuned: ner (seed 1)", "fine-tuned: tags", "fine-tuned: qa, the paper alone",
    ]  # fmt: skip
    counterparts = [
        "bert-base-uncased",
        "dslim/bert-base-NER-uncased",
        None,
        "twmkn9/bert-base-uncased-squad2",
    ]
    for axis, theirs in zip(panels, counterparts, strict=True):
        hollow = [
            line for line in axis.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())
        ]
        assert len(hollow) == (4 if theirs else 0)
        for term, line in zip(TERMS, hollow, strict=False):
            of = paper[(paper["model"] == theirs) & (paper["term"] == term)]
            assert np.array_equal(line.get_ydata(), of["mean"]) and line.get_xdata()[-1] == 1
        ours = [line for line in axis.lines if line.get_markerfacecolor() != "white"]
        assert all(line.get_xdata()[-1] == 1 for line in ours if len(line.get_xdata()))
    assert len({axis.get_ylim() for axis in panels}) == 1


def test_models_of_other_depths_end_at_the_same_place():
    deep = importances(["deep"], 12)
    panels = visible(figures.importance_by_layer(pd.concat([importances(["flat"], 4), deep])))
    assert [axis.lines[0].get_xdata()[-1] for axis in panels] == [1, 1]


def scored(values, kinds=("learned",)):
    rows = [
        (kind, name, seed, values.get(name, 0.5)) for kind in kinds for name in subsets() for seed in (0, 1)
    ]
    return pd.DataFrame(rows, columns=["predictor", "terms", "seed", "accuracy"])


def labels_of(axis):
    return [text.get_text().split() for text in axis.get_yticklabels()]


@pytest.mark.parametrize(("percent", "top"), [(True, ["h", "f"]), (False, ["none"])])
def test_subsets_stand_by_their_scores_the_best_on_top(percent, top):
    table = scored({"h+f": 0.9, "": 0.1})
    axis = figures.scores_by_subset(table, "accuracy", "", "predictor", percent=percent).axes[0]
    assert labels_of(axis)[0] == top and axis.get_ylim()[0] > axis.get_ylim()[1]


def test_the_papers_points_stand_in_the_rows_of_their_subsets():
    paper = published.masked_words()
    axis = figures.scores_by_subset(scored({"f": 0.6}), "accuracy", "", "predictor", paper=paper).axes[0]
    rows = labels_of(axis)
    hollow = [line for line in axis.lines if line.get_markerfacecolor() == "none"]
    found = {
        line.get_label(): (float(line.get_xdata()[0]), rows[round(line.get_ydata()[0])]) for line in hollow
    }
    assert found == {
        "learned head, the paper's BERT": (pytest.approx(53.77), ["f"]),
        "pretrained head, the paper's BERT": (pytest.approx(1.36), ["f"]),
    }


def test_the_baseline_is_a_line_and_intervals_are_bars():
    intervals = pd.DataFrame([("learned", "accuracy", "h", 0.4, 0.7)],
                             columns=["predictor", "score", "terms", "low", "high"])  # fmt: skip
    axis = figures.scores_by_subset(
        scored({"": 0.25}), "accuracy", "", "predictor", intervals=intervals
    ).axes[0]
    dotted = [line for line in axis.lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted] == [25]
    (bar,) = axis.collections[0].get_segments()
    assert bar[:, 0].tolist() == pytest.approx([40, 70]) and labels_of(axis)[round(bar[0, 1])] == ["h"]


def agreements(value, kinds=("knn", "classifier")):
    rows = [(kind, a, b, value) for kind in kinds for a, b in combinations(subsets()[1:], 2)]
    return pd.DataFrame(rows, columns=["predictor", "terms_a", "terms_b", "agreement"])


def test_the_runs_agreement_is_above_the_diagonal_and_the_papers_below():
    figure = figures.agreement_beside_paper(agreements(0.25), agreements(0.75), ["knn", "classifier"])
    assert [axis.get_title().partition(";")[0] for axis in visible(figure)] == ["kNN", "probe"]
    for axis in visible(figure):
        where = {text.get_position(): text.get_text() for text in axis.texts}
        assert {said for (x, y), said in where.items() if x > y} == {"25"}
        assert {said for (x, y), said in where.items() if x < y} == {"75"}
        names = [text.get_text() for text in axis.get_yticklabels()]
        assert names[:4] == ["i", "c", "i+c", "h"] and names[-4:] == ["h+f", "i+h+f", "h+f+c", "i+h+f+c"]


# ---- one word in two sentences ----


def shares(key=(), count=0):
    """Importance by layer in two sentences, and by another key; the second sentence has half of the first."""
    rows = [
        (sentence, "hf"[layer % 2], layer, *([n] if key else []), layer / factor / max(count, 1))
        for factor, sentence in enumerate(["A crane lifted a beam.", "A crane caught a frog."], start=1)
        for layer in range(1, LAYERS + 1) for n in range(max(count, 1))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["sentence", "term", "layer", *key, "importance"])


def test_the_difference_between_two_sentences_is_drawn():
    _, apart = visible(figures.shares_by_layer(BOTH))
    lines = [line for line in apart.lines if line.get_marker() not in ("None", None)]
    assert len(lines) == 2 and all(np.allclose(line.get_ydata(), [50, 100, 150, 200]) for line in lines)
    heads = visible(figures.shares_by_head(shares(["head"], 2)))
    assert [axis.get_title() for axis in heads][-1] == "the first less the second"
    told = [[text.get_text() for text in axis.texts] for axis in heads]
    assert told[0][:2] == ["200", "200"] and told[1][:2] == told[2][:2] == ["100", "100"]
    sums, difference = visible(figures.units(shares(["unit"], 3)))
    assert difference.lines[0].get_ydata()[-1] == 100 and len(difference.lines[0].get_xdata()) == 12


# ---- to be read ----

LINEAR = pd.DataFrame([(m, k, 0.5) for m in ("minilm", "bert-base-uncased (paper)") for k in (1, 2)],
                      columns=["model", "layer", "r2"])  # fmt: skip
WORDS = pd.DataFrame({"token": ["a", "word"], "i": 0.1, "h": 0.2, "f": 0.3, "c": 0.4})
BOTH = pd.concat([shares().assign(term="h"), shares().assign(term="f")])
SOURCES = shares(["source"], 9).assign(token="harbour")
LOGITS = pd.DataFrame([(t, k, w, 0.1 * k) for t in "hf" for k in range(1, 13) for w in ("river", "bird")],
                      columns=["term", "layer", "word", "logit"])  # fmt: skip
DOTS = pd.DataFrame(
    [("masked words", "learned", "accuracy", "trained", "i+h+f+c", 0.5, 0.4, 0.6)],
    columns=["experiment", "predictor", "score", "weights", "terms", "mean", "low", "high"],
)
PICTURES = {
    "importance": lambda: figures.importance_by_layer(importances(SEVEN)),
    "beside the paper": lambda: figures.importance_beside_paper(importances(SEVEN), published.importance()),
    "correlation": lambda: figures.importance_correlation(correlations(SEVEN)),
    "between": lambda: figures.importance_between(correlations(SEVEN)),
    "R²": lambda: figures.feedforward_r2(LINEAR),
    "scores": lambda: figures.scores_by_subset(
        scored({"h": 0.9}, ["knn", "classifier"]), "accuracy", "accuracy (%)", "predictor",
        paper=published.senses(),
    ),
    "agreement": lambda: figures.agreement(agreements(0.5), "knn", "classifier"),
    "sentence": lambda: figures.sentence_importance(WORDS),
    "layers": lambda: figures.shares_by_layer(BOTH),
    "heads": lambda: figures.shares_by_head(shares(["head"], 16)),
    "sources": lambda: figures.shares_by_source(SOURCES),
    "units": lambda: figures.units(shares(["unit"], 5)),
    "logits": lambda: figures.logits_by_layer(LOGITS),
    "dots": lambda: figures.dots(DOTS, "terms", "weights", ["experiment", "predictor", "score"], "score (%)"),
}  # fmt: skip
PHONE = 342  # pixels across a picture, on a phone of 390


@pytest.mark.parametrize("name", PICTURES)
def test_type_is_ten_pixels_high_on_a_phone(name):
    figure = PICTURES[name]()
    figure.canvas.draw()
    width = figure.get_tightbbox().width + 2 * style.AS_FILE["savefig.pad_inches"]
    texts = [text for text in figure.findobj(style.plt.Text) if text.get_text() and text.get_visible()]
    smallest = min(text.get_fontsize() for text in texts)
    assert smallest / 72 * PHONE / width >= 10


@pytest.mark.parametrize(
    "name", ["importance", "beside the paper", "correlation", "scores", "sentence", "layers"]
)
def test_colour_never_tells_alone(name):
    for axis in visible(PICTURES[name]()):
        looks = {}
        for line in axis.lines:
            if line.get_marker() in ("o", "s", "D", "X", "v", "^"):
                hollow = line.get_markerfacecolor() in ("none", "white")
                looks.setdefault((line.get_marker(), hollow, line.get_linestyle()), set()).add(
                    line.get_color()
                )
        assert looks and all(len(colours) == 1 for colours in looks.values())


def test_terms_are_drawn_head_to_tail_and_their_sum_from_start_to_end():
    figure = figures.head_to_tail({"i": [2, 0], "h": [1, 1.5], "c": [-2, -2]})
    (axis,) = visible(figure)
    arrows = [one for one in axis.texts if not one.get_text()]
    ways = [(tuple(one.get_position()), tuple(one.xy)) for one in arrows]
    assert ways == [((0, 0), (2, 0)), ((2, 0), (3, 1.5)), ((3, 1.5), (1, -0.5)), ((0, 0), (1, -0.5))]
    names = [one.get_text() for one in axis.texts if one.get_text()]
    assert [name[1] for name in names] == ["i", "h", "c", "e"]
