"""A measurement as a table of pseudo-values, and the same summed up with its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dissect import reuse
from dissect.experiments import certainty
from dissect.experiments.statistics import Score, count, share
from dissect.tables import save

OF_GROUP = ["seed", "group", "value"]


@dataclass(frozen=True)
class Measured:
    """Numbers with what is needed to say how sure they are.

    Attributes:
        groups: Columns that say what a number is of, then seed, group and value: its pseudo-values by what
            was drawn (0 where nothing is) and by group of test sentences; see `experiments.certainty`.
    """

    groups: pd.DataFrame

    @property
    def keys(self) -> list[str]:
        """The columns that say what a number is of."""
        return [name for name in self.groups.columns if name not in OF_GROUP]

    @reuse.timed("statistics")
    def table(self) -> pd.DataFrame:
        """The columns `keys`, then mean, low and high: the number and its 95 % interval."""
        rows = []
        for key, part in self.groups.groupby(self.keys, sort=False):
            found = certainty.estimate(part.pivot(index="seed", columns="group", values="value").to_numpy())
            rows.append((*key, found.value, *found.interval()))
        return pd.DataFrame(rows, columns=[*self.keys, "mean", "low", "high"])

    def save(self, name: str, folder: str | Path | None) -> pd.DataFrame:
        """Write the tables `NAME` and `NAME_groups`; returns the first."""
        save(self.groups, f"{name}_groups", folder)
        return save(self.table(), name, folder)


def joined(parts: Sequence[pd.DataFrame], *keys: str) -> Measured:
    """The rows of several tables, with these columns in this order before those of `OF_GROUP`."""
    return Measured(pd.concat(parts, ignore_index=True)[[*keys, *OF_GROUP]])


def by_sentence(
    score: Score, of: pd.DataFrame, counts: np.ndarray, sentences: Sequence[int] | np.ndarray
) -> pd.DataFrame:
    """Pseudo-values of a score of counts that add up over items.

    Args:
        score: Counts (…, k) to a score (…).
        of: What each row of counts is of, a row each.
        counts: (rows, items, k).
        sentences: In which each item stands, (items,).

    Returns:
        The columns of `of`, then group and value.
    """
    places = np.asarray(sentences)
    pseudo = certainty.pseudovalues(score, count(places, counts), certainty.parted(places))
    rows, groups = pseudo.shape
    table = of.loc[of.index.repeat(groups)].reset_index(drop=True)
    return table.assign(group=np.tile(np.arange(groups), rows), value=pseudo.ravel())


def means(of: pd.DataFrame, values: np.ndarray, sentences: Sequence[int] | np.ndarray) -> pd.DataFrame:
    """Pseudo-values of means over items.

    Args:
        of: What each row of values is of, a row each.
        values: (rows, items).
        sentences: In which each item stands, (items,).

    Returns:
        The columns of `of`, then group and value.
    """
    values = values.astype(np.float64)
    return by_sentence(share, of, np.stack([values, np.ones_like(values)], axis=-1), sentences)


def of_groups(pseudo: np.ndarray, items: np.ndarray) -> np.ndarray:
    """The mean over the items of each group, from the pseudo-values that `means` made of the mean over all.

    What the mean is without each group, they tell but for a number that is the same for all. It follows from
    how many items there are: what all groups but one add up to, summed over groups, is G − 1 times the whole.

    Args:
        pseudo: (…, groups).
        items: How many items each group has, (groups,).
    """
    if len(items) == 1:
        return pseudo
    whole, others = pseudo.mean(-1, keepdims=True), items.sum() - items
    apart = (whole - pseudo) / (len(items) - 1)
    without = whole + apart - (others * apart).sum(-1, keepdims=True) / others.sum()
    return (whole * items.sum() - without * others) / items
