"""Where a chapter's time goes, by kind of work: what was done in it, and what was found done.

Whoever works times it here, and whoever keeps work for later says so; a run reads both for its manifest.
Kinds nest: what is timed within another kind's block counts as its own kind, and not as the other's.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from dissect.environment import variables
from dissect.progress import tell

VARIABLE = "DISSECT_WORK"  # the file that is written to, set by a run for its chapters' processes
UNKNOWN = "how much of its work was found done is not recorded"
Size = Annotated[str, StringConstraints(pattern="^[a-z]{1,20}$")]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Work(BaseModel):
    """Pieces of work of one kind, such as passes over shards: done here, and found done.

    Attributes:
        computed: How many were done here.
        seconds: That those took.
        reused: How many were found done.
        reused_seconds: That those took when they were done.
        sizes: How large all of them were, done here or found done: the tokens of passes; of probes the items
            that an epoch goes through, and the epochs where they are told.
    """

    model_config = ConfigDict(extra="forbid")

    computed: Annotated[int, Field(ge=0)] = 0
    seconds: Amount = 0.0
    reused: Annotated[int, Field(ge=0)] = 0
    reused_seconds: Amount = 0.0
    sizes: dict[Size, Amount] = {}

    def __add__(self, other: "Work") -> "Work":
        """Both together."""
        mine, its = self.sizes, other.sizes
        return Work(
            computed=self.computed + other.computed, seconds=self.seconds + other.seconds,
            reused=self.reused + other.reused, reused_seconds=self.reused_seconds + other.reused_seconds,
            sizes={name: mine.get(name, 0.0) + its.get(name, 0.0) for name in {**mine, **its}},
        )  # fmt: skip


@dataclass
class Timer:
    """A block that is being timed.

    Attributes:
        sizes: Of its work, as far as they are known.
        within: Seconds of the blocks within it.
        seconds: Its own, without those; known when it has ended.
    """

    sizes: dict[str, float] = field(default_factory=dict)
    within: float = 0.0
    seconds: float = 0.0


_AROUND: ContextVar[Timer | None] = ContextVar("_AROUND", default=None)


@contextmanager
def timed(kind: str | None = None, **sizes: float) -> Iterator[Timer]:
    """Record the block as a piece of work of a kind; it may decorate a function, too.

    A block that raises is no piece of work: its seconds are those of the block around it.

    Args:
        kind: Of work; without one the block counts as none around it, and who asks for it records it.
        **sizes: How large it is; others may be put into the timer.
    """
    around, timer = _AROUND.get(), Timer(dict(sizes))
    token, begun = _AROUND.set(timer), time.monotonic()
    told = False
    try:
        yield timer
        whole = time.monotonic() - begun
        timer.seconds = whole - timer.within
        if kind is not None:
            record(kind, timer.seconds, reused=False, **timer.sizes)
        told = True
    finally:
        _AROUND.reset(token)
        if around is not None:
            around.within += whole if told else timer.within


def record(kind: str, seconds: float, reused: bool, **sizes: float) -> None:
    """Say that a piece of work was done, or was found done.

    Args:
        kind: Of work.
        seconds: That it took, or had taken.
        reused: Whether it was found done.
        **sizes: How large it is.
    """
    if path := os.environ.get(VARIABLE):
        tell(path, {"kind": kind, "seconds": seconds, "reused": reused, "sizes": sizes})


def read(path: Path) -> dict[str, Work]:
    """What was recorded in a file, by kind."""
    work: dict[str, Work] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        told = json.loads(line)
        of = work.setdefault(told["kind"], Work())
        if told["reused"]:
            of.reused, of.reused_seconds = of.reused + 1, round(of.reused_seconds + told["seconds"], 6)
        else:
            of.computed, of.seconds = of.computed + 1, round(of.seconds + told["seconds"], 6)
        for size, amount in told["sizes"].items():
            of.sizes[size] = of.sizes.get(size, 0.0) + amount
    return work


@contextmanager
def recorded() -> Iterator[dict[str, Work]]:
    """The work of the block, which fills when the block ends."""
    work: dict[str, Work] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work"
        try:
            with variables({VARIABLE: str(path)}):
                yield work
        finally:
            work |= read(path)


def saved(work: Mapping[str, Work] | None) -> float:
    """Seconds that would have been taken by what was found done."""
    return sum(of.reused_seconds for of in (work or {}).values())


def in_words(seconds: float, work: Mapping[str, Work] | None) -> str:
    """How long something took, and how long what it found done had taken."""
    if work is None:
        return f"{seconds:.0f} seconds ({UNKNOWN})"
    if not any(of.reused for of in work.values()):
        return f"{seconds:.0f} seconds"
    return f"{seconds:.0f} seconds, and {saved(work):.0f} for what was found done"
