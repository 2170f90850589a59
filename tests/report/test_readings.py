"""Numbers read off tables: of which rows, in which unit, and that all who tell one tell the same."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dissect.decomposition.parts import TERMS, subsets
from dissect.experiments.certainty import intervals
from dissect.report import answers, claims, readings
from dissect.runs import samples
from dissect.site import across
from dissect.site import prose as quoted

NONE = float("nan")


def scores(**by_subset):
    """Accuracies of a predictor, seed by seed; another predictor has nothing but ones."""
    rows = [
        (predictor, terms.replace("none", ""), seed, value if predictor == "classifier" else 1.0)
        for predictor in ("knn", "classifier")
        for terms, values in by_subset.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["predictor", "terms", "seed", "accuracy"])


def test_means_are_of_one_predictor_and_leave_seeds_without_a_number_out():
    table = scores(h=[0.25, 0.5, NONE], f=[0.5, 0.5, 0.75])
    assert readings.means(table, "classifier", "accuracy").to_dict() == pytest.approx(
        {"f": 7 / 12, "h": 0.375}
    )
    assert readings.percent(table, "classifier")["h"] == pytest.approx(37.5)
    assert readings.by_seed(table, "classifier", "accuracy")["f"].tolist() == [50, 50, 75]
    assert readings.means(table, "nobody", "accuracy").empty
    with pytest.raises(KeyError):
        readings.means(table, "knn", "macro_f1")


def test_the_deviation_is_that_of_the_tables_of_intervals():
    told = intervals({"h": np.array([[0.75] * 2, [0.25] * 2]), "i+h": np.array([[0.25] * 2, [0.75] * 2])})
    table = scores(**{"h": [0.75, 0.25], "i+h": [0.25, 0.75]})
    found = readings.deviation(table, "classifier", "accuracy")
    assert told.set_index("terms")["std"].to_dict() == found.to_dict() == {"h": 0.25, "i+h": 0.25}
    assert samples.score_of(table, "classifier", "accuracy", 0.3)[3] == 0.25


def test_the_spread_leaves_the_baseline_out():
    table = scores(none=[0.0, 1.0], h=[0.5, 0.75, NONE], f=[0.5, 0.5])
    assert readings.from_worst_to_best(table, "classifier", "accuracy").to_dict() == {"f": 0, "h": 25}


def test_subsets_with_f_and_with_h_but_no_f():
    table = scores(
        **{name or "none": [0.5 if "f" in name else 0.25 if "h" in name else 0] for name in subsets()}
    )
    assert readings.with_and_without_f(table, "classifier", "accuracy") == (50, 25)


def test_a_pair_is_found_in_either_order_and_its_difference_turned():
    rows = [("knn", "accuracy", "h", "f", 0.2, 0.1, 0.3), ("knn", "loss", "h", "f", 9, 9, 9),
            ("knn", "accuracy", "h", "h", 0, 0, 0)]  # fmt: skip
    table = pd.DataFrame(
        rows, columns=["predictor", "score", "terms_a", "terms_b", "difference", "low", "high"]
    )
    assert readings.difference(table, "knn", "accuracy", "h", "f") == pytest.approx((20, 10, 30))
    assert readings.difference(table, "knn", "accuracy", "f", "h") == pytest.approx((-20, -30, -10))
    with pytest.raises(IndexError):
        readings.difference(table, "classifier", "accuracy", "h", "f")


def test_shares_are_without_the_embedding_layer_and_zero_where_a_term_is_not():
    rows = [("a", layer, term, 0.25) for layer in (0, 1, 2) for term in TERMS if (term, layer) != ("f", 1)]
    table = pd.DataFrame([*rows, ("b", 1, "i", 1.0)], columns=["model", "layer", "term", "mean"])
    assert readings.models_of(table) == ("a", ["b"])
    found = readings.shares(table, "a")
    assert found.index.tolist() == [1, 2] and found.loc[1].tolist() == [0.25, 0.25, 0, 0.25]


def test_chapter_page_and_prose_tell_one_mean():
    """A third seed has no number; the mean of the two others is told by all."""
    table = scores(**{name or "none": [0.5, 0.25, NONE] for name in subsets()})
    table.loc[table["terms"] == "h", "accuracy"] += 0.125
    pairs = [("i", "h", 0.5), ("i", "f", 0.5)]
    agreed = pd.DataFrame(
        [(name, *pair) for name in ("knn", "classifier") for pair in pairs],
        columns=["predictor", "terms_a", "terms_b", "agreement"],
    )
    run = across.Run("one", "", {"senses": table})
    sure = pd.DataFrame(
        [("classifier", "accuracy", 0.48, 0.52)], columns=["predictor", "score", "low", "high"]
    )
    assert answers.word_senses(table, agreed, sure)[answers.HERE]["h against f, probe"] == "50.0 and 37.5 %"
    told = across.numbers([run])["one"]
    assert told["word senses, probe on h and on f (accuracy)"] == "50.0 and 37.5 %"
    prose = quoted.filled(
        "<<one senses classifier accuracy h>> <<one senses classifier accuracy f>>", {"one": run}
    )
    assert prose == "50.0 37.5"


def test_who_tells_numbers_reads_them_off_no_table_himself():
    """Means and spreads are `readings`' business, but for one sentence's and one claim's layers.

    One function groups rows to lay them out as a table, and computes nothing of them.
    """
    own = {"largest_sources", "units_apart", "finer", "certainty"}
    files = [Path(str(module.__file__)) for module in (answers, across, quoted)]
    judges = list(Path(str(claims.__file__)).parent.glob("*.py"))
    assert len(judges) > 5
    for file in files + judges:
        for one in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(one, ast.FunctionDef) and one.name not in own:
                called = {node.attr for node in ast.walk(one) if isinstance(node, ast.Attribute)}
                assert not called & {"groupby", "pivot"}, one.name
