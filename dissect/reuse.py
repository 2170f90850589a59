"""How much of a chapter's work was done in it, and how much was found done, with the seconds of each.

Whoever keeps work for later says so here; a run reads it for its manifest.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from dissect.progress import tell

VARIABLE = "DISSECT_WORK"  # the file that is written to, set by a run for its chapters' processes
UNKNOWN = "how much of its work was found done is not recorded"


class Work(BaseModel):
    """Pieces of work of one kind, such as shards of terms: done here, and found done.

    Attributes:
        computed: How many were done here.
        seconds: That those took.
        reused: How many were found done.
        reused_seconds: That those took when they were done.
    """

    model_config = ConfigDict(extra="forbid")

    computed: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    reused: Annotated[int, Field(ge=0)] = 0
    reused_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


def record(kind: str, seconds: float, reused: bool) -> None:
    """Say that a piece of work was done, or was found done.

    Args:
        kind: Of work.
        seconds: That it took, or had taken.
        reused: Whether it was found done.
    """
    if path := os.environ.get(VARIABLE):
        tell(path, {"kind": kind, "seconds": seconds, "reused": reused})


def read(path: Path) -> dict[str, Work]:
    """What was recorded in a file, by kind."""
    work: dict[str, Work] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        told = json.loads(line)
        of = work.setdefault(told["kind"], Work())
        if told["reused"]:
            of.reused, of.reused_seconds = of.reused + 1, round(of.reused_seconds + told["seconds"], 3)
        else:
            of.computed, of.seconds = of.computed + 1, round(of.seconds + told["seconds"], 3)
    return work


@contextmanager
def recorded() -> Iterator[dict[str, Work]]:
    """The work of the block, which fills when the block ends."""
    work: dict[str, Work] = {}
    before = os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work"
        os.environ[VARIABLE] = str(path)
        try:
            yield work
        finally:
            os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})
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
