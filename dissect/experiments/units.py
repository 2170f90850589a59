"""What the experiments of chapters 3 to 5 share: predictors on every subset of the terms, over seeds.

A unit of work is one predictor with one seed, on all subsets. It is data and functions of modules, so that
it can be pickled and sent elsewhere, and what it finds is a table of scores, counts and a table of
agreement. From those of all units come the results of the experiment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from dissect.decomposition import subsets
from dissect.experiments import certainty, consistency
from dissect.experiments.measures import agreement
from dissect.experiments.probes import Split, permuted
from dissect.experiments.statistics import Counted, Score, count
from dissect.pool import mapped
from dissect.progress import named
from dissect.tables import CONTROL, Results

Answers = Mapping[str, Any]  # by name, "predicted" among them; each a tensor or an array, (test items,)


class Predictor(Protocol):
    """What answers for the test items of a split, given subsets of the terms of all items."""

    def __call__(self, items: Any, subsets: Sequence[str], split: Split, *, seed: int) -> dict[str, Answers]:
        """What is said of the test items, in their order, by subset.

        Args:
            items: Their terms and labels.
            subsets: Of the terms.
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
        right: Items, split and the answers on each subset -> of each test item whether it was named rightly,
            as `statistics.accuracy_counts`; None where consistency is not asked for.
        more: Items, split and the answers on one subset -> rows of further tables, by the end of their name.
        aside: Scores that stand in the tables of intervals and pairs alone.
    """

    label: str
    # items, split and the answers on each subset -> by score the counts of test items, or of sentences
    counts: Callable[[Any, Split, Sequence[Answers]], dict[str, Counted]]
    score: Score
    average: str | None = None
    right: Callable[[Any, Split, Sequence[Answers]], Counted] | None = None
    more: Callable[[Any, Split, Answers], dict[str, pd.DataFrame]] | None = None
    aside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unit:
    """One predictor with one seed, on subsets of the terms of some items.

    Attributes:
        predictor: Its name in the tables.
        items: Their terms and labels, as predictor and experiment know them.
        subsets: Of the terms; None are all.
    """

    experiment: Experiment
    predictor: str
    predict: Predictor
    items: Any
    split: Split
    seed: int
    subsets: Sequence[str] | None = None


def control(unit: Unit, subset: str = "f") -> Unit:
    """The negative control of a unit: the same predictor on a term that says nothing of its item.

    Each item is given the terms of another, drawn anew for each seed. So the difference between the subset
    and the baseline, which stand alone in the tables, is to be undecided; where it is not, the predictor's
    training or the comparison finds what is not there.

    Args:
        unit: A predictor's.
        subset: Of the terms.

    Returns:
        A unit of two subsets, whose predictor is named `tables.CONTROL`.
    """
    items = replace(unit.items, features=permuted(unit.items.features, unit.seed))
    return replace(unit, predictor=CONTROL, items=items, subsets=("", subset))


@dataclass(frozen=True)
class Found:
    """What a unit finds.

    Attributes:
        scores: Predictor, terms, seed, and a column a score; a row a subset.
        groups: Their pseudo-values, with the columns of `certainty.GROUP`.
        agreement: Predictor, terms_a, terms_b, agreement; the baseline, which has no terms, left out.
        consistency: Predictor, terms, seed, group, value; see `consistency.with_others`.
        more: Further tables, by the end of their name; see `Experiment`.
    """

    scores: pd.DataFrame
    groups: pd.DataFrame
    agreement: pd.DataFrame | None
    consistency: pd.DataFrame | None
    more: dict[str, pd.DataFrame] = field(default_factory=dict)


def answers(unit: Unit) -> dict[str, Answers]:
    """What the predictor says of the test items, by subset. Raises what the predictor raises."""
    asked = subsets() if unit.subsets is None else unit.subsets
    with named(f"{unit.experiment.label} {unit.predictor}, seed {unit.seed}"):
        return unit.predict(unit.items, asked, unit.split, seed=unit.seed)


def found(unit: Unit) -> Found:
    """A unit's answers, scored. Raises what its predictor raises."""
    experiment, said = unit.experiment, answers(unit)
    about = {"predictor": unit.predictor, "seed": unit.seed}
    counts = experiment.counts(unit.items, unit.split, list(said.values()))
    group_of = certainty.parted(np.concatenate([of.sentences for of in counts.values()]))
    scores: dict[str, Any] = {}
    groups = []
    for name, of in counts.items():
        if name not in experiment.aside:
            scores[name] = experiment.score(of.counts.sum(1))
        pseudo = certainty.pseudovalues(experiment.score, count(of.sentences, of.counts), group_of)
        groups.append(certainty.grouped(list(said), pseudo, score=name, **about))
    of_terms = {subset: of for subset, of in said.items() if subset}
    table = pd.DataFrame({"terms": list(said), **scores}).assign(**about)
    return Found(
        table[["predictor", "terms", "seed", *scores]],
        pd.concat(groups, ignore_index=True)[certainty.GROUP],
        agreed(unit, of_terms),
        consistent(unit, of_terms, group_of),
        more_of(unit, said),
    )


def agreed(unit: Unit, said: Mapping[str, Answers]) -> pd.DataFrame | None:
    """How often the answers on two subsets are the same; None where the experiment does not ask."""
    if unit.experiment.average is None or len(said) < 2:
        return None
    predicted = {subset: np.asarray(of["predicted"]) for subset, of in said.items()}
    return agreement(predicted, unit.experiment.average).assign(predictor=unit.predictor)


def consistent(unit: Unit, said: Mapping[str, Answers], group_of: Mapping[int, int]) -> pd.DataFrame | None:
    """How far the answers on subsets are right on the same items; None where the experiment does not ask.

    Args:
        unit: With its experiment.
        said: By subset.
        group_of: The group of each cluster of test items.
    """
    if unit.experiment.right is None or len(said) < 2:
        return None
    right = unit.experiment.right(unit.items, unit.split, list(said.values()))
    group = np.array([group_of[int(name)] for name in right.sentences])
    pseudo = consistency.with_others(right.counts[..., 0] > 0, group)
    table = certainty.grouped(list(said), pseudo, predictor=unit.predictor, seed=unit.seed)
    return table[["predictor", "terms", "seed", "group", "value"]]


def more_of(unit: Unit, said: Mapping[str, Answers]) -> dict[str, pd.DataFrame]:
    """Further tables of a unit's answers, with the columns predictor, terms and seed in front."""
    parts: dict[str, list[pd.DataFrame]] = {}
    more = unit.experiment.more
    if more is None:
        return {}
    for subset, of in said.items():
        about = {"predictor": unit.predictor, "terms": subset, "seed": unit.seed}
        for name, table in more(unit.items, unit.split, of).items():
            parts.setdefault(name, []).append(table.assign(**about)[[*about, *table.columns]])
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def results(units: Sequence[Unit]) -> Results:
    """The results of an experiment whose units these are, worked out here or by a cluster's workers.

    Raises:
        ValueError: Seeds of one predictor are tested on other items, and so are not crossed with them.
    """
    tested: dict[str, list[int]] = {}
    for unit in units:
        if tested.setdefault(unit.predictor, unit.split.test.tolist()) != unit.split.test.tolist():
            raise ValueError(f"of the seeds of {unit.predictor} one is tested on other items: fix the split")
    return collected(mapped(found, units, "predictors"))


def collected(parts: Sequence[Found]) -> Results:
    """The results of an experiment from what its units found; rows stand in the order of these."""
    groups = pd.concat([part.groups for part in parts], ignore_index=True)
    intervals, pairs = certainty.compared(groups)
    same = [part.agreement for part in parts if part.agreement is not None]
    right = [part.consistency for part in parts if part.consistency is not None]
    return Results(
        pd.concat([part.scores for part in parts], ignore_index=True),
        groups,
        intervals,
        pairs,
        mean_agreement(pd.concat(same)) if same else None,
        pd.concat(right, ignore_index=True) if right else None,
        {
            name: pd.concat([part.more[name] for part in parts if name in part.more], ignore_index=True)
            for name in dict.fromkeys(name for part in parts for name in part.more)
        },
    )


def mean_agreement(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of agreement between two subsets, by predictor."""
    keys = ["predictor", "terms_a", "terms_b"]
    return table.groupby(keys, sort=False)["agreement"].mean().reset_index()
