"""Chapters in processes of their own, one at a time or side by side."""

import json
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
    return "".join(output.get("text", "") for cell in book.cells for output in cell.outputs)


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


DRAWS = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"


def drawing(path: Path, code: str = DRAWS, **figure: str) -> Path:
    """A notebook with one cell, which has a caption where one is given."""
    cell = nbformat.v4.new_code_cell(code, metadata={"mystnb": {"figure": figure}} if figure else {})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def executed(source: Path, folder: Path) -> nbformat.NotebookNode:
    target = folder / "out" / source.name
    kernels.execute(source, target, {}, folder, folder / "lines")
    return nbformat.read(target, as_version=4)


def kinds(book: nbformat.NotebookNode) -> set[str]:
    return {kind for cell in book.cells for output in cell.outputs for kind in output.get("data", {})}


USERS = {
    "MPLBACKEND": "Agg", "MPLCONFIGDIR": "{home}", "IPYTHONDIR": "{home}/ipython",
    "PYTHONSTARTUP": "{home}/startup.py", "JUPYTER_PATH": "{home}/jupyter", "PYTHONOPTIMIZE": "1",
}  # fmt: skip


@pytest.fixture
def settings_of_a_user(tmp_path, monkeypatch) -> Path:
    """All that a user may have set that a chapter's process would read."""
    home = tmp_path / "home"
    for name, value in USERS.items():
        monkeypatch.setenv(name, value.format(home=home))
    profile = home / "ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00.py").write_text("raise_of_users_own = 1")
    (profile / "ipython_kernel_config.py").write_text(
        "c = get_config(); c.InlineBackend.figure_formats = {'svg'}; c.InlineBackend.rc = {'font.size': 30}"
    )
    (home / "startup.py").write_text("of_startup = 1")
    (home / "matplotlibrc").write_text("text.usetex: True\nfont.size: 31\n")
    spec = home / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    told = {"argv": ["/nowhere/python"], "display_name": "of another environment", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(told))
    return home


def test_nothing_that_the_user_has_set_changes_a_chapter(tmp_path, settings_of_a_user):
    asks = DRAWS + (
        "\nimport sys, tempfile\nassert plt.rcParams['font.size'] == 10 and not plt.rcParams['text.usetex']"
        "\nassert 'raise_of_users_own' not in globals() and 'of_startup' not in globals()"
        "\nprint(sys.executable, sys.flags.optimize, tempfile.gettempdir())"
    )
    source = drawing(tmp_path / "a.ipynb", asks, caption="A line.")
    book = executed(source, tmp_path)
    assert kinds(book) == {"image/png", "text/plain"}
    python, optimised, temporary = said(tmp_path, "a").split()
    assert (python, optimised) == (sys.executable, "0")
    assert Path(temporary).is_relative_to(tmp_path) and not Path(temporary).exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".process")) == []


@pytest.mark.parametrize(
    "code, figure, said",
    [
        ("import matplotlib; matplotlib.use('agg')\n" + DRAWS, {"caption": "A line.", "name": "fig-line"},
         r"chapter a drew no picture in cell 1 \(fig-line\): .*inline backend as PNG"),
        ("from matplotlib_inline.backend_inline import set_matplotlib_formats\n"
         "set_matplotlib_formats('svg')\n" + DRAWS, {"caption": "A line."},
         "chapter a drew no picture in cell 1"),
        ("import matplotlib; matplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
         "from myst_nb import glue; glue('line', plt.figure(), display=False)", {}, "one that is glued"),
    ],
)  # fmt: skip
def test_a_picture_that_is_owed_and_not_there_fails_the_chapter(code, figure, said, tmp_path):
    source = drawing(tmp_path / "a.ipynb", code, **figure)
    with pytest.raises(DissectError, match=said) as caught:
        executed(source, tmp_path)
    assert "\n" not in str(caught.value) and not (tmp_path / "out" / "a.ipynb").exists()
    assert nbformat.read(tmp_path / "out" / "a.failed", as_version=4).cells[0].execution_count == 1


def test_words_may_stand_in_for_a_picture_that_the_model_cannot_have(tmp_path):
    code = "from IPython.display import Markdown; Markdown('*This model has no mask token.*')"
    book = executed(drawing(tmp_path / "a.ipynb", code, caption="Accuracy."), tmp_path)
    assert "text/markdown" in kinds(book)


def test_a_path_may_hold_braces_and_blanks(tmp_path):
    folder = tmp_path / "my {name} and {0}, {{twice}}"
    folder.mkdir()
    source = notebook(folder / "a {b}.ipynb", "number = 1", "print(number)")
    book = nbformat.read(source, as_version=4)
    book.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(book, source)
    kernels.execute(source, folder / "out" / source.name, {"number": 2}, folder, folder / "lines")
    assert said(folder, "a {b}") == "2\n"


def test_a_process_that_does_not_start_is_no_matter_of_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    source = notebook(tmp_path / "a.ipynb", "1")
    with pytest.raises(DissectError, match="chapter a could not be run .*-m ipykernel") as caught:
        executed(source, tmp_path)
    assert "memory" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_chapter_takes_its_start_beside_its_cells(tmp_path):
    recorded = "from dissect import reuse\nwith reuse.timed('passes', tokens=3):\n    time.sleep(0.2)"
    source = notebook(tmp_path / "a.ipynb", "import time", "time.sleep(0.3)", recorded)
    took = kernels.execute(source, tmp_path / "out.ipynb", {}, tmp_path, tmp_path / "lines")
    assert set(took.work) == {"starting", "passes"} and took.work["passes"].sizes == {"tokens": 3}
    assert took.work["starting"].seconds + took.work["passes"].seconds + 0.3 <= took.seconds


def test_cells_that_only_import_are_part_of_the_start():
    cells = {
        "import torch": 8.0,
        "import time\ntime": 4.0,
        "%magic": 2.0,
        "x = 1": 1.0,
    }
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("prose")])
    for code, seconds in cells.items():
        cell = nbformat.v4.new_code_cell(code)
        cell.metadata["papermill"] = {"duration": seconds}
        book.cells.append(cell)
    book.cells.append(nbformat.v4.new_code_cell("never_run"))
    assert kernels.seconds_of(book) == 7.0
