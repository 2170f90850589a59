"""Variants of exercises: other numbers for each group, so that an answer passed on is a wrong one.

dissect/data/variants.yaml has them: what the text of an exercise says, what a variant says in its place, and
each variant's values. The check of an exercise has a parameter for each value that its answer depends on.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from dissect.errors import DissectError
from dissect.teaching.exercises.exercise import Exercise

Values = Mapping[str, Any]


class Varied(NamedTuple):
    """How an exercise varies.

    Attributes:
        text: What stands in its texts and code, and the template of what a variant has there.
        values: Those of each variant, for the templates and for the check.
    """

    text: Mapping[str, str]
    values: Mapping[str, Values]


@cache
def varied() -> dict[str, Varied]:
    """The exercises that have variants, by name."""
    text = (files("dissect") / "data" / "variants.yaml").read_text(encoding="utf-8")
    return {name: Varied(**one) for name, one in yaml.safe_load(text).items()}


@cache
def names() -> tuple[str, ...]:
    """The variants that there are."""
    return tuple(next(iter(varied().values())).values)


def known(asked: Iterable[str]) -> tuple[str, ...]:
    """The variants that are asked for.

    Raises:
        DissectError: One of them does not exist, or is asked for twice.
    """
    chosen = tuple(asked)
    strange = [repr(name) for name in chosen if name not in names()]
    if strange:
        raise DissectError(f"there is no variant {', '.join(strange)}: give some of {', '.join(names())}")
    if len(set(chosen)) < len(chosen):
        raise DissectError(f"a variant is named twice in {', '.join(chosen)}: name each once")
    return chosen


def in_variant(exercise: Exercise, variant: str | None) -> Exercise:
    """An exercise as a variant has it; as it stands if there is no variant, or nothing of it varies.

    Raises:
        DissectError: There is no such variant.
    """
    if variant is None:
        return exercise
    known([variant])
    if exercise.name not in varied():
        return exercise
    text, values = varied()[exercise.name]
    mine = {old: new.format(**values[variant]) for old, new in text.items()}
    said = re.compile("|".join(map(re.escape, sorted(mine, key=len, reverse=True))))

    def changed(words: str) -> str:
        return said.sub(lambda match: mine[match[0]], words)

    return replace(
        exercise, variant=variant, statement=changed(exercise.statement),
        hints=tuple(map(changed, exercise.hints)), starter=changed(exercise.starter),
        solution=changed(exercise.solution), discuss=changed(exercise.discuss),
        wrong=tuple((words, changed(code)) for words, code in exercise.wrong),
    )  # fmt: skip


def asked_by(check: Callable[..., None], name: str, variant: str | None) -> dict[str, Any]:
    """The values of a variant that the check of an exercise has parameters for; none without a variant.

    Args:
        check: The function.
        name: Of the exercise.
        variant: One of `names()`.
    """
    if variant is None or name not in varied():
        return {}
    values = varied()[name].values[variant]
    return {value: values[value] for value in inspect.signature(check).parameters if value in values}
