"""Executes one chapter with papermill, in a process of its own."""

import os
import tempfile
import time
from pathlib import Path

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError

from dissect import progress, provenance
from dissect.errors import DissectError
from dissect.files import write_text
from dissect.watching import watching


def execute(source: Path, target: Path, parameters: dict, folder: Path) -> float:
    """Run one notebook; `target` appears when it is finished, and not before. Seconds taken.

    folder: the run's, in which the chapter works.

    Raises `DissectError` when a cell fails; the notebook up to there is kept beside as *.failed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        lines, unfinished = Path(scratch) / "progress", Path(scratch) / source.name
        quiet = {progress.VARIABLE: str(lines), "PYTHONWARNINGS": "ignore"}
        before = {name: os.environ.get(name) for name in quiet}
        os.environ |= quiet
        try:
            with watching(lines):
                papermill.execute_notebook(
                    str(source), str(unfinished), parameters, cwd=str(folder.resolve()),
                    kernel_name="python3", progress_bar=False, request_save_on_cell_execute=False,
                    extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
                )  # fmt: skip
        except PapermillExecutionError as error:
            failed = target.with_suffix(".failed")
            write_text(failed, unfinished.read_text(encoding="utf-8"))
            raise DissectError(
                f"chapter {source.stem} failed at cell {error.exec_count}: "
                f"{error.ename}: {error.evalue} (see {failed})"
            ) from None
        except (RuntimeError, OSError) as error:  # a kernel that died is a RuntimeError
            raise DissectError(
                f"chapter {source.stem} could not be run ({str(error).strip() or type(error).__name__}); "
                "if its process was killed, memory may have run out: give fewer sentences (--limit)"
            ) from None
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        book = nbformat.read(unfinished, as_version=4)
    provenance.clean(book)
    write_text(target, nbformat.writes(book) + "\n")
    return time.monotonic() - begun


def code_of(source: Path) -> list[str]:
    """The code cells of a notebook, without the parameters that papermill put in."""
    return [cell.source for cell in code_cells(nbformat.read(source, as_version=4))]


def code_cells(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The code cells of a notebook, but for the parameters that papermill put in."""
    return [
        cell
        for cell in book.cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]
