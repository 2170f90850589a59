"""Numbers along a row of runs, as of a sweep, each with its 95 % interval where the run has one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dissect.decomposition import TERMS
from dissect.experiments.certainty import arrays, estimate
from dissect.report import readings

Tables = Mapping[str, pd.DataFrame]
WHOLE = "+".join(TERMS)
LINES = (*TERMS, WHOLE)
FOUND = ["terms", "mean", "low", "high"]


@dataclass(frozen=True)
class Measure:
    """What is told of every run of a row.

    Attributes:
        name: In the name of its picture.
        title: Above it.
        unit: What its numbers are.
        digits: That they are told with.
        lines: The subsets of the terms that are told.
        found: A run's tables to a row a subset: terms, mean, low and high; empty where it has none.
    """

    name: str
    title: str
    unit: str
    digits: int
    lines: Sequence[str]
    found: Callable[[Tables], pd.DataFrame]


def importance(tables: Tables) -> pd.DataFrame:
    """Mean importance in the last layer of a run's pretrained model.

    Args:
        tables: The run's.

    Returns:
        Terms, mean, low, high; without pseudo-values low and high are NaN.
    """
    if "importance" not in tables:
        return pd.DataFrame(columns=FOUND)
    table = tables["importance"]
    model, _ = readings.models_of(table)
    last = int(table[table["model"] == model]["layer"].max())
    ends = last_layer_intervals(tables, model, last)
    means = readings.shares(table, model).loc[last]
    rows = [(term, means[term], *ends.get(term, (np.nan, np.nan))) for term in TERMS]
    return pd.DataFrame(rows, columns=FOUND)


def last_layer_intervals(tables: Tables, model: str, layer: int) -> dict[str, tuple[float, float]]:
    """The 95 % interval of each term's mean importance; {} where the run has no pseudo-values.

    Args:
        tables: The run's.
        model: Its name in them.
        layer: The last one.
    """
    if "importance_groups" not in tables:
        return {}
    groups = tables["importance_groups"]
    of_layer = groups[(groups["model"] == model) & (groups["layer"] == layer)]
    return {term: estimate(pseudo).interval() for (term,), pseudo in arrays(of_layer, "term").items()}


def scores(
    table: str, predictor: str, score: str, next_words: bool | None = None
) -> Callable[[Tables], pd.DataFrame]:
    """What finds a predictor's scores by subset of the terms, in percent.

    Args:
        table: Its name.
        predictor: Its name in the table.
        score: The name of the score's column.
        next_words: Of hidden words, whether they are next ones: runs that asked the other have no such score.
    """

    def found(tables: Tables) -> pd.DataFrame:
        of_other = next_words is not None and readings.next_words(tables) != next_words
        if table not in tables or of_other:
            return pd.DataFrame(columns=FOUND)
        means = readings.percent(tables[table], predictor, score)
        ends = score_intervals(tables.get(f"{table}_intervals"), predictor, score)
        rows = [
            (terms, means[terms], *ends.get(terms, (np.nan, np.nan))) for terms in LINES if terms in means
        ]
        return pd.DataFrame(rows, columns=FOUND)

    return found


def score_intervals(
    intervals: pd.DataFrame | None, predictor: str, score: str
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of each subset's score, in percent; {} where the run has none.

    Args:
        intervals: Predictor, score, terms, mean, std, low, high.
        predictor: Its name in the table.
        score: That of the score.
    """
    if intervals is None:
        return {}
    of = intervals[(intervals["predictor"] == predictor) & (intervals["score"] == score)]
    return {str(row.terms): (100 * row.low, 100 * row.high) for row in of.itertuples()}


SHARE = "importance  $e·x\\,/\\,e·e$"
MEASURES = (
    Measure("importance", "Importance in the last layer", SHARE, 2, TERMS, importance),
    *(
        Measure(name, title, unit, 1, LINES, scores(*of))
        for name, title, unit, of in (
            ("masked-words", "Masked words, learned heads", "accuracy (%)",
             ("masked_words", "learned", "accuracy", False)),
            ("next-words", "Next words, learned heads", "accuracy (%)",
             ("masked_words", "learned", "accuracy", True)),
            ("senses", "Word senses, the probe", "accuracy (%)", ("senses", "classifier", "accuracy")),
            ("senses-documents", "Word senses by document, the probe", "accuracy (%)",
             ("senses_documents", "classifier", "accuracy")),
            ("entities", "Named entities, the pretrained model", "macro-F1 (%)",
             ("entities", "base", "macro_f1")),
        )
    ),
)  # fmt: skip


def along(measure: Measure, runs: Mapping[str, Tables]) -> pd.DataFrame:
    """A measure of every run of a row.

    Args:
        measure: One of `MEASURES`.
        runs: The runs' tables by name, in their row.

    Returns:
        Run, terms, mean, low, high, of each run all lines of the measure; NaN where it has no number.
    """
    parts = []
    for name, tables in runs.items():
        found = measure.found(tables).set_index("terms").reindex(list(measure.lines)).astype(float)
        parts.append(found.rename_axis("terms").reset_index().assign(run=name))
    return pd.concat(parts, ignore_index=True)[["run", *FOUND]]
