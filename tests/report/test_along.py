"""Numbers along a row of runs, against the tables that they are from, and the picture of them."""

import numpy as np
import pandas as pd
import pytest

from dissect.decomposition import TERMS
from dissect.experiments.certainty import estimate
from dissect.places import PUBLISHED
from dissect.report import along, figures
from dissect.tables import results

MEASURES = {one.name: one for one in along.MEASURES}


def table_of_importance(layers: int) -> pd.DataFrame:
    rows = [
        (model, layer, term, layer / 10 + n / 100 + (model == "tuned"), 0.1)
        for model in ("first", "tuned")
        for layer in range(layers + 1)
        for n, term in enumerate(TERMS)
    ]
    return pd.DataFrame(rows, columns=["model", "layer", "term", "mean", "std"])


def test_importance_is_that_of_the_pretrained_models_last_layer():
    found = along.importance({"importance": table_of_importance(3)}).set_index("terms")
    assert found["mean"].to_dict() == pytest.approx({"i": 0.3, "h": 0.31, "f": 0.32, "c": 0.33})
    assert found[["low", "high"]].isna().all(axis=None)  # no pseudo-values, no interval


def test_importance_has_the_interval_of_its_pseudo_values():
    pseudo = np.array([0.2, 0.3, 0.5, 0.2])
    groups = pd.DataFrame(
        [
            (model, layer, term, group, value + layer)
            for model in ("first", "tuned")
            for layer in (2, 3)
            for term in TERMS
            for group, value in enumerate(pseudo + (model == "tuned"))
        ],
        columns=["model", "layer", "term", "group", "value"],
    )
    tables = {"importance": table_of_importance(3), "importance_groups": groups}
    found = along.importance(tables).set_index("terms")
    assert tuple(found.loc["f", ["low", "high"]]) == pytest.approx(estimate(pseudo[None] + 3).interval())


def scores(next_words: bool = False) -> dict[str, pd.DataFrame]:
    rows = [
        ("learned", terms, seed, 0.5 + seed / 10) for terms in ("", "i", "f", "i+h+f+c") for seed in (0, 1)
    ]
    ends = [("learned", "accuracy", "i", 0.55, 0.1, 0.4, 0.7), ("learned", "cross_entropy", "i", 3, 1, 2, 4)]
    kinds = ["accuracy"] if next_words else ["accuracy", "accuracy_masked"]
    return {
        "masked_words": pd.DataFrame(rows, columns=["predictor", "terms", "seed", "accuracy"]),
        "masked_words_intervals": pd.DataFrame(
            ends, columns=["predictor", "score", "terms", "mean", "std", "low", "high"]
        ),
        "masked_words_groups": pd.DataFrame({"score": kinds}),
    }


def test_scores_are_told_in_percent_with_their_own_interval():
    found = along.along(MEASURES["masked-words"], {"one": scores()}).set_index("terms")
    assert list(found.index) == list(along.LINES)
    assert tuple(found.loc["i", ["mean", "low", "high"]]) == pytest.approx((55, 40, 70))
    assert found.loc["i+h+f+c", "mean"] == pytest.approx(55) and np.isnan(found.loc["i+h+f+c", "low"])
    assert found.loc[["h", "c"], "mean"].isna().all()  # not among the subsets of this run


def test_masked_and_next_words_are_not_on_one_line():
    runs = {"masked": scores(), "next": scores(next_words=True), "neither": {}}
    there = {
        name: along.along(MEASURES[name], runs).dropna(subset="mean")["run"].unique().tolist()
        for name in ("masked-words", "next-words")
    }
    assert there == {"masked-words": ["masked"], "next-words": ["next"]}


def test_senses_of_a_decoder_are_told_like_all_others():
    senses = pd.DataFrame([("classifier", "h", 0, 0.25)], columns=["predictor", "terms", "seed", "accuracy"])
    found = along.along(MEASURES["senses"], {"one": {**scores(next_words=True), "senses": senses}})
    assert found.set_index("terms")["mean"]["h"] == 25


def test_published_runs_are_told_as_their_tables_are():
    runs = {place.name: results.read(place / "results") for place in PUBLISHED.glob("*/")}
    found = along.along(MEASURES["entities"], runs).set_index(["run", "terms"])["mean"]
    for name, tables in runs.items():
        base = tables["entities"].query("predictor == 'base'").groupby("terms")["macro_f1"].mean()
        assert found[name].to_dict() == pytest.approx((100 * base[list(along.LINES)]).to_dict())


def row(values, means, terms="h") -> pd.DataFrame:
    names = [f"r{n}" for n in range(len(values))]
    return pd.DataFrame(
        {"run": names, "value": values, "terms": terms, "mean": means, "low": means, "high": means},
        dtype=object,
    ).astype({"value": float, "mean": float, "low": float, "high": float})


def line_of(figure) -> tuple[list, list]:
    line = figure.axes[0].containers[0].lines[0]
    return list(line.get_xdata()), list(line.get_ydata())


def test_a_run_without_a_number_breaks_the_line():
    where, height = line_of(figures.along_runs(row([1, 2, 3], [0.1, np.nan, 0.3]), "step", "x"))
    assert where == [1, 2, 3] and np.isnan(height[1])


@pytest.mark.parametrize(
    ("values", "scale"),
    [([0, 1000, 2000], "linear"), ([1, 8, 512], "log"), ([0, 1, 512], "symlog"), ([-1, 1, 512], "linear"),
     ([0, 0, 0], "linear")],
)  # fmt: skip
def test_values_of_several_orders_are_set_out_by_their_logarithms(values, scale):
    figure = figures.along_runs(row(values, [0.1, 0.2, 0.3]), "step", "x")
    assert figure.axes[0].get_xscale() == scale and figure.axes[0].get_xlabel() == "step"


@pytest.mark.parametrize(
    ("values", "told"), [([7e7, 4e8, 7e9], "1G"), ([1e4, 2e4, 3e4], "20k"), ([1, 2, 3], "2.00")]
)
def test_large_values_are_told_short(values, told):
    figure = figures.along_runs(row(values, [0.1, 0.2, 0.3]), "step", "x")
    figure.canvas.draw()
    assert told in {tick.get_text() for tick in figure.axes[0].get_xticklabels()}


@pytest.mark.parametrize("values", [[0, 10, 20], [0, 1, 1000], [3, 30, 3000]])
def test_all_that_is_drawn_is_in_the_picture(values):
    table = row(values, [0.1, np.nan, 0.8]).assign(low=[0.05, np.nan, 0.3], high=[0.2, np.nan, 0.95])
    axis = figures.along_runs(table, "step", "x").axes[0]
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    assert left < values[0] and values[-1] < right < 10 * values[-1]
    assert low < 0.05 and 0.95 < high < 1.2
    axis = figures.runs_one_below_another(table, "x").axes[0]
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    assert -0.2 < left < 0.05 and 0.95 < right < 1.2 and high < 0 and 2 < low  # the first run on top


def test_runs_in_a_row_by_nothing_have_their_names_and_no_line():
    table = row([np.nan] * 40, [0.1] * 40)
    table["run"] = [f"a $model$ {n}" for n in range(40)]
    figure = figures.runs_one_below_another(table, "x")
    figure.canvas.draw()  # names are no formulas
    (axis,) = figure.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == list(table["run"])
    assert axis.containers[0].lines[0].get_linestyle() == "None"
    apart = np.diff([tick.get_window_extent().y0 for tick in axis.get_yticklabels()])
    assert abs(apart).min() > axis.get_yticklabels()[0].get_size() * figure.dpi / 72
