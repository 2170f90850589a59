"""Is an answer right? If it is not, what is off, without saying what would be right.

A check is a function of the answer that raises `NotYet` with one or two sentences to the student.
"""

import importlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from dissect.errors import DissectError
from dissect.exercises.exercise import exercises

Check = Callable[[Any], None]
CHECKS: dict[str, Check] = {}
KEYS = ("finding", "evidence", "limit")  # of the answer to an open exercise
WORDS = 8  # that a sentence has at least


class NotYet(Exception):
    """The answer is not right; the message says what is off."""


@dataclass(frozen=True)
class Verdict:
    """Right or not, and a sentence for the student; shown as the sentence."""

    right: bool
    words: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.words


def checks(name: str) -> Callable[[Check], Check]:
    """Decorates the check of an exercise."""

    def keep(function: Check) -> Check:
        CHECKS[name] = function
        function.__doc__ = function.__doc__ or f"Checks the answer to exercise {name}."
        return function

    return keep


def check(name: str, answer: Any) -> Verdict:
    """The verdict on the answer to an exercise, by its name such as "1.2".

    Raises `DissectError` when there is no such exercise.
    """
    if name not in exercises():
        raise DissectError(f"there is no exercise {name!r}: give one of {', '.join(exercises())}")
    if answer is ...:
        return Verdict(False, f"{name}: there is no answer yet. Put yours in the place of the dots.")
    importlib.import_module(f"dissect.exercises.chapter{name[0]}")
    try:
        CHECKS[name](answer)
    except NotYet as off:
        return Verdict(False, f"{name}: not yet. {off}")
    if exercises()[name].level == "research":
        return Verdict(True, f"{name}: the form is right. Whether the finding holds is to be discussed.")
    return Verdict(True, f"{name}: right.")


def need(condition: Any, off: str) -> None:
    """Raises `NotYet` with the words `off` unless the condition holds."""
    if not condition:
        raise NotYet(off)


def numbers(answer: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The answer as numbers of a shape, float64; what: it is to be, as in "one number".

    Raises `NotYet` when it is something else.
    """
    try:
        if isinstance(answer, torch.Tensor):
            answer = answer.detach().cpu().numpy()
        elif isinstance(answer, list | tuple):
            answer = [a.detach().cpu().numpy() if isinstance(a, torch.Tensor) else a for a in answer]
        array = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise NotYet(f"The answer is to be {what}; what came is a {type(answer).__name__}.") from None
    if shape == () and array.size == 1:
        array = array.reshape(())
    need(
        array.shape == shape,
        f"The answer is to be {what}; what came has the shape {array.shape}, not {shape}.",
    )
    need(np.isfinite(array).all(), "There is a NaN or an infinite value in the answer.")
    return array


def by_name(answer: Any, names: Sequence[str]) -> dict[str, Any]:
    """The answer as a dictionary with these keys. Raises `NotYet` when it is something else."""
    need(isinstance(answer, Mapping), f"The answer is to be a dictionary, not a {type(answer).__name__}.")
    lacking = [name for name in names if answer.get(name, ...) is ...]
    need(not lacking, f"The answer has nothing for: {', '.join(lacking)}.")
    return dict(answer)


def called(answer: Any, *given: Any) -> Any:
    """What the student's function returns. Raises `NotYet` when it is none, or raises."""
    need(callable(answer), f"The answer is to be a function, not a {type(answer).__name__}.")
    try:
        result = answer(*given)
    except Exception as error:  # whatever a student's code may raise
        raise NotYet(f"The function raised {type(error).__name__}: {error}") from None
    need(result is not None, "The function returns nothing: is there a `return`?")
    need(result is not ..., "The function still returns the dots.")
    return result


def near(a: Any, b: Any, within: float = 1e-3) -> bool:
    """Are two (arrays of) numbers the same, for a student's purposes?

    within: relative to the largest of b, so that rounding to three digits is forgiven.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return bool(np.abs(a - b).max() <= within * max(np.abs(b).max(), 1e-12))


def same(said: Any, right: Any, decimals: int = 2) -> bool:
    """Are numbers right to three digits, as `near` says, or rounded from the right ones?

    decimals: how many have to be left.
    """
    said, right = np.asarray(said, dtype=np.float64), np.asarray(right, dtype=np.float64)
    off = np.abs(said - right).max()
    return near(said, right) or any(
        np.allclose(said, np.round(said, n), rtol=1e-6, atol=1e-9) and off <= 0.51 / 10**n
        for n in range(decimals, 7)
    )


def report(answer: Any, least: int) -> None:
    """The form of an answer to an open exercise: finding, evidence of so many numbers, and limit.

    Raises `NotYet` when a part is missing, or evidence that is all one number.
    """
    parts = by_name(answer, KEYS)
    for key in ("finding", "limit"):
        words = len(str(parts[key]).split())
        need(words >= WORDS, f"The {key} is to be a whole sentence; it has no more than {words} words.")
    values = list(flat(parts["evidence"]))
    need(len(values) >= least, f"The evidence has fewer numbers than the {least} that are asked for.")
    need(all(map(math.isfinite, values)), "There is a NaN or an infinite value in the evidence.")
    need(len(set(values)) > 1, "The evidence is one number over and over, which shows no difference.")


def flat(evidence: Any) -> list[float]:
    """All numbers in a table, series, dictionary, array or list."""
    if isinstance(evidence, pd.DataFrame):
        evidence = evidence.select_dtypes("number").to_numpy()
    elif isinstance(evidence, Mapping):
        return [value for part in evidence.values() for value in flat(part)]
    elif isinstance(evidence, list | tuple):
        return [value for part in evidence for value in flat(part)]
    try:
        return np.asarray(evidence, dtype=np.float64).ravel().tolist()
    except (TypeError, ValueError):
        return []


def signature_of(answer: Any, *names: str) -> None:
    """Raises `NotYet` unless the answer is a function of these arguments."""
    need(callable(answer), f"The answer is to be a function, not a {type(answer).__name__}.")
    try:
        inspect.signature(answer).bind(*names)
    except TypeError:
        raise NotYet(f"The function is to take {len(names)} arguments: {', '.join(names)}.") from None
    except ValueError:  # a built-in that does not say
        return
