"""Numbers in the book's prose, filled in from the tables of published runs.

A page writes <<minilm senses classifier accuracy i+h>> where a number is to stand: the run's folder
under book/published, or `paper`; then what is asked for, see the functions below.
"""

import re
from collections.abc import Callable, Mapping

import pandas as pd

from dissect.errors import DissectError
from dissect.report import intervals, published, readings
from dissect.site.across import Run

QUOTE = re.compile(r"<<(\S+) ([^<>]+)>>")


def filled(text: str, runs: Mapping[str, Run]) -> str:
    """The text with its numbers. Raises `DissectError` for one that no run has."""

    def number(match: re.Match[str]) -> str:
        name, wanted = match.groups()
        what, *details = wanted.split()
        try:
            return KINDS.get(what, score)(runs[name], *([] if what in KINDS else [what]), *details)
        except (KeyError, IndexError, TypeError, ValueError):
            raise DissectError(f"the book asks for a number that no published run has: {match[0]}") from None

    return QUOTE.sub(number, text)


def score(run: Run, table: str, predictor: str, name: str, terms: str) -> str:
    """A mean over seeds, in percent (cross-entropy in nats).

    Args:
        run: Whose it is.
        table: Its name.
        predictor: Its name in the table; `whole` is the head for whole embeddings, pretrained or trained
            afterwards.
        name: That of the score.
        terms: The subset; "none" is the baseline.
    """
    tables = {**run.tables, **run.known}
    of = str(readings.whole_head(tables[table])) if predictor == "whole" else predictor
    nats = name == "cross_entropy"
    values = (readings.means if nats else readings.percent)(tables[table], of, name)
    return f"{values['' if terms == 'none' else terms]:.{2 if nats else 1}f}"


def importance(run: Run, model: str, term: str, layer: str) -> str:
    """Mean importance.

    Args:
        run: Whose it is.
        model: Its place in the table; 0 is the pretrained one.
        term: Its name.
        layer: A number, `last`, or `mean` for that over layers.
    """
    table = run.tables["importance"]
    first, tuned = readings.models_of(table)
    of = readings.shares(table, [first, *tuned][int(model)])[term]
    value = of.iloc[-1] if layer == "last" else of.mean() if layer == "mean" else of.loc[int(layer)]
    return intervals.number(value, 2)


def correlation(run: Run, term: str) -> str:
    """Spearman's correlation with the first fine-tuned model, mean over layers."""
    means, _ = readings.correlations(run.tables["correlation"])
    return intervals.number(next(iter(means.values()))[term], 2)


def difference(run: Run, table: str, predictor: str, name: str, a: str, b: str) -> str:
    """How far one subset is above another in points, with its 95 % interval over test sentences.

    Args:
        run: Whose it is.
        table: Its name.
        predictor: Its name in the table.
        name: That of the score.
        a: The subset that is compared.
        b: That which it is compared with.
    """
    points, low, high = readings.difference(run.tables[f"{table}_pairs"], predictor, name, a, b)
    value, lowest, highest = (intervals.number(x, 1, "+") for x in (points, low, high))
    return f"{value} points ({lowest} to {highest})"


def linear(run: Run, which: str) -> str:
    """The lowest or highest R² of a linear stand-in for a feed-forward: min or max."""
    ends = dict(zip(("min", "max"), readings.lowest_highest(run.tables["feedforward_r2"]["r2"]), strict=True))
    return intervals.number(ends[which], 2)


def first(run: Run) -> pd.DataFrame:
    """What the first version of the criteria said of a published run: by claim, verdict and numbers."""
    said = published.first_verdicts()
    return said[said["run"] == run.folder].set_index("claim")


def verdict(run: Run, claim: str) -> str:
    """The first verdict on a claim, by its name."""
    return str(first(run)["verdict"][claim])


def evidence(run: Run, claim: str) -> str:
    """The numbers that decided a claim by the first version of its criterion."""
    return str(first(run)["numbers"][claim])


def agreement(run: Run, table: str, predictor: str, a: str, b: str) -> str:
    """How far two subsets' predictions agree, in percent.

    Args:
        run: Whose it is.
        table: Its name.
        predictor: Its name in the table.
        a: One subset.
        b: The other.
    """
    row = readings.of_pair(run.tables[f"{table}_agreement"], predictor, a, b)
    return f"{100 * row['agreement']:.0f} %"


def count(run: Run, *words: str) -> str:
    """How many claims had a verdict by the first version of the criteria."""
    return str(readings.verdict_counts(first(run))[" ".join(words)])


KINDS: dict[str, Callable[..., str]] = {
    "importance": importance, "correlation": correlation, "difference": difference, "r2": linear,
    "verdict": verdict, "evidence": evidence, "agreement": agreement, "count": count,
}  # fmt: skip
