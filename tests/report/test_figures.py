"""Pictures of several models: every pair is there once, with its own numbers, and nothing runs together."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from dissect.decomposition import TERMS
from dissect.report import figures

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
    assert [axis.get_title() for axis in panels] == [f"pretrained and {name}" for name in models[1:]]
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
        pairs = [f"{last[term, a, b]:.2f}" for a, b in combinations(models, 2)]
        assert said == sorted([*pairs, *pairs])  # on either side of the diagonal
        first = {text.get_position(): text.get_text() for text in axis.texts}
        assert first[1.5, 0.5] == first[0.5, 1.5] == f"{last[term, models[0], models[1]]:.2f}"


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
