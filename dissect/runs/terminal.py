"""Shows in the terminal how far a chapter's kernel is."""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dissect.progress import IN_A_LOG, in_words, told_in


@contextmanager
def watching() -> Iterator[Path]:
    """While the block runs, show what `dissect.progress.track` writes to files in the folder that it gets.

    A file is named after the chapter that writes it, and deleted when that is done.
    """
    done = threading.Event()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # what Windows still holds
        thread = threading.Thread(target=_watch, args=(Path(folder), done), daemon=True)
        thread.start()
        try:
            yield Path(folder)
        finally:
            done.set()
            thread.join()


def _watch(folder: Path, done: threading.Event) -> None:
    """On a terminal one line that is written over; elsewhere a line every ten seconds at most."""
    terminal = sys.stderr.isatty()
    begun, shown, last = time.monotonic(), "", 0.0
    told: dict[str, int] = {}  # how many records of a chapter have been looked at
    while not done.wait(0.5):
        chapters = {lines.name: told_in(lines) for lines in sorted(folder.glob("[!.]*"))}
        for chapter, records in chapters.items():
            for note in (record["note"] for record in records[told.get(chapter, 0) :] if "note" in record):
                print(f"\r    {note:<74}" if terminal else f"    {note}", file=sys.stderr)
            told[chapter] = len(records)
        text = _together({chapter: _latest(records) for chapter, records in chapters.items()})
        if text in (shown, "") or not terminal and time.monotonic() - last < IN_A_LOG:
            continue
        shown, last = text, time.monotonic()
        line = f"    {time.monotonic() - begun:4.0f} s  {text}"
        print(f"\r{line[:78]:<78}" if terminal else line, end="" if terminal else "\n", file=sys.stderr)
        sys.stderr.flush()
    if terminal:
        print("\r" + " " * 78 + "\r", end="", file=sys.stderr)


def _together(latest: dict[str, str]) -> str:
    """How far chapters are that run side by side, in one line.

    >>> _together({"4-wsd": "starting"}), _together({"4-wsd": "starting", "5-ner": "terms: 1 of 2"})
    ('starting', '4: starting · 5: terms: 1 of 2')
    """
    if len(latest) == 1:
        return next(iter(latest.values()))
    return " · ".join(f"{chapter.split('-')[0]}: {text}" for chapter, text in latest.items())


def _latest(records: list[dict]) -> str:
    """How far the work is, in words."""
    record = next((r for r in reversed(records) if "label" in r), None)
    return "starting" if record is None else in_words(record)
