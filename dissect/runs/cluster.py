"""The workers of a run: started for it or found at a scheduler, and held against it before it begins."""

import logging
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import torch

from dissect import models
from dissect.environment import variables
from dissect.errors import DissectError
from dissect.files import write_text
from dissect.pool.address import CLUSTER, SEEN, WAIT, seen, wait
from dissect.pool.mapping import common, connected, disconnected, hush, refused_in_words
from dissect.progress import note
from dissect.runs import queues
from dissect.runs.manifest import Workers
from dissect.runs.processes import ALLOCATOR
from dissect.runs.settings import Settings

if TYPE_CHECKING:
    from distributed import Client

LOCAL = re.compile(r"local:([1-9][0-9]{0,3})")
SCHEDULER = re.compile(r"(tcp|tls)://[^\s/:]+:[0-9]+")


class Team:
    """The workers of a run, as they come and go.

    Args:
        client: Of their scheduler.
    """

    def __init__(self, client: "Client"):
        self.client = client
        self.known: dict[str, dict[str, Any]] = {}  # by address

    def check(self) -> None:
        """Send workers away that differ from this process; raise `DissectError` where none is left."""
        from dissect.pool.worker import differs_here

        await_one(self.client)
        told = ""
        for worker, differs in self.client.run(differs_here, common(*seen()), on_error="return").items():
            reason = f"it cannot be asked ({differs})" if isinstance(differs, Exception) else differs
            if reason:
                told = refused_in_words(worker, reason)
                note(told)
                self.client.retire_workers([worker], close_workers=True, remove=True)
        if not self.client.nthreads():
            raise DissectError(f"no worker is left that can be used: {told}")
        self.look()

    def look(self) -> None:
        """See which workers have joined, and tell of one whose numbers may differ in their last digits."""
        from dissect.pool.worker import described

        ours = torch.backends.cpu.get_cpu_capability()
        for worker, about in self.client.run(described, on_error="ignore").items():
            if worker not in self.known and about["instructions"] != ours:
                note(
                    f"the worker on {about['host']} has the instructions {about['instructions']}, and this "
                    f"machine {ours}: last digits may differ"
                )
            self.known[worker] = about

    def told(self) -> list[Workers]:
        """The workers that the run has had, for its manifest."""
        self.look()
        counts: dict[tuple[str, int, str], int] = {}
        for about in self.known.values():
            kind = (about["host"], about["threads"], about["instructions"])
            counts[kind] = counts.get(kind, 0) + 1
        return [
            Workers(host=host, threads=threads, instructions=instructions, workers=count)
            for (host, threads, instructions), count in sorted(counts.items())
        ]


@contextmanager
def team(settings: Settings, folder: Path) -> Iterator[Team | None]:
    """The workers of a run, which all that is done in the block may use; None where it has no cluster.

    Args:
        settings: Of the run.
        folder: Of the run, which workers must see.

    Raises:
        DissectError: There is no such cluster, or no worker that can be used.
    """
    if settings.cluster is None:
        yield None
        return
    with scheduler(settings.cluster) as address, shared(settings, folder) as places:
        told = {CLUSTER: address, SEEN: os.pathsep.join(places), models.DEVICE: models.pick_device().type}
        with variables(told), connected_to(address) as client:
            note(dashboard(client))
            found = Team(client)
            found.check()
            yield found


@contextmanager
def connected_to(address: str) -> Iterator["Client"]:
    """The client of a scheduler, as long as the block lasts. Raises what `connected` raises."""
    try:
        yield connected(address)
    finally:
        disconnected(address)


@contextmanager
def scheduler(given: str) -> Iterator[str]:
    """The address of a scheduler that is there, or that is started for the block.

    Args:
        given: "local:N", "tcp://host:8786", or a file that `queues.cluster` reads.

    Raises:
        DissectError: It is none of these, or cannot be started.
    """
    if SCHEDULER.fullmatch(given):
        yield given
    elif found := LOCAL.fullmatch(given):
        with local(int(found[1])) as address:
            yield address
    elif Path(given).is_file():
        with queues.cluster(Path(given)) as (address, patience), variables({WAIT: patience}):
            yield address
    else:
        raise DissectError(
            f"cluster={given!r}: give local:N, a scheduler's address such as tcp://host:8786, or a YAML file"
        )


@contextmanager
def local(workers: int) -> Iterator[str]:
    """A scheduler on this machine with so many workers, each with its share of the cores."""
    queues.required("distributed")
    import dask
    from distributed import LocalCluster

    share = {"OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // workers)), **ALLOCATOR}
    hush()
    own = dask.config.set({"distributed.nanny.pre-spawn-environ": share})
    with variables(share), own, LocalCluster(
        n_workers=workers, threads_per_worker=1, memory_limit=0,  # what is mapped would count
        dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


@contextmanager
def shared(settings: Settings, folder: Path) -> Iterator[list[str]]:
    """Files that workers must see as they are here: one that is made for it, and those of models.

    Args:
        settings: Of the run.
        folder: Of the run.
    """
    token = folder.resolve() / f".seen.{os.getpid()}"  # as `files.sweep` knows what was left unfinished
    write_text(token, uuid.uuid4().hex)
    named = [name for name in (settings.model, settings.head, *settings.tuned) if name]
    try:
        yield [
            str(token),
            *(str(Path(name, "config.json").resolve()) for name in named if Path(name).is_dir()),
        ]
    finally:
        token.unlink(missing_ok=True)


def await_one(client: "Client") -> None:
    """Wait until there is a worker. Raises `DissectError` when none comes."""
    begun = time.monotonic()
    while not client.nthreads():
        if time.monotonic() - begun > wait():
            raise DissectError(
                f"no worker has come for {wait():.0f} s: start one with dask worker ADDRESS --nthreads 1"
            )
        time.sleep(0.2)


def dashboard(client: "Client") -> str:
    """Where the scheduler's dashboard is, in words."""
    link = client.dashboard_link
    try:
        with urlopen(link, timeout=5):
            return f"the scheduler's dashboard is at {link}"
    except (OSError, ValueError):
        return "the scheduler shows no dashboard: it does where bokeh is installed"
