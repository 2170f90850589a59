"""`dissect teach`: the chapters with their exercises as notebooks for students and teachers, and slides."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from dissect.errors import DissectError
from dissect.files import write_text
from dissect.places import NOTEBOOKS
from dissect.progress import note
from dissect.runs.chapters import CHAPTERS
from dissect.runs.settings import settings_from
from dissect.teaching import assignments, boxes, discussion, quiz, slides
from dissect.teaching.exercises import Exercise, of_chapter
from dissect.teaching.exercises.variants import in_variant, known
from dissect.teaching.notebook_text import EXERCISES, address, asked, for_notebook, kept
from dissect.teaching.ready import first_cell
from dissect.teaching.translations import ENGLISH, Translation

KINDS = ("student", "teacher")
SIZES = ("limit", "seeds", "times")  # the parameters by which a chapter takes more or less work
OPENING = {
    "student": f"""# {EXERCISES}

They can be done without running the chapter above: each begins with what it needs.
Put your answer in the place of the dots and run the cell.
Its last line then says whether the answer is right and, where it is not, what is off.
The last exercise is open: its form is checked, the finding is to be discussed.""",
    "teacher": f"""# {EXERCISES}

With solutions: each follows the cell that students are given, and its check accepts it.
Minutes are for a student who has read the chapter.""",
}
OF_VARIANT = "The numbers are those of variant {variant}: other groups have others."


def teach(
    out: Path,
    force: bool = False,
    variants: Sequence[str] = (),
    small: bool = False,
    run: Path = slides.RUN,
    language: str = ENGLISH,
) -> Path:
    """Write `out`/student, `out`/teacher, `out`/nbgrader and `out`/slides; returns `out`.

    With variants, the first two have a folder for each of them, and nbgrader an assignment for each.

    Args:
        out: A folder.
        force: Write over what is there; other files are left alone.
        variants: Whose numbers the exercises have; without any, those of the book.
        small: Give the chapters the sizes of the profile "small" of `dissect run`, for weak machines.
        run: The folder of the run whose pictures the slides show.
        language: Of the notebooks' text, as "ja"; what is not translated stays English, and is counted.

    Raises:
        DissectError: `out` is not empty and `force` is not set, there is no checkout, no such variant, or
            no such language.
    """
    variants = known(variants)
    if not NOTEBOOKS.is_dir():
        raise DissectError(
            "the chapters are not there: this needs a checkout of the repository, "
            "installed with pip install -e ."
        )
    if out.is_file():
        raise DissectError(f"{out} is a file: give a folder")
    if not force and out.is_dir() and any(out.iterdir()):
        raise DissectError(f"{out} is not empty: give another folder, or --force to write over what is there")
    translation = Translation(language)
    for kind in KINDS:
        for variant in variants or (None,):
            for chapter, stem in enumerate(CHAPTERS, start=1):
                given = sizes(stem) if small else None
                made = with_exercises(NOTEBOOKS / f"{stem}.ipynb", chapter, kind, variant, given)
                notebook = nbformat.writes(translation.notebook(made))
                write_text(out / kind / (variant or "") / f"{stem}.ipynb", notebook + "\n")
    write_text(out / "teacher" / "discussion.md", discussion.page())
    assignments.write(out / "nbgrader", variants, translation)
    if translation.missing:
        note(f"{len(translation.missing)} pieces have no translation to {language!r} yet and stay English")
    slides.write(out / "slides", run)
    return out


def sizes(stem: str) -> dict[str, int | None]:
    """How much work a chapter, by its name, takes in the profile "small", by parameter."""
    given = settings_from({"profile": "small"}).parameters(stem, NOTEBOOKS, [])
    return {name: given[name] for name in SIZES if name in given}


def with_exercises(
    source: Path,
    chapter: int,
    kind: str,
    variant: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> NotebookNode:
    """A chapter without outputs, in plain Markdown, followed by its exercises.

    Args:
        source: The notebook.
        chapter: Its number.
        kind: One of `KINDS`.
        variant: Whose numbers the exercises have, if not those of the book.
        given: Values of parameters in the place of the chapter's own.
    """
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = with_values(cell.source, given or {})
    opening, *others = [new for cell in notebook.cells for new in as_handout(cell, chapter)]
    notebook.cells = [opening, new_code_cell(first_cell(address()), id="ready"), *others]
    boxes.put(notebook, source.stem, book=False)
    quiz.put(notebook, source.stem, book=False)
    exercises = of_chapter(chapter)
    if exercises:
        notebook.cells.append(new_markdown_cell(opening_of(kind, variant), id="exercises"))
    for exercise in exercises:
        notebook.cells.extend(cells(in_variant(exercise, variant), kind))
    assignments.name(notebook, variant)
    nbformat.validate(notebook)
    return notebook


def opening_of(kind: str, variant: str | None) -> str:
    """What stands over the exercises, with the variant if there is one."""
    return f"{OPENING[kind]}\n\n{OF_VARIANT.format(variant=variant)}" if variant else OPENING[kind]


def as_handout(cell: NotebookNode, chapter: int) -> Iterator[NotebookNode]:
    """A chapter's cell without what only the book understands; the caption of a figure follows it."""
    if cell.cell_type == "markdown":
        if kept(cell.source):
            cell.source = for_notebook(cell.source, chapter)
            yield cell
        return
    own = cell.metadata.pop("mystnb", {})
    cell.source = without_glue(cell.source)
    yield cell
    if caption := own.get("figure", {}).get("caption"):
        yield new_markdown_cell(f"*{for_notebook(caption, chapter)}*", id=f"{cell.id}-caption")


def with_values(code: str, given: Mapping[str, Any]) -> str:
    r"""Assignments, a line each, with other values and the comments that they have.

    >>> with_values("limit = None  # sentences\nseed = 0", {"limit": 500})
    'limit = 500  # sentences\nseed = 0'
    """
    for name, value in given.items():
        code = re.sub(rf"(?m)^{name} = \w+", f"{name} = {value!r}", code)
    return code


def without_glue(code: str) -> str:
    """Code without the statements that keep a picture for the book's home page."""
    lines = code.splitlines()
    for statement in reversed(ast.parse(code).body):
        if "glue" in {getattr(node, "id", getattr(node, "name", "")) for node in ast.walk(statement)}:
            del lines[statement.lineno - 1 : statement.end_lineno]
    return "\n".join(lines).strip("\n")


def cells(exercise: Exercise, kind: str) -> Iterator[NotebookNode]:
    """Statement and hint, a starter with its check; for teachers the solution with its check, too."""
    name = exercise.name.replace(".", "-")
    yield new_markdown_cell(asked(exercise), id=f"exercise-{name}")
    yield new_code_cell(checked(exercise.starter, exercise), id=f"answer-{name}")
    if kind == "teacher":
        discuss = f"**{exercise.solved}**\n\n*To discuss.* {exercise.discuss}"
        yield new_markdown_cell(for_notebook(discuss, exercise.chapter), id=f"discuss-{name}")
        tags = {"tags": ["solution"]}
        yield new_code_cell(checked(exercise.solution, exercise), id=f"solution-{name}", metadata=tags)


def checked(code: str, exercise: Exercise) -> str:
    """Code that sets the answer, and its check: together, so that a cell runs alone."""
    return f"{code}\n\n{exercise.check}"
