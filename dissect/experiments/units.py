"""What the experiments of chapters 3 to 5 share: predictors on every subset of the terms, over seeds.

A unit of work is one predictor with one seed, on all subsets. It is data and functions of modules, so that
it can be pickled and sent elsewhere, and what it finds is a table of scores, counts and a table of
agreement. From those of all units come the results of the experiment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from dissect.decomposition import subsets
from dissect.experiments.measures import agreement
from dissect.experiments.probes import Split
from dissect.experiments.statistics import Counted, Score, compared, count
from dissect.progress import track
from dissect.tables import Results

Answers = Mapping[str, Any]  # by name, "predicted" among them; each a tensor or an array, (test items,)


class Predictor(Protocol):
    """What answers for the test items of a split, given one subset of the terms of all items."""

    def __call__(self, items: Any, subset: str, split: Split, *, seed: int) -> Answers:
        """What is said of the test items, in their order.

        Args:
            items: Their terms and labels.
            subset: Of the terms.
            split: Which items are learned from, and which tested.
            seed: Of what is drawn.
        """


@dataclass(frozen=True)
class Experiment:
    """What an experiment has of its own, beside its items and its predictors.

    Attributes:
        label: Of its progress, before the predictor's name.
        counts: Items, split and the answers on each subset -> by score the counts of test items, or of
            sentences.
        score: Of such counts, added up.
        average: Of agreement, see `measures.agreement`; None where it is not asked for.
    """

    label: str
    # items, split and the answers on each subset -> by score the counts of test items, or of sentences
    counts: Callable[[Any, Split, Sequence[Answers]], dict[str, Counted]]
    score: Score
    average: str | None = None


@dataclass(frozen=True)
class Unit:
    """One predictor with one seed, on all subsets of the terms of some items.

    Attributes:
        predictor: Its name in the tables.
        items: Their terms and labels, as predictor and experiment know them.
    """

    experiment: Experiment
    predictor: str
    predict: Predictor
    items: Any
    split: Split
    seed: int


@dataclass(frozen=True)
class Found:
    """What a unit finds.

    Attributes:
        predictor: Its name in the tables.
        scores: Predictor, terms, seed, and a column a score; a row a subset.
        counted: By score what it is computed from, added up over sentences, (subsets, sentences, k).
        agreement: Predictor, terms_a, terms_b, agreement; the baseline, which has no terms, left out.
    """

    predictor: str
    scores: pd.DataFrame
    counted: dict[str, Counted]
    agreement: pd.DataFrame | None


def answers(unit: Unit) -> dict[str, Answers]:
    """What the predictor says of the test items, by subset. Raises what the predictor raises."""
    label = f"{unit.experiment.label} {unit.predictor}, seed {unit.seed}"
    return {
        subset: unit.predict(unit.items, subset, unit.split, seed=unit.seed)
        for subset in track(subsets(), label)
    }


def found(unit: Unit) -> Found:
    """A unit's answers, scored. Raises what its predictor raises."""
    experiment, said = unit.experiment, answers(unit)
    counts = experiment.counts(unit.items, unit.split, list(said.values()))
    scores = {name: experiment.score(of.counts.sum(1)) for name, of in counts.items()}
    table = {"predictor": unit.predictor, "terms": list(said), "seed": unit.seed, **scores}
    agreed = None
    if experiment.average:
        predicted = {subset: np.asarray(of["predicted"]) for subset, of in said.items() if subset}
        agreed = agreement(predicted, experiment.average).assign(predictor=unit.predictor)
    by_sentence = {name: count(of.sentences, of.counts) for name, of in counts.items()}
    return Found(unit.predictor, pd.DataFrame(table), by_sentence, agreed)


def results(units: Sequence[Unit]) -> Results:
    """The results of an experiment whose units these are, worked out one after another."""
    return collected(units[0].experiment, [found(unit) for unit in units])


def collected(experiment: Experiment, parts: Sequence[Found]) -> Results:
    """The results of an experiment from what its units found; rows stand in the order of these."""
    runs: dict[tuple[str, str], list[Counted]] = {}
    for part in parts:
        for score, counted in part.counted.items():
            runs.setdefault((part.predictor, score), []).append(counted)
    sure = [compared(*names, subsets(), counted, experiment.score) for names, counted in runs.items()]
    agreed = [part.agreement for part in parts if part.agreement is not None]
    return Results(
        pd.concat([part.scores for part in parts], ignore_index=True),
        pd.concat([intervals for intervals, _ in sure], ignore_index=True),
        pd.concat([pairs for _, pairs in sure], ignore_index=True),
        mean_agreement(pd.concat(agreed)) if agreed else None,
    )


def mean_agreement(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of agreement between two subsets, by predictor."""
    keys = ["predictor", "terms_a", "terms_b"]
    return table.groupby(keys, sort=False)["agreement"].mean().reset_index()
