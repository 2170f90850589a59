"""Progress of long work: a bar in a terminal or notebook, or lines for the run that watches it."""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

# The run sets this to a file; the chapters' kernels write there, so that no bar
# ends up in a published notebook.
VARIABLE = "DISSECT_PROGRESS"


def note(text: str) -> None:
    """Tell whoever watches: on the terminal of the run, or of this process."""
    path = os.environ.get(VARIABLE)
    if path is None:
        print(text, file=sys.stderr)
    else:
        tell(path, {"note": text})


def tell(path: str, record: dict) -> None:
    """Add a record, a line of JSON, to the file that the watching run reads."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """The items, one by one, while showing how far the work is.

    Args:
        items: What is gone through.
        label: What the progress is called.
        total: How many items there are, where they do not tell.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    path = os.environ.get(VARIABLE)
    if path is None:
        seen = sys.stderr.isatty() or "ipykernel" in sys.modules  # not in a log
        yield from tqdm(items, desc=label, total=total, leave=False, disable=not seen)
        return
    last = 0.0
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - last > 0.2 or done == total:
            last = time.monotonic()
            tell(path, {"label": label, "done": done, "total": total})
