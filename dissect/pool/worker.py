"""What a worker of a cluster does: it is held against the run, and does what it is sent."""

import importlib.metadata
import os
import pickle
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from distributed import get_worker

from dissect import __version__, progress, reuse
from dissect.hashing import COMPUTING, modules, of_code, of_file
from dissect.pool.address import CLUSTER, PASSED_ON


@dataclass(frozen=True)
class Common:
    """What a worker must have in common with whoever sends it work.

    Attributes:
        versions: Of this package and of those that numbers come out of, by name.
        code: SHA-256 of this package's modules.
        seen: SHA-256 of files, and "" of folders, by where they are.
    """

    versions: Mapping[str, str]
    code: str
    seen: Mapping[str, str | None]


@dataclass(frozen=True)
class Work:
    """A piece of work on its way to a worker.

    Attributes:
        function: Pickled, as is its item, so that a scheduler in between reads neither.
        environment: What the function reads there.
        folder: In which it is called.
    """

    common: Common
    function: bytes
    item: bytes
    environment: Mapping[str, str]
    folder: str


@dataclass(frozen=True)
class Done:
    """What came of it.

    Attributes:
        result: Pickled.
        told: What was told of progress and work meanwhile, a record each.
    """

    result: bytes
    told: list[dict[str, Any]]


@dataclass(frozen=True)
class Refused:
    """A worker that is not to be used.

    Attributes:
        worker: Its address.
        differs: How it differs, in words.
    """

    worker: str
    differs: str


def common_to(seen: list[str]) -> Common:
    """What this process has, to be held against a worker's.

    Args:
        seen: Files and folders that a worker must see as well.
    """
    return Common(versions(), code(), {place: of_file_or_folder(place) for place in seen})


@cache
def code() -> str:
    """SHA-256 of this package's modules, as this process first saw them."""
    return of_code(sorted(modules()))


@cache
def versions() -> dict[str, str]:
    """The versions of this package and of those that numbers come out of."""
    return {"dissect": __version__} | {name: importlib.metadata.version(name) for name in COMPUTING}


def of_file_or_folder(place: str) -> str | None:
    """SHA-256 of a file, "" of a folder, None of what is not there."""
    path = Path(place)
    return "" if path.is_dir() else of_file(path) or None


def differs(common: Common) -> str:
    """How this process differs from whoever sends work, in words; "" where it does not."""
    for name, version in versions().items():
        if version != common.versions.get(name):
            return f"it has {name} {version}, and the run {common.versions.get(name)}"
    if code() != common.code:
        return "its code of dissect is another than the run's: install the same commit there"
    for place, sha256 in common.seen.items():
        if (there := of_file_or_folder(place)) != sha256:
            return f"it does not see {place}: mount it there" if there is None else f"it sees another {place}"
    return ""


def differs_here(common: Common, dask_worker: Any = None) -> str:
    """The same of a worker of Dask, which is to do one thing at a time.

    Args:
        common: What whoever sends work has.
        dask_worker: The worker, as Dask gives it.
    """
    if dask_worker.state.nthreads != 1:
        return "it would do several things at once, each with all its threads: start it with --nthreads 1"
    return differs(common)


def described(dask_worker: Any = None) -> dict[str, Any]:
    """A worker, for the manifest: where it is, and what decides the last digits of its numbers."""
    import torch

    return {
        "host": socket.gethostname(), "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }  # fmt: skip


def done(work: Work) -> Done | Refused:
    """Do a piece of work here, unless this worker differs from whoever sent it.

    Raises what its function raises.
    """
    worker = get_worker()
    if reason := differs_here(work.common, worker):
        return Refused(worker.address, reason)
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "told"
        lines.touch()
        for name in (*PASSED_ON, CLUSTER):  # of another run; and a worker sends nothing on
            os.environ.pop(name, None)
        os.environ |= {**work.environment, progress.VARIABLE: str(lines), reuse.VARIABLE: str(lines)}
        os.chdir(work.folder)
        result = pickle.loads(work.function)(pickle.loads(work.item))
        told = [record for record in progress.told_in(lines) if "label" not in record]
        return Done(pickle.dumps(result), told)
