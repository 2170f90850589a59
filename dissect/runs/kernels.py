"""Executes chapters with papermill, each in a process of its own."""

import ast
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed, wait
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from weakref import WeakSet

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from papermill.exceptions import PapermillExecutionError

from dissect import progress, reuse
from dissect.errors import DissectError
from dissect.files import write_text
from dissect.runs.terminal import watching

T = TypeVar("T")


class Took(NamedTuple):
    """How long a chapter took, and which of its work was done in it."""

    seconds: float
    work: dict[str, reuse.Work]


# glibc keeps what a batch frees for the next one, up to half a GiB: to hand it back and ask anew costs a
# twentieth of the time of a pass. Other allocators read other names.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(512 * 2**20)}
AT_WORK: WeakSet[AsyncKernelManager] = WeakSet()  # those who look after chapters' processes


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
    lines.touch()
    environment = {
        progress.VARIABLE: str(lines), reuse.VARIABLE: str(work), "PYTHONWARNINGS": "ignore", **ALLOCATOR,
    }  # fmt: skip
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    try:
        papermill.execute_notebook(
            str(source), str(unfinished), parameters, kernel_name="python3", language="python",
            progress_bar=False, kernel_manager_class=kernel(environment, folder),
            request_save_on_cell_execute=False,
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
        lines.unlink(missing_ok=True)
    book = nbformat.read(unfinished, as_version=4)
    clean(book)
    write_text(target, nbformat.writes(book) + "\n")
    target.with_suffix(".failed").unlink(missing_ok=True)  # of an earlier attempt
    return Took(time.monotonic() - begun, reuse.read(work))


def kernel(environment: dict[str, str], folder: Path) -> type[AsyncKernelManager]:
    """A manager whose process has this environment and folder.

    Papermill can only change our own, which other chapters share.
    """

    class Kernel(AsyncKernelManager):
        async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
            options |= {"env": options["env"] | environment, "cwd": str(folder.resolve())}
            await super()._async_launch_kernel(kernel_cmd, **options)
            AT_WORK.add(self)

    return Kernel


def kill() -> None:
    """End the chapters' processes at once."""
    for manager in list(AT_WORK):
        process = getattr(manager.provisioner, "process", None)
        if process is not None and process.poll() is None:
            process.kill()


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
