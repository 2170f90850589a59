"""Numbers of measurements are told with their intervals, and no more digits than these bear."""

import math

import pandas as pd
import pytest

from dissect.report import intervals


@pytest.mark.parametrize(
    ("error", "digits"),
    [(40, 0), (8.5, 0), (3.6, 0), (3.5, 1), (0.4, 1), (0.35, 2), (0.012, 3), (1e-9, 4), (0, 1), (math.nan, 1),
     (math.inf, 1)],
)  # fmt: skip
def test_digits_follow_from_the_error(error, digits):
    assert intervals.digits(error) == digits


def test_a_column_has_digits_of_its_own():
    rows = [("knn", "wide", 0.5, 0.4, 0.6), ("knn", "", 0.5, 0.499, 0.501), ("b", "wide", 0.25, 0.2, 0.3),
            ("b", "", 0.25, 0.249, 0.251)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["task", "terms", "mean", "low", "high"])
    told = intervals.written(table, ["task"], "terms", 100)
    assert list(told.columns) == ["wide", "none"] and list(told.index) == ["kNN", "b"]
    assert told["wide"].tolist() == ["50 [40, 60]", "25 [20, 30]"]
    assert told["none"].tolist() == ["50.00 [49.90, 50.10]", "25.00 [24.90, 25.10]"]


def test_zero_has_no_sign():
    table = pd.DataFrame([("a", "x", -0.0001, -0.1, 0.1)], columns=["task", "terms", "mean", "low", "high"])
    assert intervals.written(table, ["task"], "terms").loc["a", "x"] == "0.00 [−0.10, 0.10]"
