"""Variants of the exercises: other numbers for each group, and no answer that is right in two."""

import itertools
import re
import sys
from dataclasses import fields
from numbers import Number
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from nbformat import NotebookNode

from dissect.cli import main
from dissect.errors import DissectError
from dissect.places import NOTEBOOKS
from dissect.runs.chapters import CHAPTERS
from dissect.teaching import assignments, grading, handouts
from dissect.teaching.exercises import check, exercises, of_chapter, variants
from dissect.teaching.exercises.exercise import Exercise
from tests.teaching.test_assignments import nbgrader
from tests.teaching.test_exercises import shared_lines, told

NAMES: tuple[str | None, ...] = (None, *variants.names())
VARIED = list(variants.varied())
# An answer that is a function or a construction is as good in every group; a study is a group's own.
ALIKE = {
    "1.1": "what everybody is to know",
    **dict.fromkeys(("2.1", "2.3", "5.5"), "a construction"),
    **dict.fromkeys(("1.5", "2.2", "2.4", "2.5", "4.2", "5.1", "5.2", "5.3"), "a function"),
    **{e.name: "a study" for e in exercises().values() if e.level == "research"},
}


def own(name: str, variant: str | None) -> Exercise:
    return variants.in_variant(exercises()[name], variant)


def solved(name: str, variant: str | None) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(own(name, variant).solution, space)
    return space


def rounded(answer: Any, digits: int = 2) -> Any:
    """An answer as a student writes it down."""
    if isinstance(answer, dict):
        return {key: rounded(value, digits) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return type(answer)(rounded(value, digits) for value in answer)
    if isinstance(answer, torch.Tensor):
        return rounded(answer.tolist(), digits)
    if isinstance(answer, np.ndarray | Number):
        return np.round(answer, digits)
    return answer


def test_every_exercise_varies_or_has_a_reason_not_to() -> None:
    assert set(VARIED) | set(ALIKE) == set(exercises()) and not set(VARIED) & set(ALIKE)
    assert len(variants.names()) >= 4
    for name, (text, values) in variants.varied().items():
        assert tuple(values) == variants.names(), name
        said = "\n".join(
            value if isinstance(value, str) else "\n".join(map(str, value))
            for value in (getattr(exercises()[name], field.name) for field in fields(Exercise))
            if isinstance(value, str | tuple)
        )
        unused = [old for old in text if old not in said and old != "given.dissected()"]
        assert not unused, f"{name}: {unused}"


@pytest.mark.parametrize("name", VARIED)
def test_the_solution_of_a_variant_is_right_in_it_alone(name: str) -> None:
    answers = {variant: solved(name, variant)[exercises()[name].answer] for variant in NAMES}
    for mine, other in itertools.product(NAMES, NAMES):
        verdict = check(name, answers[mine], other)
        assert verdict.right == (mine == other), f"{mine} in {other}: {verdict}"
        assert mine == other or not check(name, rounded(answers[mine]), other), f"{mine} in {other}"


@pytest.mark.parametrize("variant", variants.names())
@pytest.mark.parametrize("name", VARIED)
def test_wrong_answers_are_wrong_in_a_variant_too(name: str, variant: str) -> None:
    exercise = own(name, variant)
    right = solved(name, variant)[exercise.answer]
    for words, code in exercise.wrong:
        space = solved(name, variant)
        exec(code, space)
        verdict = check(name, space[exercise.answer], variant)
        assert not verdict.right and words in verdict.words, f"{code}: {verdict}"
        spoken = set(re.findall(r"[\w.]*\w", str(verdict).partition(" ")[2]))
        assert not told(right) & spoken and not shared_lines(exercise.solution, verdict.words)


@pytest.mark.parametrize("variant", variants.names())
@pytest.mark.parametrize("name", VARIED)
def test_the_starter_of_a_variant_names_it_and_differs(name: str, variant: str) -> None:
    exercise, plain = own(name, variant), exercises()[name]
    assert f'variant="{variant}"' in exercise.check and "variant" not in plain.check
    assert exercise.starter + exercise.statement != plain.starter + plain.statement
    assert exercise.solution != plain.solution
    space: dict[str, Any] = {}
    exec(exercise.starter, space)
    assert re.search("no answer yet|nothing for", check(name, space[exercise.answer], variant).words)


@pytest.mark.parametrize("name", exercises())
def test_without_a_variant_everything_is_as_it_stands(name: str) -> None:
    assert own(name, None) is exercises()[name]
    if name in ALIKE:
        assert own(name, "A") is exercises()[name]


def test_an_unknown_variant_is_one_sentence() -> None:
    for name in ("1.1", "1.2"):
        with pytest.raises(DissectError, match=r"^there is no variant 'Z': give some of A, B, C, D$"):
            check(name, 0, "Z")
    with pytest.raises(DissectError, match="there is no variant 'Z'"):
        assignments.assignment(1, "Z")
    with pytest.raises(DissectError, match="a variant is named twice in A, A: name each once"):
        variants.known(["A", "A"])


# ---- hand-outs and grading ----


def of_variant(chapter: int, variant: str | None) -> NotebookNode:
    """A student's notebook of a chapter with the solutions of a variant in the place of its starters."""
    notebook = handouts.with_exercises(
        NOTEBOOKS / f"{list(CHAPTERS)[chapter - 1]}.ipynb", chapter, "student", variant
    )
    for cell in notebook.cells:
        name = cell.id.removeprefix("answer-").replace("-", ".")
        if cell.id.startswith("answer-") and exercises()[name].level != "research":
            mine = own(name, variant)
            cell.source = f"{mine.solution}\n\n{mine.check}"
    return notebook


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return handouts.teach(tmp_path_factory.mktemp("teach") / "class", variants=["A", "C"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", handouts.KINDS)
def test_each_variant_has_a_folder_of_its_own_and_says_which_it_is(out: Path, kind: str) -> None:
    assert {place.name for place in (out / kind).iterdir()} - {"discussion.md"} == {"A", "C"}
    for variant in ("A", "C"):
        notebook = nbformat.read(out / kind / variant / "3-mlm.ipynb", as_version=4)
        text = "\n".join(cell.source for cell in notebook.cells)
        assert notebook.metadata["dissect"] == {"variant": variant}
        assert f"those of variant {variant}" in text and own("3.2", variant).starter in text
        assert (own("3.2", variant).solution in text) == (kind == "teacher")
        assert exercises()["3.2"].starter not in text


def test_hand_outs_without_variants_say_nothing_of_them() -> None:
    notebook = handouts.with_exercises(NOTEBOOKS / "3-mlm.ipynb", 3, "teacher")
    assert "variant" not in nbformat.writes(notebook) and "dissect" not in notebook.metadata


def test_an_unknown_variant_stops_before_anything_is_written(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["dissect", "teach", str(tmp_path / "class"), "--variants", "A,Z"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code and not (tmp_path / "class").exists()
    assert "there is no variant 'Z': give some of A, B, C, D" in capsys.readouterr().err


@pytest.mark.slow
def test_nbgrader_hands_a_variant_out_and_accepts_its_solutions(out: Path) -> None:
    course = out / "nbgrader"
    assert {place.name for place in (course / "source").iterdir()} == {
        f"{stem}-{variant}" for n, stem in enumerate(CHAPTERS, 1) if of_chapter(n) for variant in ("A", "C")
    }
    assert "Success!" in nbgrader(course, "validate", "source/4-wsd-C/4-wsd-C.ipynb")
    assert nbgrader(course, "generate_assignment", "4-wsd-C").startswith("0 ")
    released = nbformat.read(course / "release/4-wsd-C/4-wsd-C.ipynb", as_version=4)
    varied = own("4.4", "C")
    assert any(varied.check in cell.source for cell in released.cells)
    assert assignments.variant_of(released) == "C"


@pytest.mark.slow
def test_an_answer_that_was_passed_on_gets_no_point(tmp_path: Path, capsys) -> None:
    """Chapter 3: Ada solved A, Bob solved C; Eve was given A and has Bob's answers, check lines and all."""
    for student, variant in (("Ada", "A"), ("Bob", "C"), ("Dan", None)):
        nbformat.write(of_variant(3, variant), tmp_path / f"{student}.ipynb")
    copied = of_variant(3, "C")
    copied.metadata["dissect"] = {"variant": "A"}
    nbformat.write(copied, tmp_path / "Eve.ipynb")
    lost = of_variant(3, "C")  # by an editor that keeps no metadata
    del lost.metadata["dissect"]
    nbformat.write(lost, tmp_path / "Fay.ipynb")
    table = grading.grade(tmp_path).set_index("student")
    names = ["3.1", "3.2", "3.3", "3.4"]
    full = [assignments.points(exercises()[name]) for name in names]
    for student in ("Ada", "Bob", "Dan", "Fay"):
        assert list(table.loc[student, names]) == full, student
    assert not table.loc["Eve", names].to_numpy().any()
    assert list(table["variant"])[:4] == ["A", "C", "none", "A"]
    assert "Eve.ipynb: 3.1 names variant C; it is checked as A" in capsys.readouterr().err


@pytest.mark.parametrize("own", [None, "A", ["A"], {"variant": None}, {"variant": ""}, {}])
def test_metadata_of_any_form_name_a_variant_or_none(own: Any) -> None:
    notebook = nbformat.v4.new_notebook(metadata={} if own is None else {"dissect": own})
    assert assignments.variant_of(notebook) is None
    notebook.metadata["dissect"] = {"variant": "A"}
    assert assignments.variant_of(notebook) == "A"


@pytest.mark.slow
def test_a_variant_that_does_not_exist_is_told_when_graded(tmp_path: Path, capsys) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(exercises()["3.1"].solution)])
    notebook.metadata["dissect"] = {"variant": "Z"}
    nbformat.write(notebook, tmp_path / "Ada.ipynb")
    assert not grading.grade(tmp_path).loc[0, "points"]
    assert "Ada: 3.1 has no verdict: there is no variant 'Z'" in capsys.readouterr().err
