"""`dissect grade`: which answers in students' notebooks are right, as a table for a learning platform.

What students wrote is run as it is, with the rights of whoever grades.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import nbformat
import pandas as pd
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from dissect.errors import DissectError
from dissect.progress import note, track
from dissect.teaching.assignments import checked_as, points, variant_of
from dissect.teaching.exercises import Exercise, exercises

SECONDS = 300  # for one cell
VERDICT = "dissect-verdict:"
NONE = "none"  # the variant of a notebook with the book's numbers
ASK = """import json as _json
from dissect.teaching.exercises import check as _check
_verdict = _check({name!r}, {answer}, {variant!r})
print({mark!r} + _json.dumps([bool(_verdict), str(_verdict)]))"""


class Answer(NamedTuple):
    """What became of an exercise.

    Attributes:
        right: Whether its check accepts it; of an open exercise, whether it has the form that is asked for.
        words: What the check says, or why there was nothing to check.
        checked: Whether a check came to a verdict.
        variant: Whose numbers it was checked with, if not with those of the book.
    """

    right: bool
    words: str
    checked: bool = True
    variant: str | None = None


def grade(folder: Path, seconds: float = SECONDS) -> pd.DataFrame:
    """Grade the notebooks of a folder: one a student, or a folder of notebooks a student.

    Args:
        folder: With `NAME.ipynb` or `NAME/*.ipynb`.
        seconds: For one cell of a student's notebook.

    Returns:
        A row a student, with the name, the points of each exercise that is in anybody's notebooks, their sum,
        and what these exercises are worth. An open one's points are for its form. If anybody's notebook is of
        a variant, the column "variant" says which, so that it can be compared with what was handed out.

    Raises:
        DissectError: There is no notebook, or one cannot be read.
    """
    found: dict[str, dict[str, Answer]] = {}
    for student, notebooks in track(list(students(folder).items()), "grading"):
        of = found.setdefault(student, {})
        for place in notebooks:
            for name, answer in answers(place, seconds).items():
                if name in of:
                    note(f"{student}: {name} is in two notebooks, and that of {place.name} counts")
                if not answer.checked:
                    note(f"{student}: {name} has no verdict: {answer.words}")
                of[name] = answer
    return scores(found)


def students(folder: Path) -> dict[str, list[Path]]:
    """The notebooks of each student, by name.

    Raises:
        DissectError: There is none.
    """
    found: dict[str, list[Path]] = {}
    for place in [*sorted(folder.glob("*.ipynb")), *sorted(folder.glob("*/*.ipynb"))]:
        student = place.stem if place.parent == folder else place.parent.name
        if not student.startswith("."):  # Jupyter keeps copies in .ipynb_checkpoints
            found.setdefault(student, []).append(place)
    if not found:
        raise DissectError(f"no notebook in {folder}: give a folder with NAME.ipynb or NAME/*.ipynb in it")
    return found


def answers(place: Path, seconds: float = SECONDS) -> dict[str, Answer]:
    """What became of each exercise in a notebook, by its name.

    Args:
        place: Of the notebook.
        seconds: For one of its cells.

    Raises:
        DissectError: It cannot be read.
    """
    try:
        notebook = nbformat.read(place, as_version=4)
    except Exception:  # nbformat raises what its parsers raise
        raise DissectError(f"{place} is no notebook that can be read: ask for it again") from None
    asked = asked_in(notebook, place)
    with TemporaryDirectory() as scratch:
        try:
            done = run(with_questions(notebook, asked), Path(scratch), seconds)
        except DeadKernelError:
            ended = Answer(False, "the code ended the process that ran it", False)
            return {name: ended._replace(variant=one.variant) for name, one in asked.items()}
    by_name = {cell.metadata["asks"]: answer_of(cell) for cell in done.cells if "asks" in cell.metadata}
    return {name: answer._replace(variant=asked[name].variant) for name, answer in by_name.items()}


def asked_in(notebook: NotebookNode, place: Path) -> dict[str, Exercise]:
    """The exercises whose answers a notebook names, each with the variant that it is checked as.

    Args:
        notebook: A student's.
        place: Where it lies, to be named.
    """
    code, own = text_of(notebook), variant_of(notebook)
    asked = {}
    for name, one in exercises().items():
        if re.search(rf"\b{one.answer}\b", code):
            said = checked_as(code, one)
            if own and said not in (None, own):
                note(
                    f"{place}: {name} names variant {said}; it is checked as {own}, which the notebook is of"
                )
            asked[name] = replace(one, variant=own or said)
    return asked


def text_of(notebook: NotebookNode) -> str:
    """All code of a notebook."""
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def with_questions(notebook: NotebookNode, asked: Mapping[str, Exercise]) -> NotebookNode:
    """The code from the heading of the exercises on, with a cell at the end for each that asks its check.

    Args:
        notebook: A student's.
        asked: The exercises that it has.
    """
    start = next((n for n, cell in enumerate(notebook.cells) if cell.get("id") == "exercises"), 0)
    cells = [new_code_cell(cell.source) for cell in notebook.cells[start:] if cell.cell_type == "code"]
    for name, one in asked.items():
        source = ASK.format(name=name, answer=one.answer, variant=one.variant, mark=VERDICT)
        cells.append(new_code_cell(source, metadata={"asks": name}))
    return new_notebook(cells=cells)


def run(notebook: NotebookNode, folder: Path, seconds: float) -> NotebookNode:
    """Run a notebook's cells to the last, whatever they raise; one that takes too long is interrupted.

    Args:
        notebook: To be run.
        folder: That its code finds itself in.
        seconds: For one cell.
    """
    client = NotebookClient(
        notebook, timeout=seconds, interrupt_on_timeout=True, allow_errors=True, kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    return client.execute()


def answer_of(cell: NotebookNode) -> Answer:
    """What a cell that asked a check was told."""
    for output in cell.outputs:
        for line in output.get("text", "").splitlines():
            if line.startswith(VERDICT):
                return Answer(*json.loads(line.removeprefix(VERDICT)))
    failed = next((output for output in cell.outputs if output.output_type == "error"), None)
    why = f"there is no answer ({failed.ename})" if failed else "its check did not end"
    if failed and failed.ename == DissectError.__name__:
        why = failed.evalue
    return Answer(False, why, False)


def scores(found: Mapping[str, Mapping[str, Answer]]) -> pd.DataFrame:
    """A row a student, by what became of the exercises.

    Args:
        found: By student and exercise.
    """
    every = exercises()
    names = [name for name in every if any(name in of for of in found.values())]
    varied = any(answer.variant for of in found.values() for answer in of.values())
    rows = []
    for student, of in found.items():
        got = {name: points(every[name]) if name in of and of[name].right else 0 for name in names}
        own = {"variant": ", ".join(sorted({answer.variant or NONE for answer in of.values()}))}
        row = {"student": student} | (own if varied else {}) | got
        rows.append(row | {"points": sum(got.values()), "of": worth(names)})
    return pd.DataFrame(rows)


def worth(names: Iterable[str]) -> int:
    """What some exercises are worth together."""
    return sum(points(exercises()[name]) for name in names)
