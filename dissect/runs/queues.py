"""Clusters whose workers a queue of jobs starts, or that are one machine's GPUs: told by a YAML file."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from dissect.errors import DissectError

# By kind, the package and its class.
KINDS = {
    "slurm": ("dask_jobqueue", "SLURMCluster"),
    "pbs": ("dask_jobqueue", "PBSCluster"),
    "sge": ("dask_jobqueue", "SGECluster"),
    "lsf": ("dask_jobqueue", "LSFCluster"),
    "oar": ("dask_jobqueue", "OARCluster"),
    "htcondor": ("dask_jobqueue", "HTCondorCluster"),
    "cuda": ("dask_cuda", "LocalCUDACluster"),
}
PATIENCE = 7 * 24 * 3600  # seconds that a job may wait in a queue


@contextmanager
def cluster(path: Path) -> Iterator[tuple[str, str]]:
    """Start the cluster of a file; the address of its scheduler, and how long work waits for a worker.

    Args:
        path: YAML with `kind`, one of `KINDS`, `workers`, how many, and options of the kind's class in
            dask-jobqueue or dask-cuda.

    Raises:
        DissectError: The file is wrong, a package is not installed, or the cluster does not start.
    """
    kind, workers, options = read(path)
    package, name = KINDS[kind]
    required("distributed")
    required(package)
    try:
        started = getattr(import_module(package), name)(**of_kind(kind, workers, options))
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DissectError(f"{path}: {name} of {package} does not take these options ({reason})") from None
    with started:
        if package == "dask_jobqueue":
            started.scale(workers)
        yield started.scheduler_address, str(PATIENCE)


def read(path: Path) -> tuple[str, int, dict[str, Any]]:
    """The kind, the number of workers and the other options of a file. Raises `DissectError`."""
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        raise DissectError(f"{path}: not YAML that can be read") from None
    if not isinstance(options, dict) or options.get("kind") not in KINDS:
        raise DissectError(f"{path}: give a kind, one of {', '.join(KINDS)}")
    workers = options.get("workers")
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        raise DissectError(f"{path}: give workers, how many there are to be")
    return options["kind"], workers, {k: v for k, v in options.items() if k not in ("kind", "workers")}


def of_kind(kind: str, workers: int, options: dict[str, Any]) -> dict[str, Any]:
    """Options as the kind's class takes them: a worker does one thing at a time, with all its cores.

    Args:
        kind: One of `KINDS`.
        workers: How many.
        options: Those of the file.
    """
    if kind == "cuda":
        return {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0, **options}
    processes = int(options.get("processes", 1))
    threads = max(1, int(options.get("cores", 1)) // processes)
    own = [f"export {name}_NUM_THREADS={threads}" for name in ("OMP", "MKL", "OPENBLAS")]
    alone = ["--nthreads", "1", "--memory-limit", "0"]  # what is mapped would count
    return options | {
        "processes": processes,
        "worker_extra_args": [*options.get("worker_extra_args", []), *alone],
        "job_script_prologue": [*own, *options.get("job_script_prologue", [])],
    }


def required(package: str) -> None:
    """Raise `DissectError` where a package is not installed."""
    if find_spec(package) is None:
        how = "-e '.[cluster]'" if package == "distributed" else package.replace("_", "-")
        raise DissectError(f"this cluster needs {package.replace('_', '-')}: pip install {how}")
