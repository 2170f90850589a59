"""Schedulers and workers as processes of their own, as `dask` starts them, and work for them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dissect import DissectError, reuse
from dissect.files import written_whole
from dissect.places import ROOT
from dissect.progress import note, track

HERE = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@contextmanager
def dask(*words: str, environment: Mapping[str, str] = HERE) -> Iterator[subprocess.Popen]:
    """A command of Dask, ended with the block."""
    command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
    process = subprocess.Popen(
        command, env=environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # where no package lies that would win over that of the environment
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """A scheduler's address and process."""
    file = folder / "scheduler.json"
    words = ["--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    with dask("scheduler", *words) as process:
        until(file.exists)
        until(lambda: file.read_text().endswith("}"))
        yield json.loads(file.read_text())["address"], process


@contextmanager
def worker(address: str, folder: Path, threads: int = 1, environment: Mapping[str, str] = HERE):
    """A worker without a nanny, so that what is killed stays away."""
    words = ["--no-nanny", "--nthreads", str(threads), "--no-dashboard", "--memory-limit", "0"]
    words += ["--local-directory", str(folder)]
    with dask("worker", address, *words, environment=environment) as process:
        yield process


def until(come, seconds: float = 60) -> None:
    begun = time.monotonic()
    while not come():
        assert time.monotonic() - begun < seconds
        time.sleep(0.05)


# ---- work ----


def squared(n: int) -> tuple[int, int]:
    time.sleep(0.2)
    return n * n, os.getpid()


def tells(n: int) -> int:
    note(f"note of {n}")
    reuse.record("pieces", 1.0, reused=n % 2 == 1, tokens=n)
    return len(list(track(range(n), "within")))


def fails(n: int) -> int:
    if n == 2:
        raise DissectError("mend this, and run again")
    return n


def breaks(n: int) -> int:
    raise FileNotFoundError(f"no {n}")


def waits_once(folder: Path) -> str:
    """Killed while it waits, it finds its mark the next time."""
    mark = folder / "mark"
    if not mark.exists():
        mark.write_text(str(os.getpid()))
        time.sleep(120)
    return mark.read_text()


def dies(n: int) -> None:
    os._exit(n)


def waits(mark: Path) -> None:
    mark.touch()
    time.sleep(120)


def fills(place: Path) -> None:
    with written_whole(place) as unfinished:
        unfinished.write_bytes(b"x" * 2**22)


def environment_of(name: str) -> tuple[str | None, str]:
    return os.environ.get(name), os.getcwd()


def data_and_pid(n: int) -> tuple[str | None, int]:
    time.sleep(0.2)
    return os.environ.get("DISSECT_DATA"), os.getpid()
