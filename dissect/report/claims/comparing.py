"""What claims of several chapters compare: the scores of subsets, and how far predictors agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import ttest_rel

from dissect.report import readings
from dissect.report.answers import WITHOUT_SUBLAYERS
from dissect.report.claims.claim import Verdict, verdict
from dissect.report.readings import odd_ones


@dataclass(frozen=True)
class Scores:
    """The scores of one predictor, in percent.

    Attributes:
        table: A row a seed, a column a subset.
        means: By subset.
        pairs: Its pairs of subsets, where the run has them.
    """

    table: pd.DataFrame
    means: pd.Series
    pairs: pd.DataFrame | None

    @classmethod
    def of(cls, predictor: str, score: str, table: pd.DataFrame, pairs: pd.DataFrame | None) -> "Scores":
        """The scores of one predictor among those of a table.

        Args:
            predictor: Its name in the table.
            score: The name of the score's column.
            table: Predictor, terms, seed, and a column a score.
            pairs: Predictor, score, terms_a, terms_b and numbers of the two, where the run has them.
        """
        if pairs is not None:
            pairs = pairs[(pairs["predictor"] == predictor) & (pairs["score"] == score)]
        by_seed = readings.by_seed(table, predictor, score)
        return cls(by_seed, readings.percent(table, predictor, score), pairs)

    def beats(self, a: str, b: str) -> tuple[bool, float]:
        """Whether a is higher on average, and how likely such a difference is by chance.

        The larger p of two paired tests: a t test over seeds and, where the run has it, a bootstrap
        over test sentences. With neither to be had, as with one seed, it counts as undecided (1).
        """
        first, second = self.table[a], self.table[b]
        chances = []
        if len(first) > 1:
            chances.append(float(np.nan_to_num(ttest_rel(first, second).pvalue, nan=1.0)))
        if self.pairs is not None:
            row = self.pairs[self.pairs[["terms_a", "terms_b"]].isin([a, b]).all(axis=1)]
            chances += row["p"].to_list()
        return bool(self.means[a] > self.means[b]), float(max(chances, default=1.0))

    def surely(self, pairs: Sequence[tuple[str, str]], level: float = 0.05) -> list[bool]:
        """Of each pair whether the first is higher, significantly for so many pairs (Bonferroni)."""
        return [up and chance * len(pairs) < level for up, chance in (self.beats(a, b) for a, b in pairs)]

    def compared(self, pairs: Sequence[tuple[str, str]], level: float = 0.05) -> Verdict:
        """Whether the first of every pair is higher; corrected for the number of pairs (Bonferroni).

        Args:
            pairs: Of subsets.
            level: At which a difference is significant.

        Returns:
            Replicated where all are higher, and significantly; partly where some are higher.
        """
        found = [self.beats(a, b) for a, b in pairs]
        higher = sum(up for up, _ in found)
        numbers = "; ".join(
            f"{a or 'none'} {self.means[a]:.1f}, {b or 'none'} {self.means[b]:.1f} "
            f"(p {min(1, chance * len(pairs)):.3f})"
            for (a, b), (_, chance) in zip(pairs, found, strict=True)
        )
        if all(self.surely(pairs, level)):
            return Verdict("replicated", numbers)
        return Verdict("partly" if higher else "not replicated", numbers)


def odd_ones_are(table: pd.DataFrame) -> Verdict:
    """Whether i, c and i+c are the three that agree least, for every predictor."""
    odd = {name: odd_ones(table, name) for name in dict.fromkeys(table["predictor"])}
    holds = [name in WITHOUT_SUBLAYERS for names in odd.values() for name in names]
    numbers = "; ".join(f"{predictor}: {', '.join(names)}" for predictor, names in odd.items())
    return verdict(holds, numbers)
