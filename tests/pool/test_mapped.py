"""Work that is done here or by a cluster's workers: the same results, and one sentence where it ends."""

import os
import shutil
import signal
import subprocess
import threading
from contextlib import ExitStack

import pytest

from dissect import DissectError, reuse
from dissect.network import PATIENCE
from dissect.places import PACKAGE, ROOT
from dissect.pool import address, mapped
from dissect.pool.address import CLUSTER, WAIT
from dissect.pool.mapping import disconnected
from dissect.runs.cluster import local
from tests.pool import processes
from tests.pool.processes import HERE, scheduler, until, worker


@pytest.fixture(scope="module")
def two():
    """The address of a scheduler with two workers, processes of their own."""
    with local(2) as there:
        yield there
        disconnected(there)


@pytest.fixture
def cluster(two, monkeypatch):
    monkeypatch.setenv(CLUSTER, two)


@pytest.fixture
def at(monkeypatch):
    """Send work to a scheduler; its client goes with the test."""
    with ExitStack() as stack:

        def send_to(there: str) -> None:
            monkeypatch.setenv(CLUSTER, there)
            stack.callback(disconnected, there)

        yield send_to


def test_without_a_cluster_it_is_a_loop_in_this_process():
    found = mapped(processes.squared, range(3), "squares")
    assert found == [(0, os.getpid()), (1, os.getpid()), (4, os.getpid())]


def test_results_are_in_the_order_of_the_items_and_of_several_workers(cluster):
    found = mapped(processes.squared, range(9), "squares")
    assert [square for square, _ in found] == [n * n for n in range(9)]
    pids = {pid for _, pid in found}
    assert len(pids) == 2 and os.getpid() not in pids


def test_what_workers_tell_is_told_here(cluster, capsys):
    with reuse.recorded() as work:
        assert mapped(processes.tells, range(4), "pieces") == [0, 1, 2, 3]
    assert (work["pieces"].computed, work["pieces"].reused) == (2, 2) and work["pieces"].sizes == {
        "tokens": 6
    }
    said = capsys.readouterr().err
    assert all(said.count(f"note of {n}\n") == 1 for n in range(4)) and "within" not in said


def test_what_work_raises_is_raised_here(cluster):
    with pytest.raises(DissectError, match="^mend this, and run again$"):
        mapped(processes.fails, range(4), "failing")
    with pytest.raises(FileNotFoundError, match="no 3"):  # a mistake of ours stays what it is
        mapped(processes.breaks, [3], "breaking")


def test_work_is_done_in_our_folder_with_our_data(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("DISSECT_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert mapped(processes.environment_of, ["DISSECT_DATA"], "looking") == [(str(tmp_path), str(tmp_path))]
    assert mapped(processes.environment_of, [CLUSTER], "looking") == [(None, str(tmp_path))]


def test_what_another_run_told_workers_is_forgotten(cluster, tmp_path, monkeypatch):
    """One without a data folder of its own would read the other's, without a word."""
    for data in (str(tmp_path), None):
        monkeypatch.setenv("DISSECT_DATA", data) if data else monkeypatch.delenv("DISSECT_DATA")
        found = mapped(processes.data_and_pid, range(6), "looking")
        assert {told for told, _ in found} == {data}
        assert len({pid for _, pid in found}) == 2


def test_a_worker_killed_in_mid_work_is_made_good(cluster, tmp_path):
    mark = tmp_path / "mark"

    def kill():
        until(lambda: mark.exists() and mark.read_text())
        os.kill(int(mark.read_text()), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    assert mapped(processes.waits_once, [tmp_path], "waiting") == [mark.read_text()]
    thread.join()


@pytest.mark.slow
def test_work_that_kills_its_workers_ends_in_one_sentence(cluster):
    with pytest.raises(
        DissectError, match="workers died again and again at dying: .*the same command"
    ) as told:
        mapped(processes.dies, [3], "dying")
    assert "\n" not in str(told.value)


def mounted(folder) -> bool:
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    return subprocess.run(words, capture_output=True).returncode == 0


def test_a_full_disk_at_a_worker_is_one_sentence(cluster, tmp_path):
    if not mounted(tmp_path / "disk"):
        pytest.skip("a little disk to fill cannot be mounted here")
    try:
        with pytest.raises(DissectError, match="^no room on the disk for .*big: make some and run again$"):
            mapped(processes.fills, [tmp_path / "disk" / "big"], "filling")
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "disk")], check=False)


def test_a_scheduler_that_is_killed_is_one_sentence(tmp_path, at, monkeypatch, capfd):
    monkeypatch.setenv(PATIENCE, "3")
    with scheduler(tmp_path) as (there, process), worker(there, tmp_path):
        at(there)

        def kill():
            until((tmp_path / "mark").exists)
            process.kill()

        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(DissectError, match=f"scheduler at {there} does not answer.*the same command"):
            mapped(processes.waits, [tmp_path / "mark"], "waiting")
        thread.join()
    with pytest.raises(DissectError, match="does not answer"):  # nor does it to who comes now
        mapped(processes.fails, [1], "after")
    assert "Traceback" not in capfd.readouterr().err


def test_a_worker_that_joins_late_is_used_and_none_is_one_sentence(tmp_path, at, monkeypatch):
    with scheduler(tmp_path) as (there, _):
        at(there)
        monkeypatch.setenv(WAIT, "1.5")
        with pytest.raises(DissectError, match=f"no worker has been at {there} for 2 s: start one"):
            mapped(processes.squared, range(2), "squares")
        monkeypatch.setenv(WAIT, "60")
        with ExitStack() as stack:
            late = threading.Timer(1.5, lambda: stack.enter_context(worker(there, tmp_path)))
            late.start()
            assert [square for square, _ in mapped(processes.squared, range(3), "squares")] == [0, 1, 4]
            late.join()


@pytest.fixture
def other_code(tmp_path):
    """The environment of a process whose package has one other constant."""
    folder = shutil.copytree(
        PACKAGE, tmp_path / "other" / "dissect", ignore=shutil.ignore_patterns("__pycache__")
    )
    file = folder / "features" / "gathering.py"
    changed = file.read_text().replace("TOKENS_PER_BATCH = 2048", "TOKENS_PER_BATCH = 2049")
    file.write_text(changed)
    shutil.copytree(ROOT / "tests" / "pool", tmp_path / "other" / "tests" / "pool")
    (tmp_path / "other" / "tests" / "__init__.py").touch()
    return HERE | {"PYTHONPATH": str(tmp_path / "other")}


def test_a_worker_with_other_code_is_refused_and_others_go_on(tmp_path, at, other_code, capsys):
    (tmp_path / "ours").mkdir()
    with scheduler(tmp_path) as (there, _), worker(there, tmp_path, environment=other_code) as other:
        at(there)
        with pytest.raises(DissectError, match="no worker is left that can be used: .*its code of dissect"):
            mapped(processes.squared, range(2), "squares")
        other.wait(timeout=30)  # sent away
        with worker(there, tmp_path, environment=other_code), worker(there, tmp_path / "ours") as ours:
            found = mapped(processes.squared, range(6), "squares")
        assert [square for square, _ in found] == [n * n for n in range(6)]
        assert {pid for _, pid in found} == {ours.pid}
    assert "is not used: its code of dissect is another than the run's" in capsys.readouterr().err


def test_a_worker_of_several_threads_is_refused(tmp_path, at):
    with scheduler(tmp_path) as (there, _), worker(there, tmp_path, threads=2):
        at(there)
        with pytest.raises(DissectError, match="start it with --nthreads 1"):
            mapped(processes.squared, range(2), "squares")


@pytest.mark.parametrize("setting", ["soon", "-1", "inf"])
def test_how_long_work_waits_is_a_number_of_seconds(monkeypatch, setting):
    monkeypatch.setenv(WAIT, setting)
    with pytest.raises(DissectError, match=f"{WAIT}='{setting}' is no number of seconds"):
        address.wait()
