"""Progress of long work: a bar in a terminal or notebook, lines in a log or for the run that watches it."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")

# The run sets this to a file; the chapters' kernels write there, so that no bar
# ends up in a published notebook.
VARIABLE = "DISSECT_PROGRESS"
NAME: ContextVar[str] = ContextVar("name", default="")  # of the work that is done
IN_A_LOG = 10.0  # seconds between two lines, as also where a run watches its chapters


def note(text: str) -> None:
    """Tell whoever watches: on the terminal of the run, or of this process."""
    path = os.environ.get(VARIABLE)
    if path is None:
        print(text, file=sys.stderr)
    else:
        tell(path, {"note": text})


@cache
def once(text: str) -> None:
    """Tell what was not told before; of chapters, whose corpora a run reads before them, it is told there."""
    if VARIABLE not in os.environ:
        note(text)


def tell(path: str, record: dict) -> None:
    """Add a record, a line of JSON, to the file that the watching run reads."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def told_in(path: Path) -> list[dict[str, Any]]:
    """What the whole lines of such a file say; nothing where it cannot be read."""
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    except (OSError, ValueError):
        return []


def track(items: Iterable[T], label: str, total: int | None = None, before: int = 0) -> Iterator[T]:
    """The items, one by one, while showing how far the work is.

    Args:
        items: What is gone through.
        label: What the progress is called.
        total: How many items there are, with those before; where they do not tell.
        before: How many were done earlier.
    """
    if total is None and isinstance(items, Sized):
        total = before + len(items)
    path = os.environ.get(VARIABLE)
    if path is None and (sys.stderr.isatty() or in_notebook()):
        file = sys.stdout if in_notebook() else sys.stderr  # JupyterLab leaves a red bar of an emptied stderr
        yield from tqdm(items, desc=label, total=total, initial=before, leave=False, file=file)
        return
    last, pause = (time.monotonic(), IN_A_LOG) if path is None else (0.0, 0.2)
    for done, item in enumerate(items, start=before + 1):
        yield item
        if time.monotonic() - last > pause or path is not None and done == total:
            last = time.monotonic()
            tell_or_print(path, {"label": label, "done": done, "total": total})


@contextmanager
def named(name: str) -> Iterator[None]:
    """What `track_named` puts in front of its labels while the block runs."""
    token = NAME.set(name)
    try:
        yield
    finally:
        NAME.reset(token)


@contextmanager
def part_named(part: str) -> Iterator[None]:
    """Add which part of it is at work to what somebody above has `named`."""
    name = NAME.get()
    with named(f"{name}, {part}" if name else ""):
        yield


def track_named(items: Iterable[T], label: str) -> Iterator[T]:
    """`track` for work that somebody above has `named`; where nobody has, nothing is shown.

    Args:
        items: What is gone through.
        label: What is counted, such as "epochs".
    """
    name = NAME.get()
    yield from track(items, f"{name}: {label}") if name else items


def tell_or_print(path: str | None, record: dict) -> None:
    """Add how far work is to a run's file, or print it where no run watches.

    >>> import contextlib
    >>> with contextlib.redirect_stderr(sys.stdout):
    ...     tell_or_print(None, {"label": "terms", "done": 3, "total": None})
        terms: 3
    """
    if path is None:
        print(f"    {in_words(record)}", file=sys.stderr, flush=True)
    else:
        tell(path, record)


def in_words(record: dict) -> str:
    """How far work is.

    >>> in_words({"label": "terms", "done": 3, "total": 8})
    'terms: 3 of 8'
    """
    total = f" of {record['total']}" if record["total"] else ""
    return f"{record['label']}: {record['done']}{total}"


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel, and not one that only starts kernels."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
