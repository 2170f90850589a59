"""What a second worker saves, what a piece of work costs to send, and how far that goes on paper.

    python benchmarks/cluster.py [--limit 200] [--seeds 5] [--save book/measured/cluster.csv]

Chapter 5 is run with one worker of one thread, and with two, in turn and each in a new folder; seconds are
the chapter's, with the start of its kernel. Then constants of one of these runs, and a table of growth: how
long so many models would take on so many machines by each of what may hold them up.
"""

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pandas as pd

from dissect.features.store import read_tensors
from dissect.pool import mapped
from dissect.pool.address import CLUSTER
from dissect.pool.mapping import Elsewhere, disconnected
from dissect.runs import manifest
from dissect.runs.cluster import local

CHAPTER = 5
OF_A_SEED = 3  # predictors of that chapter: two models and the control
MODELS, MACHINES = 100, (1, 4, 16, 64)
PIECES = 200  # of work that is nothing, to time what goes around it
ALONE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Constants(NamedTuple):
    """Measured on one run, but for the bandwidth, which is given.

    Attributes:
        item: Bytes of an item's terms.
        items: Of the chapter.
        units: Pieces of work of the chapter.
        unit: Seconds of one, on average.
        alone: Seconds of the chapter that are not work sent elsewhere.
        sent: Seconds that a piece of work costs beside itself.
        message: Bytes of a piece of work.
        bandwidth: Bytes a second that the shared folder gives all machines together.
    """

    item: float
    items: int
    units: int
    unit: float
    alone: float
    sent: float
    message: int
    bandwidth: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, default in {"limit": 200, "seeds": 5, "rounds": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--bandwidth", type=float, default=1e9, help="bytes a second of the shared folder")
    parser.add_argument("--save", help="for the seconds; constants and growth go beside it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for turn in range(options.rounds):
            for workers, of in seconds.items():
                of.append(timed(Path(folder), f"{turn}-{workers}", workers, options))
                print(f"round {turn + 1}, workers {workers}: {of[-1]:.0f} s", flush=True)
        measured = constants(Path(folder) / "runs" / "0-1", OF_A_SEED * options.seeds, options.bandwidth)
    ratios = [one / two for one, two in zip(seconds[1], seconds[2], strict=True)]
    rows = [(n, f"{median(of):.0f}", f"{min(of):.0f}–{max(of):.0f}") for n, of in seconds.items()]
    print(
        f"two workers are {median(ratios):.2f} times as fast as one, {min(ratios):.2f} to {max(ratios):.2f}"
    )
    tables = {
        ".csv": pd.DataFrame(rows, columns=["workers of one thread", "seconds", "range"]),
        "_constants.csv": pd.DataFrame([measured]).T.reset_index().set_axis(["what", "measured"], axis=1),
        "_growth.csv": growth(measured),
    }
    for ending, table in tables.items():
        print(table.to_string(index=False))
        if options.save:
            table.to_csv(Path(options.save).with_suffix("").as_posix() + ending, index=False)


def timed(folder: Path, name: str, workers: int, options: argparse.Namespace) -> float:
    """Seconds of a chapter on so many workers of one thread.

    Args:
        folder: In which there is a folder of runs.
        name: Of the run.
        workers: How many.
        options: Of this script.
    """
    words = ["--sections", CHAPTER, "--limit", options.limit, "--seeds", options.seeds]
    command = [sys.executable, "-m", "dissect.cli", "run", "--no-site", "--name", name, "--siblings", "ner"]
    subprocess.run(
        [*command, "--cluster", f"local:{workers}", *map(str, words)],
        cwd=folder, env=os.environ | ALONE, check=True, capture_output=True,
    )  # fmt: skip
    return manifest.required(folder / "runs" / name).seconds()


def constants(folder: Path, predictors: int, bandwidth: float) -> Constants:
    """The constants of a run that had one worker.

    Args:
        folder: Of the run.
        predictors: Of its chapter, each with a seed.
        bandwidth: Bytes a second of the shared folder.
    """
    (chapter,) = manifest.required(folder).chapters.values()
    files = [read_tensors(path) for path in folder.glob("features/*/[0-9]*.safetensors")]
    shards = [tensors["terms"] for tensors in files if tensors]
    items = sum(shard.shape[1] for shard in shards)
    work = chapter.work or {}
    units = len(shards) + predictors
    spent = sum(of.seconds for of in work.values())
    sent, message = around()
    return Constants(
        sum(shard.nbytes for shard in shards) / items, items, units, spent / units,
        chapter.seconds - spent, sent, message, bandwidth,
    )  # fmt: skip


def around() -> tuple[float, int]:
    """Seconds that a piece of work costs beside itself, and bytes of one."""
    with local(1) as address:
        os.environ[CLUSTER] = address
        try:
            mapped(abs, range(4), "warming up")
            begun = time.monotonic()
            mapped(abs, range(PIECES), "nothing")
            seconds = (time.monotonic() - begun) / PIECES
            return seconds, len(pickle.dumps(Elsewhere(address, abs, "nothing").work(1)))
        finally:
            os.environ.pop(CLUSTER)
            disconnected(address)


def growth(of: Constants) -> pd.DataFrame:
    """Hours of `MODELS` models by each of what may hold them up, and which does; a row a number of machines.

    Machines work at once, and each maps the terms of a model once; the shared folder and the scheduler serve
    one after another. Chapters are put together where they were started, as many at once as machines.
    """
    rows = []
    for machines in MACHINES:
        hours = {
            "work": MODELS * of.units * of.unit / machines / 3600,
            "reading terms": MODELS * min(of.units, machines) * of.items * of.item / of.bandwidth / 3600,
            "scheduler": MODELS * of.units * of.sent / 3600,
            "chapters": MODELS * of.alone / machines / 3600,
        }
        first = max(hours, key=lambda name: hours[name])
        rows.append((machines, *(f"{value:.2f}" for value in hours.values()), first))
    return pd.DataFrame(rows, columns=["machines", *hours, "held up by"])


if __name__ == "__main__":
    main()
