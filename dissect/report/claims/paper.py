"""How large the paper's own differences are, where its figures tell: the effects of made-up runs."""

from functools import cache

import pandas as pd

from dissect.report import published, readings


@cache
def _importance() -> pd.DataFrame:
    return published.importance()


def share(term: str, layer: int | None = None, model: int = 0) -> float:
    """The paper's mean importance of a term: in a layer, -1 for the last, or over layers.

    Args:
        term: Its name.
        layer: From 1, or -1.
        model: 0 is bert-base-uncased, 1 and 2 are the models fine-tuned on entities and on questions.
    """
    first, tuned = readings.models_of(_importance())
    of = readings.shares(_importance(), [first, *tuned][model])[term]
    return float(of.mean() if layer is None else of.iloc[-1] if layer == -1 else of.loc[layer])


@cache
def _senses() -> pd.Series:
    return readings.means(published.senses(), "classifier", "accuracy")


def senses(a: str, b: str) -> float:
    """By how much the paper's probe for senses is more accurate on one subset than on another."""
    return float(_senses()[a] - _senses()[b])
