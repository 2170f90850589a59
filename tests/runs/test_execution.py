"""Chapters in processes of their own, one at a time or side by side."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from dissect import DissectError
from dissect.runs import kernels

pytestmark = pytest.mark.slow


def notebook(path: Path, *cells: str) -> Path:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(book, path)
    return path


UNTIL = """
import pathlib, time
begun = time.monotonic()
while not pathlib.Path("{file}").exists():
    assert time.monotonic() - begun < 60, "the file never came"
    time.sleep(0.05)
"""
WAITS_FOR = 'import pathlib; pathlib.Path("{own}").touch()' + UNTIL.replace("{file}", "{other}")


def run(
    folder: Path, cells: dict[str, str], finished: list[str], jobs: int = 2, threads: int | None = None
) -> None:
    """Execute one notebook for each cell, and put down in `finished` which are."""

    def work(chapter: str, lines: Path) -> float:
        target = folder / "out" / f"{chapter}.ipynb"
        return kernels.execute(folder / f"{chapter}.ipynb", target, {}, folder, lines, threads)

    for name, cell in cells.items():
        notebook(folder / f"{name}.ipynb", cell)
    kernels.side_by_side(cells, work, lambda chapter, seconds: finished.append(chapter), jobs)


def said(folder: Path, name: str) -> str:
    book = nbformat.read(folder / "out" / f"{name}.ipynb", as_version=4)
    return "".join(output["text"] for cell in book.cells for output in cell.outputs)


def test_two_chapters_run_at_the_same_time(tmp_path):
    cells = {"a": WAITS_FOR.format(own="a", other="b"), "b": WAITS_FOR.format(own="b", other="a")}
    before = Path.cwd(), dict(os.environ)
    finished: list[str] = []
    run(tmp_path, cells, finished)
    assert set(finished) == {"a", "b"}
    assert (Path.cwd(), dict(os.environ)) == before


def test_each_has_its_own_progress_and_its_share_of_the_cores(tmp_path):
    cell = "import os; print(os.environ['OMP_NUM_THREADS'], os.path.basename(os.environ['DISSECT_PROGRESS']))"
    run(tmp_path, {"a": cell, "b": cell}, [], threads=3)
    assert (said(tmp_path, "a"), said(tmp_path, "b")) == ("3 a\n", "3 b\n")


def test_memory_that_a_batch_frees_is_kept_in_chapters_alone(tmp_path):
    """A decomposer had set this for whatever process it was made in."""
    run(tmp_path, {"a": "import os; print(os.environ['MALLOC_TRIM_THRESHOLD_'])"}, [])
    assert said(tmp_path, "a") == f"{512 * 2**20}\n" and "MALLOC_TRIM_THRESHOLD_" not in os.environ


def test_what_is_at_work_is_finished_when_another_fails_and_no_more_is_begun(tmp_path):
    cells = {
        "a": WAITS_FOR.format(own="a", other="b") + "raise ValueError('no such word')",
        "b": WAITS_FOR.format(own="b", other="a") + UNTIL.format(file="out/a.failed"),
        "c": "",
    }
    finished: list[str] = []
    with pytest.raises(DissectError, match="chapter a failed at cell 1: ValueError: no such word"):
        run(tmp_path, cells, finished)
    assert (tmp_path / "out" / "b.ipynb").exists() and (tmp_path / "out" / "a.failed").exists()
    assert not (tmp_path / "out" / "c.ipynb").exists() and finished == ["b"]


def test_what_is_at_work_is_ended_when_a_finished_chapter_cannot_be_noted(tmp_path):
    cells = {"a": WAITS_FOR.format(own="a", other="b"), "b": "open('b', 'w'); import time; time.sleep(120)"}

    def work(chapter: str, lines: Path) -> float:
        source = notebook(tmp_path / f"{chapter}.ipynb", cells[chapter])
        return kernels.execute(source, tmp_path / "out" / source.name, {}, tmp_path, lines)

    def done(chapter: str, seconds: float) -> None:
        raise DissectError("no room on the disk")

    begun = time.monotonic()
    with pytest.raises(DissectError, match="no room"):
        kernels.side_by_side(cells, work, done, jobs=2)
    assert time.monotonic() - begun < 60 and not (tmp_path / "out" / "b.ipynb").exists()


def test_the_processes_end_with_an_interrupted_run(tmp_path):
    """The run alone is interrupted, as by a scheduler; its chapters' processes are not."""
    cell = "import os, time; open(f'pid-{os.getpid()}', 'w').close(); time.sleep(120)"
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import test_execution as t;"
        f"t.run(Path(sys.argv[2]), {{'a': {cell!r}, 'b': {cell!r}}}, [])"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)]
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    until(lambda: len(list(tmp_path.glob("pid-*"))) == 2, 90)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) != 0
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 10)


def test_a_chapter_whose_process_dies_is_one_sentence(tmp_path):
    source = notebook(tmp_path / "dies.ipynb", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(DissectError, match="dies could not be run.*memory may have run out") as caught:
        kernels.execute(source, tmp_path / "out" / "dies.ipynb", {}, tmp_path, tmp_path / "lines")
    assert "\n" not in str(caught.value) and not (tmp_path / "out" / "dies.ipynb").exists()


def until(come, seconds: float) -> None:
    begun = time.monotonic()
    while not come():
        assert time.monotonic() - begun < seconds
        time.sleep(0.1)
