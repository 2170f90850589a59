"""Executes chapters with papermill, each in a process of its own."""

import ast
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from dissect import progress, reuse
from dissect.errors import DissectError
from dissect.files import write_text
from dissect.runs import pictures
from dissect.runs.processes import ARGUMENTS, kernel, kill, settings_of_its_own
from dissect.runs.terminal import watching

T = TypeVar("T")
STARTING = "starting"  # a chapter's process, from its start to its end, but for what its cells do
logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it complains of it raises as well


class Took(NamedTuple):
    """How long a chapter took, and which of its work was done in it."""

    seconds: float
    work: dict[str, reuse.Work]


def side_by_side(
    chapters: Iterable[str],
    work: Callable[[str, Path], T],
    done: Callable[[str, T], None],
    jobs: int = 1,
) -> None:
    """Run chapters, so many at a time, and tell `done` of each that is finished, and what `work` gave.

    Raises what the first chapter that failed raised; those that were at work then are finished, no
    other is begun. When interrupted, or when `done` raises, all are ended at once.

    Args:
        chapters: Their names.
        work: A chapter and the file for its progress -> what it took; it calls `execute`.
        done: Called with a chapter and what `work` gave.
        jobs: How many at a time.
    """
    stop = threading.Event()

    def unless_stopped(chapter: str) -> T:
        if stop.is_set():
            raise CancelledError
        try:
            return work(chapter, folder / chapter)
        except DissectError:
            stop.set()
            raise

    failed: DissectError | None = None
    with watching() as folder, ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(unless_stopped, chapter): chapter for chapter in chapters}
        try:
            for future in as_completed(futures):
                try:
                    took = future.result()
                except CancelledError:
                    continue
                except DissectError as error:
                    failed = failed or error
                    continue
                done(futures[future], took)
        except BaseException:
            stop.set()
            while wait(futures, timeout=0.2).not_done:
                kill()
            raise
    if failed:
        raise failed


def execute(
    source: Path, target: Path, parameters: dict, folder: Path, lines: Path, threads: int | None = None
) -> Took:
    """Run one notebook; `target` appears when it is finished, and not before.

    Args:
        source: The notebook.
        target: Where it is to stand with its results.
        parameters: What goes into its `parameters` cell.
        folder: The run's, in which the chapter works.
        lines: A new file, to which it writes its progress.
        threads: For its matrix products; by default as many as there are cores.

    Raises:
        DissectError: A cell fails; the notebook up to there is kept beside as `*.failed`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    unfinished = lines.with_name(f".{source.name}")
    work = lines.with_name(f".{source.stem}.work")
    failed = target.with_suffix(".failed")
    lines.touch()
    environment = {progress.VARIABLE: str(lines), reuse.VARIABLE: str(work)}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    try:
        with told_in_a_sentence(source.stem, failed), settings_of_its_own(lines.parent) as home:
            papermill.execute_notebook(
                unformatted(source), unformatted(unfinished), parameters, kernel_name="python3",
                language="python", progress_bar=False, request_save_on_cell_execute=False,
                kernel_manager_class=kernel(environment, folder, home), extra_arguments=ARGUMENTS,
            )  # fmt: skip
        book = nbformat.read(unfinished, as_version=4)
        pictures.refuse_missing(book, source.stem, failed)
    except DissectError:
        if unfinished.is_file():
            write_text(failed, unfinished.read_text(encoding="utf-8"))
        raise
    finally:
        lines.unlink(missing_ok=True)
    in_cells = seconds_of(book)
    clean(book)
    write_text(target, nbformat.writes(book) + "\n")
    failed.unlink(missing_ok=True)  # of an earlier attempt
    seconds = time.monotonic() - begun
    starting = reuse.Work(computed=1, seconds=round(max(0.0, seconds - in_cells), 3))
    return Took(seconds, reuse.read(work) | {STARTING: starting})


def seconds_of(book: nbformat.NotebookNode) -> float:
    """How long the cells of an executed notebook took, but for those that only import."""
    return sum(
        cell.metadata.get("papermill", {}).get("duration") or 0.0
        for cell in book.cells
        if cell.cell_type == "code" and not only_imports(cell.source)
    )


def only_imports(code: str) -> bool:
    """Whether a cell's code is made of imports.

    >>> only_imports("import torch; import numpy as np"), only_imports("d = 12")
    (True, False)
    """
    try:
        return all(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(code).body)
    except SyntaxError:  # magic, say
        return False


@contextmanager
def told_in_a_sentence(stem: str, failed: Path) -> Iterator[None]:
    """What may go wrong while a chapter is executed, as a `DissectError`.

    Args:
        stem: The chapter's.
        failed: The file that is kept of it.
    """
    try:
        yield
    except PapermillExecutionError as error:
        raise DissectError(
            f"chapter {stem} failed at cell {error.exec_count}: {error.ename}: {error.evalue} (see {failed})"
        ) from None
    except DeadKernelError:
        raise DissectError(
            f"chapter {stem} could not be run to its end, since its process was killed: memory may have run "
            "out, so give fewer sentences (--limit)"
        ) from None
    except (RuntimeError, OSError) as error:  # a process that does not answer is a RuntimeError
        raise DissectError(
            f"chapter {stem} could not be run ({str(error).strip() or type(error).__name__}): "
            f"see whether {sys.executable} -m ipykernel --version tells one, and whether the disk has room"
        ) from None


def unformatted(path: Path) -> str:
    """A path for papermill, which takes what stands in braces for the name of a parameter."""
    return str(path).replace("{", "{{").replace("}", "}}")


def code_of(source: Path) -> list[str]:
    """The code cells of a notebook, without the parameters that papermill put in."""
    return [cell.source for cell in code_cells(nbformat.read(source, as_version=4))]


def clean(book: nbformat.NotebookNode) -> None:
    """Take out what papermill left about this machine."""
    book.metadata.pop("papermill", None)
    for cell in book.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected"


def same_code(one: list[str], other: list[str]) -> bool:
    """Whether the code cells of two notebooks are the same.

    But for comments, and for where in the package the names that they import are.
    """
    try:
        return without_imports(one) == without_imports(other)
    except SyntaxError:  # magic, say
        return one == other


def without_imports(cells: list[str]) -> tuple[list[str], set[str]]:
    """Code cells without what they import from the package, and the names imported: as "name as alias"."""
    names: set[str] = set()
    left = []
    for cell in cells:
        tree = ast.parse(cell)
        of_package = [
            node for node in tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dissect"
        ]  # fmt: skip
        names |= {f"{alias.name} as {alias.asname}" for node in of_package for alias in node.names}
        tree.body = [node for node in tree.body if node not in of_package]
        left.append(ast.dump(tree))
    return left, names


def code_cells(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The code cells of a notebook, but for the parameters that papermill put in."""
    return [
        cell
        for cell in book.cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]
