"""A function of many items: here, one after another, or by the workers of a cluster."""

import logging
import os
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from dissect import reuse
from dissect.errors import DissectError
from dissect.network import patience
from dissect.pool.address import CLUSTER, passed_on, seen, wait
from dissect.progress import note, track

if TYPE_CHECKING:
    from distributed import Client, Future

    from dissect.pool.worker import Common, Done, Work

T = TypeVar("T")
R = TypeVar("R")
GOES_ON = "the same command goes on where this one stopped"


def mapped(function: Callable[[T], R], items: Sequence[T], label: str) -> list[R]:
    """What a function makes of items, in their order.

    Where a run has told of a cluster, its workers do the work, each item where there is room. What they tell
    of progress and of work that was found done is told here.

    Args:
        function: Data and functions of modules, so that it can be pickled, as can items and results.
        items: What it is called with, one after another.
        label: What the progress is called.

    Raises:
        DissectError: The scheduler or the workers are gone; besides, what the function raises.
    """
    address = os.environ.get(CLUSTER)
    if not address or not items:
        return [function(item) for item in track(items, label)]
    return Elsewhere(address, function, label).results(items)


class Elsewhere:
    """A function whose items are worked on by the workers of a cluster.

    Args:
        address: Of its scheduler.
        function: The function.
        label: What the progress is called.
    """

    def __init__(self, address: str, function: Callable[[Any], Any], label: str):
        self.client = connected(address)
        self.address, self.label = address, label
        self.function, self.common = pickle.dumps(function), common(*seen())
        self.unwanted: set[str] = set()  # workers that differ, and are not gone yet
        self.refused = ""  # what was told of the last of them
        self.alone = time.monotonic()  # since when there has been no worker

    def results(self, items: Sequence[Any]) -> list[Any]:
        """What the function makes of items, in their order."""
        sent = [self.work(item) for item in items]
        places: dict[Future, int] = {}
        found: dict[int, Any] = {}
        with told_in_a_sentence(self.address), self.client.as_current():
            try:
                places |= {self.submitted(work): n for n, work in enumerate(sent)}
                for place, result in track(self.arriving(places, sent), self.label, len(items)):
                    found[place] = result
            finally:
                self.client.cancel(list(places))
        return [found[n] for n in range(len(items))]

    def work(self, item: Any) -> "Work":
        """An item, ready to be sent."""
        from dissect.pool.worker import Work

        return Work(self.common, self.function, pickle.dumps(item), passed_on(), os.getcwd())

    def submitted(self, work: "Work") -> "Future":
        """A piece of work, sent."""
        from dissect.pool.worker import done

        return self.client.submit(done, work, key=f"{self.label}-{os.urandom(8).hex()}", pure=False)

    def arriving(self, places: dict["Future", int], sent: list["Work"]) -> Iterator[tuple[int, Any]]:
        """Places of items and results, as they come; what was refused is sent anew."""
        from dissect.pool.worker import Refused

        held: list[int] = []  # until the workers that refused them are gone
        while places or held:
            for future in self.finished(list(places)):
                place = places.pop(future)
                came = result_of(future, self.label)
                future.release()  # a worker that holds what nobody else has cannot be sent away
                if isinstance(came, Refused):
                    self.refuse(came.worker, came.differs)
                    held.append(place)
                else:
                    yield place, received(came)
            if held and self.sent_away():
                places |= {self.submitted(sent[place]): place for place in held}
                held = []

    def finished(self, futures: list["Future"]) -> list["Future"]:
        """Those that are finished, one at least unless a second passes; none may be for ever."""
        from distributed import wait as wait_for

        if not futures:
            time.sleep(0.1)
            return []
        try:
            return list(wait_for(futures, timeout=1, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            self.look_for_workers()
            return []

    def look_for_workers(self) -> None:
        """Raise `DissectError` where there has been no worker for too long."""
        if self.client.nthreads():
            self.alone = time.monotonic()
        elif self.refused:
            raise DissectError(f"no worker is left that can be used: {self.refused}")
        elif time.monotonic() - self.alone > wait():
            raise DissectError(
                f"no worker has been at {self.address} for {wait():.0f} s: start one, and {GOES_ON}"
            )

    def refuse(self, worker: str, differs: str) -> None:
        """Tell once that a worker is not used."""
        self.refused = refused_in_words(worker, differs)
        if worker not in self.unwanted:
            note(self.refused)
        self.unwanted.add(worker)

    def sent_away(self) -> bool:
        """Whether all workers that are not used are gone, now that they are asked to go."""
        there = self.unwanted & set(self.client.nthreads())
        if there:
            self.client.retire_workers(list(there), close_workers=True, remove=True)
        self.unwanted &= set(self.client.nthreads())
        return not self.unwanted


def refused_in_words(worker: str, differs: str) -> str:
    """The sentence on a worker that is not used.

    Args:
        worker: Its address.
        differs: How it differs, in words.
    """
    return f"the worker {worker} is not used: {differs}"


def result_of(future: "Future", label: str) -> Any:
    """What came of a piece of work. Raises what it raised, and `DissectError` where its workers died.

    Args:
        future: Which is finished.
        label: What the work is called.
    """
    from distributed import KilledWorker

    if future.status != "error":
        return future.result()
    error = future.exception()
    if isinstance(error, KilledWorker):
        raise DissectError(
            f"workers died again and again at {label}: memory may have run out there, so give fewer "
            f"sentences (--limit) or larger machines, and {GOES_ON}"
        )
    assert error is not None
    raise error


def received(came: "Done") -> Any:
    """A result; what was told at the worker is told here."""
    for record in came.told:
        if "note" in record:
            note(record["note"])
        else:
            reuse.record(record["kind"], record["seconds"], record["reused"], **record["sizes"])
    return pickle.loads(came.result)


@contextmanager
def told_in_a_sentence(address: str) -> Iterator[None]:
    """A scheduler that is gone, as a `DissectError`."""
    from concurrent.futures import CancelledError

    from distributed.comm import CommClosedError

    try:
        yield
    except (CancelledError, CommClosedError) as error:
        raise gone(address) from error


def gone(address: str) -> DissectError:
    """That a scheduler does not answer."""
    return DissectError(
        f"the cluster's scheduler at {address} does not answer: see whether it runs, or leave --cluster out; "
        f"{GOES_ON}"
    )


@cache
def common(*places: str) -> "Common":
    """What workers must have in common with this process, and files and folders that they must see."""
    from dissect.pool.worker import common_to

    return common_to(list(places))


def hush() -> None:
    """Let Dask complain no more, since what it complains of is told in a sentence."""
    for name in ("distributed", "distributed.client"):  # each of which it gives a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)


clients: dict[str, "Client"] = {}  # by address


def connected(address: str) -> "Client":
    """The client of a scheduler; one a process.

    Raises:
        DissectError: Dask is not installed, or nothing answers there.
    """
    there = clients.get(address)
    if there is not None and there.status == "running":
        return there
    disconnected(address)
    try:
        from distributed import Client
    except ImportError:
        raise DissectError("a cluster needs Dask: pip install -e '.[cluster]'") from None
    hush()
    try:
        clients[address] = Client(address, timeout=patience(), set_as_default=False)
    except (OSError, ValueError) as error:
        raise gone(address) from error
    return clients[address]


def disconnected(address: str) -> None:
    """Close the client of a scheduler, if there is one."""
    if there := clients.pop(address, None):
        there.close()
