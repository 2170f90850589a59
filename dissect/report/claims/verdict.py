"""The five verdicts, and how the parts of a claim make one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dissect.report.claims.parts import Chances, Draws, Equivalence, Lowest, Part

REPLICATED, CONTRADICTED, MIXED, UNDECIDED, NOT_TESTABLE = VERDICTS = (
    "replicated", "contradicted", "mixed", "undecided", "not testable",
)  # fmt: skip
LEVEL = 0.05  # of all parts of a claim together


@dataclass(frozen=True)
class Verdict:
    """What a run says of a claim.

    Attributes:
        verdict: One of `VERDICTS`.
        numbers: Behind it, in words.
        seen: Of what is undecided, the difference that could have been seen, in words.
    """

    verdict: str
    numbers: str
    seen: str = ""


@dataclass(frozen=True)
class NotTestable(Exception):
    """A claim that the run cannot be judged by.

    Attributes:
        takes: What it would take, in words.
    """

    takes: str

    def __str__(self) -> str:
        return self.takes


def judged(parts: Sequence[Part]) -> Verdict:
    """The verdict on a claim that says all of its parts.

    Replicated: all are decided for it. Contradicted: some are decided against it, and none for it. Mixed:
    some for it and some against it. Undecided: all else. Parts are decided together, at the level of 0.05
    for all (Holm 1979).

    Raises:
        NotTestable: A number is missing, or what is compared is the same item by item.
    """
    if any(part.missing for part in parts):
        raise NotTestable("a score that it compares is missing (nan): the claim needs more sentences")
    if all(part.idle for part in parts) or any(part.idle for part in parts if isinstance(part, Equivalence)):
        raise NotTestable("what it compares is the same for every item, as where a probe learns nothing or a "
                          "term is zero: the claim needs a run in which there is a difference")  # fmt: skip
    which = verdicts_of([part.observed for part in parts])[0]
    unit = "" if any(part.unit == "" for part in parts) else " points"
    numbers = "; ".join(part.shown for part in parts) + unit
    return Verdict(which, numbers, could_see(parts) if which == UNDECIDED else "")


def decided(chances: Sequence[Chances]) -> tuple[np.ndarray, np.ndarray]:
    """Which parts are decided for and against a claim, each (parts, runs), by Holm's rule.

    Args:
        chances: Of each part, (runs,).
    """
    of, against = (np.stack(side) for side in zip(*chances, strict=True))
    either = np.minimum(of, against)
    order = either.argsort(0, kind="stable")
    count = len(either)
    steps = np.take_along_axis(either, order, 0) * (count - np.arange(count))[:, None]
    adjusted = np.empty_like(either)
    np.put_along_axis(adjusted, order, np.maximum.accumulate(steps, 0), 0)
    sure = adjusted < LEVEL
    return sure & (of <= against), sure & (of > against)


def verdicts_of(chances: Sequence[Chances]) -> list[str]:
    """The verdict of each run: (runs,) by the chances of its parts."""
    of, against = decided(chances)
    every, some, contrary = of.all(0), of.any(0), against.any(0)
    which = np.select([every, some & contrary, contrary], [REPLICATED, MIXED, CONTRADICTED], UNDECIDED)
    return which.tolist()


def could_see(parts: Sequence[Part]) -> str:
    """The largest of the differences that the parts could have seen, in words."""
    level = 1 - LEVEL / len(parts)
    seen = [(part.seen(level), part) for part in parts if not (isinstance(part, Lowest) or part.idle)]
    if not seen:
        return ""
    most, part = max(seen, key=lambda pair: pair[0])
    number = f"{100 * most:.1f} points" if part.unit == "points" else f"{most:.3f}"
    return f"it could have seen {number}"


def made_up(parts: Sequence[Part], world: str, runs: int, seed: int = 0) -> list[str]:
    """The verdicts on made-up runs like this one, in a world in which the claim has an effect, or none.

    Args:
        parts: Of the claim, with this run's pseudo-values.
        world: One of `parts.WORLDS`.
        runs: How many.
        seed: Of the draws.
    """
    draws = Draws(runs, np.random.default_rng(seed))
    return verdicts_of([part.made_up(draws, world) for part in parts])
