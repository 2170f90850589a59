"""`dissect teach`: the chapters with their exercises as notebooks for students and teachers, and slides."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from pybtex.database import parse_file

import dissect
from dissect import slides
from dissect.errors import DissectError
from dissect.exercises import Exercise, of_chapter
from dissect.exercises.pages import solved
from dissect.files import write_text
from dissect.settings import CHAPTERS

ROOT = Path(dissect.__file__).resolve().parents[1]
KINDS = ("student", "teacher")
OPENING = {
    "student": """# Exercises

They can be done without running the chapter above: each begins with what it needs.
Put your answer in the place of the dots and run the cell.
Its last line then says whether the answer is right and, where it is not, what is off.
The last exercise is open: its form is checked, the finding is to be discussed.""",
    "teacher": """# Exercises, with solutions

The cell with the dots is what students are given; the solution follows it, and its check accepts it.
Minutes are for a student who has read the chapter.""",
}
EQUATION = re.compile(r"\$\$ \(([\w-]+)\)")
REFERENCE = re.compile(r"\{eq\}`([\w-]+)`")
CITATION = re.compile(r"\{cite:([pt])\}`([\w-]+)`")


def teach(out: Path, force: bool = False) -> Path:
    """Write `out`/student, `out`/teacher and `out`/slides; returns `out`.

    force: write over what is there; other files are left alone.

    Raises `DissectError` when `out` is not empty and `force` is not set, or without a checkout.
    """
    if not (ROOT / "notebooks").is_dir():
        raise DissectError(
            "the chapters are not there: this needs a checkout of the repository, "
            "installed with pip install -e ."
        )
    if out.is_file():
        raise DissectError(f"{out} is a file: give a folder")
    if not force and out.is_dir() and any(out.iterdir()):
        raise DissectError(f"{out} is not empty: give another folder, or --force to write over what is there")
    for kind in KINDS:
        for chapter, stem in enumerate(CHAPTERS, start=1):
            notebook = with_exercises(ROOT / "notebooks" / f"{stem}.ipynb", chapter, kind)
            write_text(out / kind / f"{stem}.ipynb", nbformat.writes(notebook) + "\n")
    slides.write(out / "slides")
    return out


def with_exercises(source: Path, chapter: int, kind: str) -> NotebookNode:
    """A chapter without outputs, in plain Markdown, followed by its exercises; kind: one of `KINDS`."""
    notebook = nbformat.read(source, as_version=4)
    plain(notebook)
    notebook.cells.append(new_markdown_cell(OPENING[kind], id="exercises"))
    for exercise in of_chapter(chapter):
        notebook.cells.extend(cells(exercise, kind))
    nbformat.validate(notebook)
    return notebook


def cells(exercise: Exercise, kind: str) -> Iterator[NotebookNode]:
    """Statement and hint, a starter with its check; for teachers the solution with its check, too."""
    name = exercise.name.replace(".", "-")
    statement = (
        f"## {exercise.name} {exercise.title}\n\n*{exercise.level}, {exercise.minutes} minutes*\n\n"
        f"{exercise.statement}\n\n<details><summary>Hint</summary>\n\n{exercise.hint}\n\n</details>"
    )
    yield new_markdown_cell(statement, id=f"exercise-{name}")
    yield new_code_cell(checked(exercise.starter, exercise), id=f"answer-{name}")
    if kind == "teacher":
        discuss = f"**{solved(exercise)}**\n\n*To discuss.* {exercise.discuss}"
        yield new_markdown_cell(discuss, id=f"discuss-{name}")
        tags = {"tags": ["solution"]}
        yield new_code_cell(checked(exercise.solution, exercise), id=f"solution-{name}", metadata=tags)


def checked(code: str, exercise: Exercise) -> str:
    """Code that sets the answer, and its check: together, so that a cell runs alone."""
    return f"{code}\n\n{exercise.check}"


def plain(notebook: NotebookNode) -> None:
    """Turn what only the book understands, numbered equations and citations, into plain Markdown."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    labels = [label for text in texts for label in EQUATION.findall(text)]
    number = {label: n for n, label in enumerate(labels, start=1)}

    def tagged(match: re.Match[str]) -> str:
        return f"\\tag{{{number[match[1]]}}}\n$$"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = EQUATION.sub(tagged, cell.source)
            text = REFERENCE.sub(lambda m: f"({number[m[1]]})" if m[1] in number else "of chapter 1", text)
            cell.source = CITATION.sub(lambda m: cited(m[2], in_brackets=m[1] == "p"), text)


def cited(key: str, in_brackets: bool) -> str:
    """ "Mickus et al., 2022" from the book's bibliography."""
    entry = bibliography()[key]
    names = [" ".join(person.last_names) for person in entry.persons["author"]]
    who = names[0] if len(names) == 1 else f"{names[0]} et al."
    if len(names) == 2:
        who = " and ".join(names)
    year = entry.fields["year"]
    return f"({who}, {year})" if in_brackets else f"{who} ({year})"


@cache
def bibliography():
    return parse_file(str(ROOT / "book" / "references.bib")).entries
