"""The exercises: solutions pass their checks, wrong answers do not, and are told what is off."""

import re
from numbers import Number
from typing import Any

import numpy as np
import pytest

from dissect.errors import DissectError
from dissect.exercises import check, exercises, of_chapter
from dissect.exercises.exercise import LEVELS, read

ALL = exercises()
CHAPTERS = range(1, 7)


def solved(name: str) -> dict[str, Any]:
    """What there is after the solution of an exercise was run, `answer` among it."""
    space: dict[str, Any] = {}
    exec(ALL[name].solution, space)
    return space


@pytest.mark.parametrize("name", ALL)
def test_the_check_tells_right_from_wrong(name: str) -> None:
    space = solved(name)
    right = space["answer"]
    verdict = check(name, right)
    assert verdict.right, verdict
    secrets = told(right)
    assert len(ALL[name].wrong) >= 2
    for words, code in ALL[name].wrong:
        # a study takes seconds: it is made once
        space = space | {"answer": dict(right)} if ALL[name].level == "research" else solved(name)
        exec(code, space)
        verdict = check(name, space["answer"])
        assert not verdict.right, f"accepted: {code}"
        assert words in verdict.words, f"expected {words!r}: {verdict}"
        spoken = set(re.findall(r"[\w.]*\w", str(verdict).partition(" ")[2]))
        assert not secrets & spoken, f"gives the answer away: {verdict}"
        assert not shared_lines(ALL[name].solution, verdict.words)


def told(answer: Any) -> set[str]:
    """Words that would give an answer away: its strings of three letters or more, and its numbers
    to two and three digits; not those of long answers, single numbers of which are none, nor digits."""
    if isinstance(answer, str):
        return {answer} if len(answer) > 2 else set()
    if isinstance(answer, Number) and not isinstance(answer, bool):
        return set() if answer in range(-9, 10) else {f"{answer:.2f}", f"{answer:.3f}", str(answer)}
    if isinstance(answer, dict):
        return set().union(*map(told, answer.values()))
    if isinstance(answer, list | tuple | np.ndarray) and len(answer) <= 4:
        return set().union(*map(told, answer))
    return set()


def shared_lines(solution: str, words: str) -> list[str]:
    lines = [line.strip() for line in solution.splitlines()]
    return [line for line in lines if len(line) > 8 and line in words]


@pytest.mark.parametrize("name", ALL)
def test_a_starter_runs_and_has_no_answer_yet(name: str) -> None:
    space: dict[str, Any] = {}
    exec(ALL[name].starter, space)
    verdict = check(name, space["answer"])
    assert not verdict.right
    assert re.search("no answer yet|nothing for|still returns the dots", verdict.words), verdict


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("junk", [None, "junk", object(), [], {}, float("nan"), lambda *_: 1 / 0])
def test_junk_gets_a_verdict_and_no_error(name: str, junk: object) -> None:
    assert not check(name, junk).right


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_goes_from_recall_to_research(chapter: int) -> None:
    some = of_chapter(chapter)
    assert 4 <= len(some) <= 6
    assert [e.name for e in some] == [f"{chapter}.{n}" for n in range(1, len(some) + 1)]
    levels = [LEVELS.index(e.level) for e in some]
    assert levels == sorted(levels)
    assert {levels[0], levels[-1]} == {0, 3}
    for e in some:
        assert e.chapter == chapter
        assert 5 <= e.minutes <= 120
        assert all([e.title, e.statement, e.hint, e.starter, e.solution, e.discuss])


def test_a_part_that_lacks_is_named() -> None:
    with pytest.raises(DissectError, match=r"exercise 1\.1 lacks a part: 'Starter'"):
        read("# T\n\n## 1.1 A\n*recall, 5 minutes*\n\nDo.\n\n### Hint\nSo.\n")


def test_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(DissectError, match="no exercise '7.1'"):
        check("7.1", 0)
    with pytest.raises(DissectError, match="no chapter 7"):
        of_chapter(7)
