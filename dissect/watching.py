"""Shows in the terminal how far a chapter's kernel is."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def watching(lines: Path) -> Iterator[None]:
    """While the block runs, show what `dissect.progress.track` writes to the file `lines`."""
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(lines, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _watch(lines: Path, done: threading.Event) -> None:
    """On a terminal one line that is written over; elsewhere a line every ten seconds at most."""
    terminal = sys.stderr.isatty()
    begun, shown, last, told = time.monotonic(), "", 0.0, 0
    while not done.wait(0.5):
        records = _records(lines)
        for note in (record["note"] for record in records[told:] if "note" in record):
            print(f"\r    {note:<74}" if terminal else f"    {note}", file=sys.stderr)
        told = len(records)
        text = _latest(records)
        if text == shown or not terminal and time.monotonic() - last < 10:
            continue
        shown, last = text, time.monotonic()
        line = f"    {time.monotonic() - begun:4.0f} s  {text}"
        print(f"\r{line:<78}" if terminal else line, end="" if terminal else "\n", file=sys.stderr)
        sys.stderr.flush()
    if terminal:
        print("\r" + " " * 78 + "\r", end="", file=sys.stderr)


def _records(lines: Path) -> list[dict]:
    """What the whole lines of the file say."""
    try:
        return [json.loads(line) for line in lines.read_text(encoding="utf-8").split("\n")[:-1]]
    except (OSError, ValueError):
        return []


def _latest(records: list[dict]) -> str:
    """How far the work is, in words."""
    record = next((r for r in reversed(records) if "label" in r), None)
    if record is None:
        return "starting"
    total = f" of {record['total']}" if record["total"] else ""
    return f"{record['label']}: {record['done']}{total}"
