"""Small tables of findings, on data whose findings are known."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from dissect.decomposition.parts import TERMS, subsets
from dissect.report import answers, figures, readings


def scored(kind, values):
    """Accuracy of two seeds, which differ by 0.2 around a subset's value."""
    rows = [
        (kind, name, seed, value + (0.1 if seed else -0.1))
        for name, value in values.items()
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows, columns=["predictor", "terms", "seed", "accuracy"])


LEARNED = dict.fromkeys(subsets(), 0.5) | {"f": 0.6, "": 0.2}


SURE = pd.DataFrame(
    [(kind, "accuracy", 0.5, 0.508) for kind in ("learned", "classifier")],
    columns=["predictor", "score", "low", "high"],
)


def here(table):
    return table[answers.HERE]


def test_masked_words_are_means_over_seeds():
    told = here(answers.masked_words(scored("learned", LEARNED), SURE))
    assert told["Accuracy of f alone, learned head"] == "60.0 % (baseline 20.0 %)"
    assert told["The best single term, learned head"] == "f, 60.0 %"


def test_losses_by_taking_c_away_are_counted():
    other = dict.fromkeys(subsets(), 0.3) | {"f+c": 0.4, "i+f+c": 0.4, "h+f+c": 0.2}
    both = [scored("learned", LEARNED), scored("pretrained", other)]
    told = here(answers.masked_words(pd.concat(both), SURE))
    (hurts,) = (answer for question, answer in told.items() if "taking c" in question)
    assert hurts == "in 2 of 4 subsets (pretrained)"


@pytest.mark.parametrize("kind", ["pretrained", "trained afterwards"])
def test_a_head_for_whole_embeddings_is_named_for_what_it_is(kind):
    scores = pd.concat([scored("learned", LEARNED), scored(kind, dict.fromkeys(subsets(), 0.3))])
    told = here(answers.masked_words(scores, SURE))
    assert told["Accuracy of f alone, head for whole embeddings"] == f"30.0 % ({kind})"
    assert kind in answers.heads_note(scores)
    note = answers.heads_note(scored("learned", LEARNED))
    assert "no head that guesses hidden words" in note and kind not in note


def test_the_least_correlated_term_is_told_without_the_embedding_layer():
    rows = [("a", "b", layer, term, -1.0 if layer == 0 and term == "i" else 0.2 if term == "h" else 0.4)
            for layer in range(3) for term in TERMS]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model_a", "model_b", "layer", "term", "spearman"])
    told = here(answers.tuning(table))
    assert told["Which term correlates least, mean over layers?"] == "h (i 0.40, h 0.20, f 0.40, c 0.40)"


def agreements():
    """i agrees with nobody in one predictor, f in the other; i stands first in its pairs, c last."""
    rows = [
        (kind, a, b, 0.1 if odd in (a, b) else 0.9)
        for kind, odd in (("knn", "c"), ("classifier", "f"))
        for a, b in [("i", "h"), ("i", "f"), ("i", "c"), ("h", "f"), ("h", "c"), ("f", "c")]
    ]
    return pd.DataFrame(rows, columns=["predictor", "terms_a", "terms_b", "agreement"])


def test_odd_ones_agree_least_with_all_others_in_their_own_predictor():
    assert readings.odd_ones(agreements(), "knn", 1) == ["c"]
    assert readings.odd_ones(agreements(), "classifier", 1) == ["f"]


def test_units_differ_most_whichever_sentence_uses_them_more():
    rows = [("one", 1, unit, 0.1) for unit in range(5)]
    rows += [("two", 1, unit, value) for unit, value in enumerate([0.1, 0.9, 0.0, 0.1, 0.15])]
    table = pd.DataFrame(rows, columns=["sentence", "layer", "unit", "importance"])
    assert answers.units_apart(table, 3)["unit"].tolist() == [1, 2, 4]


def test_shares_of_a_sentence():
    by_layer = pd.DataFrame(
        [("one", layer, term, 0.1 * layer) for layer in (1, 2, 3) for term in "hf"],
        columns=["sentence", "layer", "term", "importance"],
    )
    by_source = pd.DataFrame(
        [("one", 1, "river", 0.3), ("one", 2, "crane", 0.04), ("one", 3, "crane", 0.03)],
        columns=["sentence", "layer", "token", "importance"],
    )
    told = answers.finer(by_layer, by_source, ["crane"]).iloc[0]
    assert (told["h"], told["f"], told["written in the last layer"]) == ("60.0%", "60.0%", "60.0%")
    assert told["h read from the word itself"] == "7.0%"


def test_intervals_are_told_in_percent_and_in_nats():
    rows = [
        ("learned", "accuracy", "", 0.5, 0.01, 0.45, 0.55),
        ("learned", "cross_entropy", "h", 2.5, 0.1, 2.4, 2.6),
    ]
    table = pd.DataFrame(rows, columns=["predictor", "score", "terms", "mean", "std", "low", "high"])
    told = answers.certainty(table)
    assert told.loc["none", "learned head: accuracy"] == "50 ± 1 [45, 55]"
    assert told.loc["h", "learned head: cross-entropy"] == "2.50 ± 0.10 [2.40, 2.60]"
    assert answers.certainty(table).shape == (2, 2)


def test_a_number_has_the_digits_that_its_interval_gives_it():
    """No deviation that is rounded to nothing, and no row that says again what the baseline does."""
    rows = [("learned", "accuracy", "", 0.061, 0.0, 0.05, 0.07),
            ("learned", "accuracy", "c", 0.061, 0.0, 0.05, 0.07),
            ("learned", "accuracy", "h", 0.1234, 0.00001, 0.11, 0.13),
            ("knn", "accuracy", "h", 0.1234, 0.0, 0.1233, 0.1235)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["predictor", "score", "terms", "mean", "std", "low", "high"])
    told = answers.certainty(table)
    learned = told["learned head: accuracy"]
    assert learned.to_dict() == {"none": "6.1 [5.0, 7.0]", "c": "as none", "h": "12.3 [11.0, 13.0]"}
    assert told.loc["h", "kNN: accuracy"] == "12.340 [12.330, 12.350]"


BLIND = {"most frequent sense": 0.25, "document's majority": 0.375}


def with_baselines(**of_terms):
    """Scores of kNN, of one run, of the probe, of two, and of baselines that have the empty subset alone."""
    knn, probe = (dict.fromkeys(subsets(), 0.5) | of_terms for _ in range(2))
    rows = [("knn", name, 0, value + 0.125) for name, value in knn.items()]
    rows += [("classifier", name, seed, probe[name]) for name in probe for seed in (0, 1)]
    rows += [(name, "", 0, value) for name, value in BLIND.items()]
    return pd.DataFrame(rows, columns=["predictor", "terms", "seed", "accuracy"])


def test_who_sees_no_vector_is_told_from_who_has_terms():
    assert readings.without_vectors(with_baselines()).to_dict() == {
        name: 100 * of for name, of in BLIND.items()
    }
    assert readings.without_vectors(scored("learned", LEARNED)).empty
    told = here(answers.word_senses(with_baselines(), agreements(), SURE))
    assert told["No vector: most frequent sense"] == "25.0 %"
    assert told["No vector: document's majority"] == "37.5 %"
    old = with_baselines().query("predictor in ('knn', 'classifier')")  # of runs made before
    assert not [row for row in here(answers.word_senses(old, agreements(), SURE)).index if "No vector" in row]


def test_a_row_that_a_predictor_has_not_is_a_dash():
    rows = [("a", "accuracy", "", *[0.5] * 4), ("a", "accuracy", "h", *[0.5] * 4),
            ("b", "accuracy", "", *[0.25] * 4)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["predictor", "score", "terms", "mean", "std", "low", "high"])
    told = answers.certainty(table)["b: accuracy"]
    assert told["none"].startswith("25.0") and told["h"] == "–"


def test_splits_stand_beside_one_another_with_the_baselines_first():
    told = answers.senses_by_split(
        {"by item": with_baselines(h=0.625), "by document": with_baselines(f=0.75)}, SURE
    )
    assert list(told.columns) == ["by item", "by document"]
    assert list(told.index[:2]) == [f"no vector: {name}" for name in BLIND]
    assert told.loc["probe on h"].tolist() == ["62.5 %", "50.0 %"]
    assert told.loc["kNN on f"].tolist() == ["62.5 %", "87.5 %"]


def test_what_a_split_lets_be_copied_is_told_of_this_run():
    columns = ["split", "items", "same_sentence", "same_document"]
    apart = pd.DataFrame([("by item", 10, 0.0, 0.0), ("by document", 8, 0.0, 0.0)], columns=columns)
    shared = pd.DataFrame([("by item", 10, 0.0, 0.125), ("by document", 8, 0.0, 0.0)], columns=columns)
    assert "nothing to be copied" in answers.overlap_note(apart)
    assert "nothing to be copied" not in answers.overlap_note(shared)
    told = answers.overlap(shared)
    assert told.loc["by item"].tolist() == [10, "0.0%", "12.5%"]


def legend_of(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


def test_who_sees_no_vector_is_a_line_across_the_picture():
    axis = figures.scores_by_subset(with_baselines(), "accuracy", "accuracy", hue="predictor").axes[0]
    across = {line.get_label(): line.get_xdata() for line in axis.lines if line.get_label() in BLIND}
    assert {name: float(x[0]) for name, x in across.items()} == {name: 100 * of for name, of in BLIND.items()}
    assert legend_of(axis) == ["kNN", "probe", *BLIND]
    assert len(axis.get_yticks()) == 16
    alone = scored("learned", {"": 0.5})  # a table of the empty subset alone has dots, not a line
    axis = figures.scores_by_subset(alone, "accuracy", "accuracy", hue="predictor").axes[0]
    assert legend_of(axis) == ["learned head"]
    plt.close("all")


def test_what_was_read_most_from_is_added_up_over_layers():
    rows = [("one", "a", "x", 0.1), ("one", "a", "x", 0.2), ("one", "b", "y", 0.25)]
    table = pd.DataFrame(rows, columns=["sentence", "source", "token", "importance"])
    assert answers.largest_sources(table, 1).iloc[0, 0] == "x 30.0%"
