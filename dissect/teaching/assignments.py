"""The exercises as nbgrader grades them: an assignment a chapter, with its cells' metadata.

A teacher's source holds the solution between two marks, which `nbgrader generate_assignment` takes out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from dissect.files import write_text
from dissect.runs.chapters import CHAPTERS
from dissect.teaching.exercises import Exercise, of_chapter
from dissect.teaching.exercises.exercise import LEVELS
from dissect.teaching.exercises.variants import in_variant
from dissect.teaching.notebook_text import asked
from dissect.teaching.translations import Translation

SCHEMA = 3  # of nbgrader's metadata
SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
CONFIG = """c = get_config()
c.CourseDirectory.course_id = "muppet"
c.ClearSolutions.code_stub = {"python": "# Put your answer above, in the place of the dots."}
c.ExecutePreprocessor.timeout = 300  # seconds a cell
"""
OPENING = """# {title}

Put each answer in the place of the dots and run the cell.
The cell below it says whether the answer is right and, where it is not, what is off."""
CHECK = """from dissect.chapter import check

verdict = {check}
assert verdict, verdict
print(verdict)"""


def write(out: Path, variants: Sequence[str] = (), translation: Translation | None = None) -> None:
    """Write a course of nbgrader's: a configuration, and source/CHAPTER/CHAPTER.ipynb.

    Args:
        out: Its folder.
        variants: Each is an assignment of its own, CHAPTER-VARIANT.
        translation: Into the language of its text; by default it is English.
    """
    translation = translation or Translation()
    write_text(out / "nbgrader_config.py", CONFIG)
    for number, stem in enumerate(CHAPTERS, start=1):
        for variant in (variants or (None,)) if of_chapter(number) else ():
            own = f"{stem}-{variant}" if variant else stem
            notebook = translation.notebook(assignment(number, variant))
            write_text(out / "source" / own / f"{own}.ipynb", nbformat.writes(notebook) + "\n")


def assignment(chapter: int, variant: str | None = None) -> NotebookNode:
    """The exercises of a chapter, with solutions.

    Args:
        chapter: Its number.
        variant: Whose numbers they have, if not those of the book.

    Raises:
        DissectError: There is no such chapter.
    """
    title = OPENING.format(title=f"Exercises to chapter {chapter}")
    cells = [new_markdown_cell(title, id="exercises")]
    for exercise in of_chapter(chapter):
        cells += graded(in_variant(exercise, variant))
    notebook = new_notebook(cells=cells)
    name(notebook, variant)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.validate(notebook)
    return notebook


def name(notebook: NotebookNode, variant: str | None) -> None:
    """Write into a notebook's metadata which variant it is of, for `variant_of`."""
    if variant:
        notebook.metadata["dissect"] = {"variant": variant}


def variant_of(notebook: NotebookNode) -> str | None:
    """Which variant a notebook is of, by its metadata, which may be dropped or changed."""
    own = notebook.metadata.get("dissect")
    named = own.get("variant") if isinstance(own, Mapping) else None
    return str(named) if named else None


def checked_as(code: str, exercise: Exercise) -> str | None:
    """Which variant the check of an exercise names in a notebook's code."""
    said = re.search(rf'check\("{exercise.name}",\s*{exercise.answer},\s*variant="([^"]*)"', code)
    return said[1] if said else None


def points(exercise: Exercise) -> int:
    """What it is worth: 1 for the easiest level, and one more for each above it."""
    return 1 + LEVELS.index(exercise.level)


def graded(exercise: Exercise) -> Iterator[NotebookNode]:
    """An exercise's cells: what is asked, the answer, and its check; open ones are graded by hand."""
    name = exercise.name.replace(".", "-")
    yield new_markdown_cell(asked(exercise), **marked(f"exercise-{name}", locked=True))
    answer = f"{exercise.starter}\n\n{SOLUTION.format(exercise.solution)}"
    if exercise.level == "research":
        yield new_code_cell(answer, **marked(f"answer-{name}", solution=True, points=points(exercise)))
        return
    yield new_code_cell(answer, **marked(f"answer-{name}", solution=True))
    check = CHECK.format(check=exercise.check)
    yield new_code_cell(check, **marked(f"check-{name}", locked=True, points=points(exercise)))


def marked(name: str, solution: bool = False, locked: bool = False, points: int = 0) -> dict[str, Any]:
    """The identity of a cell, and what nbgrader has to know of it.

    Args:
        name: Its own.
        solution: Students write in it.
        locked: They do not.
        points: For it, if it is graded.
    """
    known: dict[str, Any] = {
        "grade_id": name, "schema_version": SCHEMA, "task": False, "locked": locked, "solution": solution,
        "grade": points > 0,
    }  # fmt: skip
    return {"id": name, "metadata": {"nbgrader": known | ({"points": points} if points else {})}}
