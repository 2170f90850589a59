"""The exercises: solutions pass their checks, wrong answers do not, and are told what is off."""

import ast
import re
from numbers import Number
from typing import Any

import nbformat
import numpy as np
import pytest

from dissect.errors import DissectError
from dissect.places import ROOT
from dissect.runs.chapters import CHAPTERS as STEMS
from dissect.site.exercises import shown
from dissect.teaching.exercises import check, exercises, of_chapter, variants
from dissect.teaching.exercises.exercise import LEVELS, read
from dissect.teaching.notebook_text import asked

ALL = exercises()
CHAPTERS = range(1, 7)


def solved(name: str) -> dict[str, Any]:
    """What there is after the solution of an exercise was run, the answer among it."""
    space: dict[str, Any] = {}
    exec(ALL[name].solution, space)
    return space


@pytest.mark.parametrize("name", ALL)
def test_the_check_tells_right_from_wrong(name: str) -> None:
    space = solved(name)
    right = space[ALL[name].answer]
    verdict = check(name, right)
    assert verdict.right, verdict
    secrets = told(right)
    assert len(ALL[name].wrong) >= 2
    for words, code in ALL[name].wrong:
        # a study takes seconds: it is made once
        space = space | {ALL[name].answer: dict(right)} if ALL[name].level == "research" else solved(name)
        exec(code, space)
        verdict = check(name, space[ALL[name].answer])
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


class Bound(ast.NodeVisitor):
    """The names that code sets at the top, each with the statement that does (a loop: with none)."""

    def __init__(self, code: str) -> None:
        self.names: dict[str, str | None] = {}
        self.statement: ast.stmt | None = None
        for self.statement in ast.parse(code).body:
            self.visit(self.statement)

    def bind(self, name: str, same: str | None) -> None:
        self.names[name] = same

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            plain = isinstance(self.statement, ast.Assign)
            self.bind(node.id, ast.dump(self.statement) if plain else None)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.partition(".")[0], f"import {alias.name}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name, f"from {node.module} import {alias.name}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.bind(node.name, ast.dump(node))

    def inner(self, node: ast.AST) -> None:
        """A scope of its own: what it sets stays there."""

    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = inner


def chapters_code(chapter: int) -> str:
    notebook = nbformat.read(ROOT / "notebooks" / f"{list(STEMS)[chapter - 1]}.ipynb", as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("variant", [None, *variants.names()])
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_exercise_takes_no_name_from_its_chapter_or_from_another_exercise(
    chapter: int, variant: str | None
) -> None:
    code = chapters_code(chapter)
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    taken: dict[str, str | None] = dict.fromkeys(used) | Bound(code).names
    for exercise in (variants.in_variant(one, variant) for one in of_chapter(chapter)):
        assert exercise.answer in Bound(exercise.starter).names
        own = Bound(exercise.starter).names | Bound(exercise.solution).names
        lost = [name for name, how in own.items() if name in taken and (how is None or taken[name] != how)]
        assert not lost, f"{exercise.name} sets {lost}, which is in use"
        taken |= own


@pytest.mark.parametrize("name", ALL)
def test_a_starter_runs_and_has_no_answer_yet(name: str) -> None:
    space: dict[str, Any] = {}
    exec(ALL[name].starter, space)
    verdict = check(name, space[ALL[name].answer])
    assert not verdict.right
    assert re.search("no answer yet|nothing for|still returns the dots", verdict.words), verdict


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
        assert all([e.title, e.statement, *e.hints, e.hints, e.starter, e.solution, e.discuss])


def test_a_part_that_lacks_is_named() -> None:
    with pytest.raises(DissectError, match=r"exercise 1\.1 lacks a part: 'Starter'"):
        read("# T\n\n## 1.1 A\n*recall, 5 minutes*\n\nDo.\n\n### Hint\nSo.\n")


def test_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(DissectError, match="no exercise '9.1'"):
        check("9.1", 0)
    with pytest.raises(DissectError, match="no chapter 9"):
        of_chapter(len(STEMS) + 1)


NAMES = """
import collections, itertools, numpy, torch
import dissect, dissect.chapter
from dissect import Decomposer
from dissect.experiments.explain import explain
from dissect.chapter import given
from dissect.experiments.finer import word_in

sentence, position, l = given.CRANE, 0, 0
model, split = given.loaded().model, given.by_sentence()
inputs = given.loaded().tokenizer([sentence], return_tensors="pt")
module, change = model.encoder.layer[l].output.dense, torch.zeros_like
bat = word_in(given.loaded(), given.BAT, "bat")
"""
GAPS = {
    "(...": "(**inputs",
    "[…]": "[1]",
    "(…)": "(given.loaded(), given.BAT, 'bat')",
    ".importance()": "given.dissected().importance()",
    "by_unit": "bat.by_unit",
}
WRITTEN = [
    (name, code)
    for name, exercise in ALL.items()
    for text in (exercise.statement, *exercise.hints, exercise.discuss)
    for code in re.findall(r"`(\.?[A-Za-z_][^`\n]*[.(][^`\n]*)`", text)
]


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(NAMES, space)
    return space


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), WRITTEN)
def test_code_in_statements_and_hints_runs(name: str, code: str, names: dict[str, Any]) -> None:
    for gap, filled in GAPS.items():
        code = code.replace(gap, filled)
    eval(code, names)


# ---- hints in steps ----


@pytest.mark.parametrize("name", [name for name, one in ALL.items() if one.level in ("apply", "analyse")])
def test_hints_come_in_steps_and_none_is_the_answer(name: str) -> None:
    exercise = ALL[name]
    assert len(exercise.hints) >= 2 and len(set(exercise.hints)) == len(exercise.hints)
    secrets = told(solved(name)[exercise.answer])
    for hint in exercise.hints:
        assert not shared_lines(exercise.solution, hint)
        assert not secrets & set(re.findall(r"[\w.]*\w", hint))


def test_steps_are_numbered_and_a_single_hint_is_not() -> None:
    code = "```python\nx\n```"
    text = "# T\n\n## 1.1 A\n*recall, 5 minutes*\n\nDo.\n\n{}" + (
        f"### Starter\n{code}\n\n### Solution\n{code}\n\n### Discuss\nSo.\n"
    )
    (alone,) = read(text.format("### Hint\nOne.\n\n"))
    (steps,) = read(text.format("### Hint\nOne.\n\n### Hint\nTwo.\n\n"))
    assert alone.named_hints() == [("Hint", "One.")]
    assert steps.named_hints() == [("Hint 1 of 2", "One."), ("Hint 2 of 2", "Two.")]
    assert asked(steps).count("<details>") == 2 and shown(steps).count("dropdown tip") == 2
    assert asked(steps).index("Two.") > asked(steps).index("</details>")
    with pytest.raises(DissectError, match=r"exercise 1\.1 lacks a part: 'Hint'"):
        read(text.format(""))
