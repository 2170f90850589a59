"""What checks of several chapters need: shares, functions left to themselves, and mistakes known by name."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from dissect.teaching.exercises.checking import NotYet, by_name, need, numbers, returned

ROUNDED = 0.0051  # how far a share to two decimals may be off


def close(a: Any, b: Any) -> bool:
    """Are two shares, or arrays of them, the same to two decimals?"""
    return bool(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max() <= ROUNDED)


def one(answer: Any, what: str = "one number") -> float:
    """The answer as a number. Raises `NotYet` when it is something else."""
    return float(numbers(answer, (), what))


def shares(answer: Any, names: Sequence[str]) -> dict[str, float]:
    """The answer as shares by name. Raises `NotYet` when it is something else, or not between 0 and 1."""
    said = by_name(answer, names)
    value = {name: one(said[name], f"a dictionary of {len(names)} numbers") for name in names}
    need(all(0 <= share <= 1 for share in value.values()), "All are shares: they lie between 0 and 1.")
    return value


def counts(answer: Any, names: Sequence[str]) -> dict[str, float]:
    """The answer as numbers by name. Raises `NotYet` when it is something else."""
    said = by_name(answer, names)
    return {name: one(said[name], f"a dictionary of {len(names)} numbers") for name in names}


def kept(answer: Any, *given: Any) -> Any:
    """What the student's function returns. Raises `NotYet` like `returned`, and if it changes what it got."""
    own = deepcopy(given)
    result = returned(answer, *own)
    same = all(
        np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in zip(own, given, strict=True)
    )
    need(same, "The function changes what it is given: the next call would get another. Copy it.")
    return result


def unlike(value: Any, mistakes: Mapping[str, Any]) -> None:
    """Raises `NotYet` with the words of the first mistake that would lead to this share, or these shares."""
    for words, wrong in mistakes.items():
        if close(value, wrong):
            raise NotYet(words)
