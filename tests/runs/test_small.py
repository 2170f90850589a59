"""A run of the profile "small" finds what the default run finds, and says how sure it is."""

from pathlib import Path

import pandas as pd
import pytest

from dissect.decomposition import TERMS
from dissect.report import readings
from dissect.runs.run import run
from dissect.runs.settings import settings_from

pytestmark = pytest.mark.slow

# What the default run finds best of single terms, the next, and whether its interval decides between them.
FOUND = [
    ("masked_words", "learned", "accuracy", "h", "f", True),
    ("senses", "classifier", "accuracy", "h", "f", False),
    ("senses", "knn", "accuracy", "f", "h", False),
    ("entities", "base", "entity_f1", "f", "h", False),
    ("entities", "base", "macro_f1", "f", "h", False),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    asked = {"name": "weak", "profile": "small", "sections": (2, 3, 4, 5)}
    return run(settings_from(asked), tmp_path_factory.mktemp("runs")) / "results"


def table(results: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(results / f"{name}.parquet")


@pytest.mark.parametrize(("task", "predictor", "score", "best", "second", "sure"), FOUND)
def test_the_best_term_is_that_of_the_default_run(
    results: Path, task: str, predictor: str, score: str, best: str, second: str, sure: bool
) -> None:
    scores = readings.percent(table(results, task), predictor, score)[list(TERMS)]
    assert list(scores.nlargest(2).index) == [best, second]
    pairs = table(results, f"{task}_pairs")
    _, low, high = readings.difference(pairs, predictor, score, best, second)
    assert (low > 0) == sure and high > 0
    assert readings.difference(pairs, predictor, score, best, "")[1] > 0  # it surely beats the baseline


@pytest.mark.parametrize("score", ["entity_f1", "macro_f1"])
def test_two_terms_that_the_default_run_holds_for_equal_are_not_told_apart(results: Path, score: str) -> None:
    _, low, high = readings.difference(table(results, "entities_pairs"), "finetuned", score, "h", "f")
    assert low < 0 < high


def test_the_largest_term_is_that_of_the_default_run(results: Path) -> None:
    importance = table(results, "importance")
    pretrained, tuned = readings.models_of(importance)
    assert len(tuned) == 1
    for model in (pretrained, *tuned):
        assert readings.shares(importance, model).iloc[-1].idxmax() == "f"
    means, _ = readings.correlations(table(results, "correlation"))
    assert means[tuned[0]].idxmin() == "h"
