"""How sure a score is: its pseudo-values by seed and group of test sentences, and one interval of them.

A difference between two subsets of the terms varies with what a probe draws (its seed) and with what it
is tested on. Both are random and crossed: each seed is tested on each sentence. Test sentences, or
documents where a corpus has them, are parted into groups; a score without one group after another gives
that group's pseudo-value (Tukey's jackknife; Efron and Tibshirani 1993, chapter 11), whatever the score.
Their table, (seeds, groups), is that of an analysis of variance with two crossed random factors, which
yields the variance of the mean (Searle, Casella and McCulloch 1992, section 4.3) and, with
Satterthwaite's degrees of freedom, an interval by Student's t.

The split of a corpus is fixed for a run. So an interval says what other seeds and other test sentences
of the kind would give, and not what another training sample would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import t as student

from dissect import reuse
from dissect.experiments.statistics import Counted, Score

GROUPS = 40  # of test sentences, at most: as many as an interval's degrees of freedom can use
LEVEL = 0.95
POWER = 0.8  # at which a difference counts as one that could have been seen


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error.

    Attributes:
        value: In the unit of the score.
        error: Its standard error, in the same unit.
        freedom: Degrees of freedom of Student's t.
    """

    value: float
    error: float
    freedom: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """The two-sided interval of that level."""
        reach = self.reach(level)
        return self.value - reach, self.value + reach

    def reach(self, level: float = LEVEL) -> float:
        """Half the width of the interval of that level."""
        return float(student.ppf((1 + level) / 2, self.freedom)) * self.error

    def p(self, null: float = 0.0) -> float:
        """Two-sided: how often chance alone would put it as far from `null`."""
        if self.error == 0:
            return 1.0 if self.value == null else 0.0
        return float(2 * student.sf(abs(self.value - null) / self.error, self.freedom))

    def seen(self, level: float = LEVEL) -> float:
        """The smallest difference that would have been decided, at that level, four times in five."""
        return self.reach(level) + float(student.ppf(POWER, self.freedom)) * self.error


def parted(clusters: np.ndarray, groups: int = GROUPS) -> dict[int, int]:
    """The group of each cluster of test items; a cluster (a sentence, a document) is never parted.

    Clusters are dealt out in turn, in an order drawn once, so that neighbours in a corpus fall into
    different groups and groups are as many clusters large as one another, or one larger.

    Args:
        clusters: Their numbers, in any order.
        groups: How many there are to be, at most.
    """
    names = np.unique(clusters)
    shuffled = np.random.default_rng(0).permutation(names)
    return {int(name): place % groups for place, name in enumerate(shuffled)}


@reuse.timed("statistics")
def pseudovalues(score: Score, counted: Counted, group_of: dict[int, int]) -> np.ndarray:
    """Of each group what it makes of the score: (subsets, groups); the mean over groups is the score.

    Args:
        score: Of counts that are added up.
        counted: By cluster.
        group_of: The group of each cluster.
    """
    groups = max(group_of.values()) + 1
    place = np.array([group_of[int(name)] for name in counted.sentences])
    by_group = np.zeros((len(counted.counts), groups, counted.counts.shape[-1]))
    for group in range(groups):
        by_group[:, group] = counted.counts[:, place == group].sum(1)
    total = by_group.sum(1, keepdims=True)
    return about(score(total)[:, 0], score(total - by_group))


def about(whole: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Pseudo-values whose mean is the statistic itself, not its jackknife: the bias is left as it is.

    Args:
        whole: The statistic, (...).
        without: The same without each group, (..., groups).

    Returns:
        (..., groups).
    """
    groups = without.shape[-1]
    if groups == 1:
        return whole[..., None]
    return whole[..., None] + (groups - 1) * (without.mean(-1, keepdims=True) - without)


def estimate(pseudo: np.ndarray) -> Estimate:
    """The mean of pseudo-values, with the error that seeds and groups, crossed, leave it.

    Args:
        pseudo: (seeds, groups); one seed where nothing is drawn. Of one group, which says nothing of
            others, the error is nan.
    """
    return Estimate(*(float(number) for number in estimates(pseudo)))


def estimates(pseudo: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, error and degrees of freedom of many at once, (...); see `estimate`.

    Args:
        pseudo: (..., seeds, groups).
    """
    seeds, groups = pseudo.shape[-2:]
    of_groups = pseudo.mean(-2)
    value = of_groups.mean(-1)
    if groups < 2:
        return value, np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    if seeds == 1:
        error = np.sqrt(of_groups.var(-1, ddof=1) / groups)
        return value, error, np.full(value.shape, groups - 1.0)
    of_seeds = pseudo.mean(-1)
    rest = pseudo - of_groups[..., None, :] - of_seeds[..., None] + value[..., None, None]
    by_seed, by_group = groups * of_seeds.var(-1, ddof=1), seeds * of_groups.var(-1, ddof=1)
    by_both = (rest**2).sum((-2, -1)) / ((seeds - 1) * (groups - 1))
    # Variance of the mean, times seeds times groups: a component that comes out negative counts as nothing.
    adds = np.stack([by_seed > by_both, by_group > by_both])
    weights = np.stack([*adds, 1 - adds.sum(0)])
    squares = weights * [by_seed, by_group, by_both]
    total = np.maximum(squares.sum(0), 0)
    freedom = np.array([seeds - 1.0, groups - 1.0, (seeds - 1.0) * (groups - 1.0)])
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = total**2 / (squares**2 / freedom.reshape(-1, *[1] * value.ndim)).sum(0)
    return value, np.sqrt(total / (seeds * groups)), np.where(total > 0, shared, groups - 1.0)


def resampled(pseudo: np.ndarray, times: int, rng: np.random.Generator) -> np.ndarray:
    """Means of pseudo-values of seeds and groups drawn anew, with replacement: a crossed bootstrap.

    Owen (2007): the drawn means spread a little more than the mean itself, which errs on the safe side.

    Args:
        pseudo: (statistics, seeds, groups).
        times: How often both are drawn.
        rng: Of the draws.

    Returns:
        (times, statistics).
    """
    _, seeds, groups = pseudo.shape
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), times) / seeds
    of_groups = rng.multinomial(groups, np.full(groups, 1 / groups), times) / groups
    return np.einsum("tr,srg,tg->ts", of_seeds, pseudo, of_groups, optimize=True)


PAIR = ["terms_a", "terms_b", "difference", "low", "high", "p"]  # columns of a table of pairs
GROUP = ["predictor", "score", "terms", "seed", "group", "value"]  # columns of a table of pseudo-values


def grouped(names: Sequence[str], pseudo: np.ndarray, **about: object) -> pd.DataFrame:
    """Pseudo-values of one unit of work as rows: of each subset and group.

    Args:
        names: Of the subsets.
        pseudo: (subsets, groups).
        **about: What is the same in all rows, by column.
    """
    subsets, groups = pseudo.shape
    columns = {"terms": np.repeat(list(names), groups), "group": np.tile(np.arange(groups), subsets)}
    return pd.DataFrame({**columns, "value": pseudo.ravel()}).assign(**about)


def arrays(table: pd.DataFrame, *keys: str) -> dict[tuple[str, ...], np.ndarray]:
    """The pseudo-values of a table by what they are of, each (seeds, groups).

    Args:
        table: The columns `keys`, "group", "value" and, where something is drawn, "seed".
        *keys: The columns that say what a number is of.
    """
    if "seed" not in table:
        table = table.assign(seed=0)
    wide = table.pivot(index=[*keys, "seed"], columns="group", values="value").sort_index()
    return {
        key if isinstance(key, tuple) else (key,): part.to_numpy()
        for key, part in wide.groupby(level=list(keys), sort=False)
    }


def intervals(scores: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row a subset: terms, mean and std over seeds, low and high of the 95 % interval.

    Args:
        scores: Pseudo-values by subset, each (seeds, groups).
    """
    rows = [
        (name, pseudo.mean(), pseudo.mean(1).std(), *estimate(pseudo).interval())
        for name, pseudo in scores.items()
    ]
    return pd.DataFrame(rows, columns=["terms", "mean", "std", "low", "high"])


def pairs(scores: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row a pair of subsets: terms_a, terms_b, difference (a − b), low, high, p (two-sided).

    p is not corrected for the number of pairs: that depends on how many a claim compares.

    Args:
        scores: Pseudo-values by subset, each (seeds, groups).
    """
    rows = []
    for a, b in combinations(scores, 2):
        found = estimate(scores[a] - scores[b])
        rows.append((a, b, found.value, *found.interval(), found.p()))
    return pd.DataFrame(rows, columns=PAIR)


@reuse.timed("statistics")
def compared(groups: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`intervals` and `pairs` of every predictor and score, with both columns in front.

    Args:
        groups: Pseudo-values, with the columns of `GROUP`.
    """
    tables: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
    for (predictor, score), part in groups.groupby(["predictor", "score"], sort=False):
        order = list(dict.fromkeys(part["terms"]))
        by_subset = arrays(part, "terms")
        scores = {name: by_subset[name,] for name in order}
        for made, kept in zip((intervals(scores), pairs(scores)), tables, strict=True):
            made.insert(0, "predictor", predictor)
            made.insert(1, "score", score)
            if len(made):  # one subset alone has no pair, and no types of columns
                kept.append(made)
    nothing = pd.DataFrame(columns=["predictor", "score", *PAIR])
    return pd.concat(tables[0], ignore_index=True), pd.concat(tables[1] or [nothing], ignore_index=True)
