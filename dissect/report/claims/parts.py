"""What a claim compares: differences, equivalences and ranks, each decided for, decided against, or open.

A part says how likely chance alone would be to bear it out as the run does, and to contradict it. Both
are computed for many made-up runs at once, so that how often a verdict is wrong is found by the same code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import t as student

from dissect.experiments.certainty import Estimate, estimate, estimates, resampled
from dissect.report.intervals import number

TIMES = 200  # resamples of ranks, of the run as of every made-up one
NO_EFFECT, PAPERS, OPPOSITE = "no effect", "as the paper has it", "the opposite"
WORLDS = (NO_EFFECT, PAPERS, OPPOSITE)
Chances = tuple[np.ndarray, np.ndarray]  # of chance alone: to bear a part out, and to contradict it


@dataclass(frozen=True)
class Difference:
    """That a number is above a bound.

    Attributes:
        label: What is compared, as readers are told.
        pseudo: Pseudo-values of the number, (seeds, groups).
        bound: What the number has to be above.
        effect: How far above the bound the paper has it; where it does not say, how much would matter.
        unit: Of the number: "points", of scores, which are told in percent, or "".
    """

    label: str
    pseudo: np.ndarray
    bound: float = 0.0
    effect: float = 0.02
    unit: str = "points"

    @property
    def found(self) -> Estimate:
        """The number of this run."""
        return estimate(self.pseudo)

    @property
    def missing(self) -> bool:
        """Whether the run has no number."""
        return bool(np.isnan(self.found.value))

    @property
    def idle(self) -> bool:
        """Whether what is compared is the same item by item, as where neither has learned anything."""
        return not self.found.value and not self.found.error

    @property
    def shown(self) -> str:
        """The number and its 95 % interval, in words."""
        scale, digits = (100, 1) if self.unit else (1, 3)
        found = self.found
        value, low, high = (number(scale * x, digits, "+") for x in (found.value, *found.interval()))
        return f"{self.label} {value} ({low} to {high})"

    def seen(self, level: float) -> float:
        """The smallest distance from the bound that would have been decided, four times in five."""
        return self.found.seen(level)

    def true(self, world: str) -> float:
        """The number in a world."""
        return self.bound + {NO_EFFECT: 0, PAPERS: self.effect, OPPOSITE: -self.effect}[world]

    def chances(self, pseudo: np.ndarray) -> Chances:
        """Of many runs, (runs, seeds, groups): two-sided, p in the claim's direction, and in the other."""
        return either_side(*estimates(pseudo), self.bound)

    @property
    def observed(self) -> Chances:
        """The same of the run itself, (1,)."""
        return self.chances(self.pseudo[None])

    def made_up(self, draws: "Draws", world: str) -> Chances:
        """The same of made-up runs, in which the number is that of a world."""
        return self.chances(draws.like(self.pseudo) + self.true(world))


@dataclass(frozen=True)
class Equivalence(Difference):
    """That a number differs from 0 by less than a margin, by two one-sided tests (Schuirmann 1987).

    That it is decided to be below 0 counts as well: what is left out then is not only not missed.

    Attributes:
        bound: The margin.
    """

    def true(self, world: str) -> float:
        """The number in a world; without an effect it is at the margin, where the claim just fails."""
        return {NO_EFFECT: self.bound, PAPERS: 0.0, OPPOSITE: 2 * self.bound}[world]

    def chances(self, pseudo: np.ndarray) -> Chances:
        """Of many runs, (runs, seeds, groups)."""
        value, error, freedom = estimates(pseudo)
        below, above = (either_side(value, error, freedom, bound) for bound in (self.bound, -self.bound))
        within = np.maximum(below[1], above[0]) / 2  # both are one-sided
        negative = either_side(value, error, freedom, 0.0)[1]
        return np.minimum(within, negative), below[0]


@dataclass(frozen=True)
class Known(Difference):
    """A difference of which the estimate is known, and no pseudo-values: of sums over several experiments.

    Attributes:
        estimate: The number with its error.
    """

    pseudo: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    estimate: Estimate = Estimate(0.0, 0.0, 1.0)

    @property
    def found(self) -> Estimate:
        """The number of this run."""
        return self.estimate

    @property
    def observed(self) -> Chances:
        """Of the run itself, (1,)."""
        return self.of(np.array([self.estimate.value]))

    def made_up(self, draws: "Draws", world: str) -> Chances:
        """Of made-up runs, in which the number is that of a world and its error is this run's."""
        value = self.true(world) + self.estimate.error * draws.rng.standard_normal(draws.runs)
        return self.of(value)

    def of(self, value: np.ndarray) -> Chances:
        """The chances of numbers with this run's error."""
        error, freedom = (
            np.full(value.shape, number) for number in (self.estimate.error, self.estimate.freedom)
        )
        return either_side(value, error, freedom, self.bound)


@dataclass(frozen=True)
class Lowest:
    """That some of several numbers are the lowest, whatever their order among themselves.

    It is borne out when they are in 95 % of resamples of seeds and groups. It is contradicted when one
    that is not of them is lower than one of them, decided for so many pairs (Holm 1979).

    Attributes:
        label: What is compared, as readers are told.
        pseudo: Of each number, (numbers, seeds, groups).
        names: Of the numbers.
        lowest: Names of those that are said to be the lowest.
        effect: How far below the others the paper has them.
        unit: None.
    """

    label: str
    pseudo: np.ndarray
    names: Sequence[str]
    lowest: Sequence[str]
    effect: float = 0.05
    unit: str = ""

    @property
    def idle(self) -> bool:
        """Whether all numbers are the same."""
        return not np.ptp(self.pseudo)

    @property
    def shown(self) -> str:
        """Which are the lowest, and how often those of the claim are."""
        count = len(self.lowest)
        order = [self.names[n] for n in self.pseudo.mean((1, 2)).argsort()[:count]]
        held = 1 - float(self.chances(self.pseudo[None])[0][0])
        return f"{self.label}: lowest are {', '.join(order)}; as claimed in {held:.0%} of resamples"

    @property
    def missing(self) -> bool:
        """Whether the run lacks one of the numbers."""
        return bool(np.isnan(self.pseudo).any())

    def seen(self, level: float) -> float:
        """Nothing: of ranks there is no such number."""
        return float("nan")

    @property
    def of_lowest(self) -> np.ndarray:
        """Which numbers are said to be the lowest, (numbers,)."""
        return np.array([name in self.lowest for name in self.names])

    def chances(self, pseudo: np.ndarray) -> Chances:
        """Of many runs, (runs, numbers, seeds, groups)."""
        of = self.of_lowest
        held = np.array([self.held(one, of) for one in pseudo])
        between = pseudo[:, ~of][:, :, None] - pseudo[:, of][:, None]
        _, contrary = either_side(*estimates(between), 0.0)
        return 1 - held, np.minimum(contrary.reshape(len(pseudo), -1).min(1) * contrary[0].size, 1)

    @property
    def observed(self) -> Chances:
        """Of the run itself, (1,)."""
        return self.chances(self.pseudo[None])

    def held(self, pseudo: np.ndarray, of: np.ndarray) -> float:
        """In how many resamples all of the lowest are below all others."""
        drawn = resampled(pseudo, TIMES, np.random.default_rng(0))
        return float((drawn[:, of].max(1) < drawn[:, ~of].min(1)).mean())

    def made_up(self, draws: "Draws", world: str) -> Chances:
        """Of made-up runs, in which the numbers are those of a world."""
        shift = {NO_EFFECT: 0.0, PAPERS: -self.effect, OPPOSITE: self.effect}[world]
        return self.chances(draws.like(self.pseudo) + (shift * self.of_lowest)[:, None, None])


@dataclass(frozen=True)
class Between:
    """That a number is between two bounds, of which it can miss one only.

    Attributes:
        above: That it is above the lower one.
        below: That it is below the upper one.
        unit: None.
    """

    above: Difference
    below: Difference
    unit: str = ""

    @property
    def missing(self) -> bool:
        """Whether the run has no number."""
        return self.above.missing or self.below.missing

    @property
    def idle(self) -> bool:
        """Whether it is at one of the bounds for every item."""
        return self.above.idle or self.below.idle

    @property
    def shown(self) -> str:
        """How far it is from both, in words."""
        return f"{self.above.shown}; {self.below.shown}"

    def seen(self, level: float) -> float:
        """The smallest distance from a bound that would have been decided, four times in five."""
        return max(self.above.seen(level), self.below.seen(level))

    @property
    def observed(self) -> Chances:
        """Of the run itself."""
        return self.of(self.above.observed, self.below.observed)

    def of(self, above: Chances, below: Chances) -> Chances:
        """Borne out where both are; contradicted where one is, decided for two (Bonferroni)."""
        return np.maximum(above[0], below[0]), np.minimum(2 * np.minimum(above[1], below[1]), 1)

    def made_up(self, draws: "Draws", world: str) -> Chances:
        """Of made-up runs, in which the number is above the lower bound, at it, or below it."""
        return self.of(self.above.made_up(draws, world), self.below.made_up(draws, PAPERS))


@dataclass(frozen=True)
class Some:
    """That one of several numbers, at least, is above its bound; which one, nobody said beforehand.

    Attributes:
        numbers: Each with its bound.
        unit: None.
    """

    numbers: Sequence[Difference]
    unit: str = ""

    @property
    def missing(self) -> bool:
        """Whether the run lacks one of the numbers."""
        return any(number.missing for number in self.numbers)

    @property
    def idle(self) -> bool:
        """Whether all numbers are."""
        return all(number.idle for number in self.numbers)

    @property
    def shown(self) -> str:
        """The largest, in words."""
        return max(self.numbers, key=lambda number: number.found.value - number.bound).shown

    def seen(self, level: float) -> float:
        """The smallest distance from the bound that would have been decided, four times in five."""
        return max(number.seen(1 - (1 - level) / len(self.numbers)) for number in self.numbers)

    @property
    def observed(self) -> Chances:
        """Of the run itself."""
        return self.of([number.observed for number in self.numbers])

    def of(self, chances: Sequence[Chances]) -> Chances:
        """Borne out where one is, decided for so many (Bonferroni); contradicted where all are."""
        above, below = (np.stack(side) for side in zip(*chances, strict=True))
        return np.minimum(len(above) * above.min(0), 1), below.max(0)

    def made_up(self, draws: "Draws", world: str) -> Chances:
        """Of made-up runs: all numbers are those of a world, but as the paper has it one alone is."""
        first, *rest = self.numbers
        others = NO_EFFECT if world == PAPERS else world
        return self.of([first.made_up(draws, world), *(number.made_up(draws, others) for number in rest)])


Part = Difference | Lowest | Between | Some


@dataclass
class Draws:
    """Draws of made-up runs, the same for all parts of a claim that have as many seeds, or groups.

    Attributes:
        runs: How many there are.
        rng: Of the draws.
    """

    runs: int
    rng: np.random.Generator
    mixtures: dict[int, np.ndarray] = field(default_factory=dict)

    def mixture(self, size: int) -> np.ndarray:
        """Normal numbers, (runs, size, size)."""
        if size not in self.mixtures:
            self.mixtures[size] = self.rng.standard_normal((self.runs, size, size))
        return self.mixtures[size]

    def like(self, pseudo: np.ndarray) -> np.ndarray:
        """Noise that varies, and hangs together, as pseudo-values do: (runs, ..., seeds, groups), about 0.

        What seeds, groups and both add to the mean is drawn anew: normal mixtures of what they added in
        the run, whose covariances are the run's own.

        Args:
            pseudo: (..., seeds, groups).
        """
        seeds, groups = pseudo.shape[-2:]
        mean = pseudo.mean((-2, -1), keepdims=True)
        of_seeds, of_groups = pseudo.mean(-1, keepdims=True) - mean, pseudo.mean(-2, keepdims=True) - mean
        both = pseudo - mean - of_seeds - of_groups
        by_group = self.mixture(groups) / np.sqrt(groups - 1)
        noise = np.einsum("...xg,rgk->r...xk", of_groups, by_group, optimize=True)
        if seeds > 1:
            by_seed = self.mixture(seeds) / np.sqrt(seeds - 1)
            noise = noise + np.einsum("...sx,rsk->r...kx", of_seeds, by_seed, optimize=True)
            noise = noise + np.einsum("...sg,rsk,rgj->r...kj", both, by_seed, by_group, optimize=True)
        return noise


def either_side(value: np.ndarray, error: np.ndarray, freedom: np.ndarray, bound: float) -> Chances:
    """Two-sided p where the number is above the bound, else 1; and the same for below.

    Args:
        value: Numbers.
        error: Their standard errors.
        freedom: Degrees of freedom of Student's t.
        bound: What they are held against.
    """
    away = value - bound
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.where(error > 0, 2 * student.sf(abs(away) / error, freedom), np.where(away == 0, 1.0, 0.0))
    return np.where(away > 0, p, 1.0), np.where(away < 0, p, 1.0)


def by_name(pseudo: Mapping[str, np.ndarray]) -> np.ndarray:
    """Pseudo-values of several numbers as one array, (numbers, seeds, groups)."""
    return np.stack(list(pseudo.values()))
