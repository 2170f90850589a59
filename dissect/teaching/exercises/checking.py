"""Is an answer right? If it is not, what is off, without saying what would be right.

A check is a function of the answer that raises `NotYet` with one or two sentences to the student.
"""

import copy
import importlib
import inspect
import math
import unicodedata
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import torch

from dissect.errors import DissectError
from dissect.teaching.exercises.exercise import exercises
from dissect.teaching.exercises.time_limit import TooLong, time_limit
from dissect.teaching.exercises.variants import asked_by, known

Check = Callable[..., None]  # of the answer, and of values that a variant may change
CHECKS: dict[str, Check] = {}
KEYS = ("finding", "evidence", "limit")  # of the answer to an open exercise
WORDS = 8  # that a sentence has at least
DIFFERENT = 6  # of them
# Scripts with few blanks or none between words: their characters are counted, so many to a word.
DENSE = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
A_WORD = 1.5
MOST = 10_000  # values that are taken from an iterator
LONGEST = 600  # characters of a verdict
CALL, CHECK = 10.0, 60.0  # seconds for one call of a student's function, and for a whole check


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


def check(name: str, answer: Any = ..., variant: str | None = None) -> Verdict:
    """The verdict on the answer to an exercise.

    Whatever the answer is or does, the verdict is a sentence; what does not end is stopped after a while.

    Args:
        name: The exercise's, such as "1.2".
        answer: A student's.
        variant: Whose numbers it is of; without one, those of the book.

    Raises:
        DissectError: There is no such exercise, or no such variant.
    """
    if not isinstance(name, str) or name not in exercises():
        raise DissectError(f"there is no exercise {name!r}: give one of {', '.join(exercises())}")
    known([variant] if variant else [])
    if answer is ...:
        return Verdict(False, f"{name}: there is no answer yet. Put yours in the place of the dots.")
    importlib.import_module(f"dissect.teaching.exercises.chapter{name[0]}")
    function = CHECKS[name]
    off = what_is_off(partial(function, **asked_by(function, name, variant)), answer)
    if off:
        return Verdict(False, printable(f"{name}: {off}"))
    if exercises()[name].level == "research":
        return Verdict(
            True,
            f"{name}: the form is right. What it says is not judged here: "
            "whether the finding holds is to be discussed.",
        )
    return Verdict(True, f"{name}: right.")


def what_is_off(function: Check, answer: Any) -> str:
    """What a check says of an answer, nothing where it is right: an answer may raise anything anywhere."""
    try:
        with time_limit(CHECK), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            function(answer)
    except NotYet as off:
        return f"not yet. {off}"
    except TooLong:
        return f"not yet. The check did not end within {CHECK:g} seconds and was stopped: what takes so long?"
    except DissectError as error:
        return f"this could not be checked. {error}"
    except BaseException as error:  # SystemExit and an interrupt among them
        return (
            f"not yet. The answer cannot be read as what is asked for ({described(error)}): "
            "compare its form with the exercise."
        )
    return ""


def described(error: BaseException) -> str:
    """An error's type and message; the message may itself raise."""
    try:
        return f"{type(error).__name__}: {error}".removesuffix(": ")
    except BaseException:
        return type(error).__name__


def printable(words: str) -> str:
    """Words that any terminal prints, in one line and not too many."""
    line = " ".join(words.encode("utf-8", "replace").decode("utf-8").replace("\0", "").split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"


def need(condition: Any, off: str) -> None:
    """Raises `NotYet` with the words `off` unless the condition holds."""
    if not condition:
        raise NotYet(off)


def numbers(answer: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The answer as numbers of a shape, float64.

    Args:
        answer: What a student gave.
        shape: That it must have.
        what: It is to be, as in "one number".

    Raises:
        NotYet: It is something else.
    """
    array = as_array(answer)
    if array is None:
        raise NotYet(f"The answer is to be {what}; what came is of the type {type(answer).__name__}.")
    if shape == () and array.size == 1:
        array = array.reshape(())
    need(
        array.shape == shape,
        f"The answer is to be {what}; what came has the shape {array.shape}, not {shape}.",
    )
    need(np.isfinite(array).all(), "There is a NaN or an infinite value in the answer.")
    return array


def as_array(answer: Any) -> np.ndarray | None:
    """Real numbers in a list, tensor, table or the like as float64; nothing where it is anything else."""
    try:
        array = np.asarray(plain(answer))
        if array.dtype.kind == "O" and any(isinstance(value, str | bytes) for value in array.flat):
            return None
        return array.astype(np.float64) if array.dtype.kind in "biufO" else None
    except (TypeError, ValueError, OverflowError):
        return None


def plain(answer: Any) -> Any:
    """The answer with arrays in the place of tensors, and lists in that of tuples and iterators.

    Raises:
        TypeError: Text, a dictionary or the like is among it, in which numpy would find numbers.
    """
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu()
        return (answer.float() if answer.dtype == torch.bfloat16 else answer).numpy()
    if isinstance(answer, Iterator | ValuesView):
        answer = list(islice(answer, MOST))
    if isinstance(answer, list | tuple | range):
        return list(map(plain, answer))
    if isinstance(answer, Iterable) and not hasattr(answer, "__array__"):
        raise TypeError(f"{type(answer).__name__} is no list of numbers")
    return answer


def by_name(answer: Any, names: Sequence[str]) -> dict[str, Any]:
    """What the answer, a dictionary or series, has under these keys, in capital or small letters.

    Raises:
        NotYet: It is something else.
    """
    answer = answer.to_dict() if isinstance(answer, pd.Series) else answer
    need(isinstance(answer, Mapping), f"The answer is to be a dictionary, not a {type(answer).__name__}.")
    has = {name: answer.get(name, ...) for name in names}
    if any(value is ... for value in has.values()):
        keys = {folded(key): key for key in islice(answer, MOST) if isinstance(key, str)}
        has = {name: answer.get(keys.get(folded(name), name), ...) for name in names}
    lacking = [name for name, value in has.items() if value is ...]
    need(not lacking, f"The answer has nothing for: {', '.join(lacking)}.")
    return has


def folded(key: str) -> str:
    """A key as it is compared: `held_out` is as good as "Held out"."""
    return " ".join(key.replace("_", " ").split()).casefold()


def called(answer: Any, *given: Any) -> Any:
    """What the student's function returns of copies of these. Raises `NotYet` when it is none, or raises."""
    return returned(answer, *copy.deepcopy(given))


def returned(answer: Any, *given: Any) -> Any:
    """The same of these themselves, which it may change."""
    need(callable(answer), f"The answer is to be a function, not a {type(answer).__name__}.")
    try:
        with time_limit(CALL):
            result = answer(*given)
    except TooLong:
        raise NotYet(
            f"The function did not end within {CALL:g} seconds and was stopped: does each loop end?"
        ) from None
    except BaseException as error:  # whatever a student's code may raise
        raise NotYet(f"The function raised {described(error)}") from None
    need(result is not None, "The function returns nothing: is there a `return`?")
    need(result is not ..., "The function still returns the dots.")
    return result


def near(a: Any, b: Any, within: float = 1e-3) -> bool:
    """Are two (arrays of) numbers the same, for a student's purposes?

    Args:
        a: Numbers.
        b: What they should be.
        within: Relative to the largest of b, so that rounding to three digits is forgiven.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return bool(np.abs(a - b).max() <= within * max(np.abs(b).max(), 1e-12))


def same(said: Any, right: Any, decimals: int = 2) -> bool:
    """Are numbers right to three digits, as `near` says, or rounded from the right ones?

    Args:
        said: A student's.
        right: What they should be.
        decimals: How many have to be left.
    """
    said, right = np.asarray(said, dtype=np.float64), np.asarray(right, dtype=np.float64)
    off = np.abs(said - right).max()
    return near(said, right) or any(
        np.allclose(said, np.round(said, n), rtol=1e-6, atol=1e-9) and off <= 0.51 / 10**n
        for n in range(decimals, 7)
    )


def report(answer: Any, least: int) -> None:
    """The form of an answer to an open exercise: finding, evidence of so many numbers, and limit.

    Whether the words make sense it cannot know.

    Raises:
        NotYet: A part is missing, or the evidence is all one number.
    """
    parts = by_name(answer, KEYS)
    for key in ("finding", "limit"):
        sentence(parts[key], f"The {key}")
    need(words_of(parts["finding"]) != words_of(parts["limit"]), "Finding and limit are the same sentence.")
    values = flat(parts["evidence"])
    need(len(values) >= least, f"The evidence has fewer numbers than the {least} that are asked for.")
    need(all(map(math.isfinite, values)), "There is a NaN or an infinite value in the evidence.")
    need(len(set(values)) > 1, "The evidence is one number over and over, which shows no difference.")


def sentence(text: Any, what: str) -> None:
    """Ask for a text as long as a sentence, in words that are not all the same.

    In Japanese, Chinese and the like, characters are counted in the place of words.

    Raises:
        NotYet: It is not.
    """
    need(isinstance(text, str), f"{what} is to be a sentence in quotation marks.")
    words = words_of(text)
    need(amount(words) >= WORDS, f"{what} is to be a whole sentence; it is shorter than {WORDS} words.")
    different = set(words)
    long = {word for word in different if dense(word) or len(word) > 1}
    need(
        amount(different) >= DIFFERENT and amount(long) >= WORDS / 2,
        f"{what} is to be a whole sentence; it is a few words or letters over and over.",
    )


def words_of(text: str) -> list[str]:
    """Words in small letters; in dense scripts, each character."""
    kept = []
    for character in unicodedata.normalize("NFKC", text).casefold():
        is_part = unicodedata.category(character)[0] in "LMN"
        kept.append(f" {character} " if dense(character) else character if is_part else " ")
    return "".join(kept).split()


def dense(word: str) -> bool:
    """Is it a character of a script with few blanks or none between words?"""
    return (
        len(word) == 1
        and unicodedata.category(word)[0] in "LM"
        and (unicodedata.name(word, "").startswith(DENSE))
    )


def amount(words: Collection[str]) -> float:
    """How many words these are, those in dense scripts by their characters."""
    return sum(1 / A_WORD if dense(word) else 1.0 for word in words)


def flat(evidence: Any) -> list[float]:
    """All numbers in a table, series, dictionary, array or list."""
    if isinstance(evidence, pd.DataFrame):
        evidence = evidence.select_dtypes("number").to_numpy()
    elif isinstance(evidence, Mapping):
        return [value for part in evidence.values() for value in flat(part)]
    elif isinstance(evidence, list | tuple):
        return [value for part in evidence for value in flat(part)]
    array = as_array(evidence)
    return [] if array is None else array.ravel().tolist()


def signature_of(answer: Any, *names: str) -> None:
    """Raises `NotYet` unless the answer is a function that can be called with these arguments."""
    need(callable(answer), f"The answer is to be a function, not a {type(answer).__name__}.")
    try:
        inspect.signature(answer).bind(*names)
    except TypeError:
        raise NotYet(f"The function is to take {len(names)} arguments: {', '.join(names)}.") from None
    except ValueError:  # a built-in that does not say
        return
