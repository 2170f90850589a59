"""Notes for the teacher: on the questions for discussion, and on what each chapter ends with.

The book has the questions from the same file. What to try stands in the chapters; a note has its first words.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from dissect.errors import DissectError
from dissect.runs.chapters import CHAPTERS
from dissect.teaching.exercises import of_chapter
from dissect.teaching.notebook_text import for_notebook, texts, title

TRY = "## What to try"
STEP = re.compile(r"^\d+\. (.+)$", re.MULTILINE)
OPENING = """# Notes for discussion

For the teacher: what a good answer contains, usual mistakes, and what the data of a run can show.
The notes hold whatever the run; what a run found is on its site."""
OPEN = "Exercise {name} is open, too: its points to discuss are in the teacher's notebook."


class Note(NamedTuple):
    """What is asked, and what the teacher should know of the answers; all in Markdown.

    Attributes:
        asked: The question or suggestion.
        good: What a good answer contains.
        mistakes: Usual ones.
        data: What the data of a run can show.
    """

    asked: str
    good: str
    mistakes: str
    data: str


@cache
def written() -> dict[str, Any]:
    """What dissect/data/discussion.yaml says."""
    return yaml.safe_load((files("dissect") / "data" / "discussion.yaml").read_text(encoding="utf-8"))


def questions() -> list[Note]:
    """The questions for discussion, in the book's order."""
    return [Note(**one) for one in written()["questions"]]


def suggestions(chapter: int) -> list[Note]:
    """What a chapter, by its number, ends with, as it says it, with the notes.

    Raises:
        DissectError: The notes are not of these suggestions.
    """
    stem = list(CHAPTERS)[chapter - 1]
    asked, notes = tried(chapter), written()["suggestions"].get(stem, [])
    begun = [one.startswith(note["begins"]) for one, note in zip(asked, notes, strict=False)]
    if len(asked) != len(notes) or not all(begun):
        raise DissectError(f"the notes in discussion.yaml are not of what {stem} suggests: compare the two")
    return [
        Note(one, note["good"], note["mistakes"], note["data"])
        for one, note in zip(asked, notes, strict=True)
    ]


def tried(chapter: int) -> list[str]:
    """What a chapter, by its number, suggests to try; a chapter need not suggest anything."""
    text = "".join(text for text in texts(chapter) if TRY in text)
    return STEP.findall(text.partition(TRY)[2])


def listed() -> str:
    """The questions as the book has them."""
    return "\n".join(f"{n}. {note.asked}" for n, note in enumerate(questions(), start=1)) + "\n"


def page() -> str:
    """All notes, as a page for the teacher in plain Markdown."""
    parts = [OPENING, "## Questions for discussion", *noted(questions(), chapter=1)]
    for chapter in range(1, len(CHAPTERS) + 1):
        if notes := suggestions(chapter):
            parts += [f"## What to try in chapter {chapter}: {title(chapter)}", *noted(notes, chapter)]
        parts += [OPEN.format(name=one.name) for one in of_chapter(chapter)[-1:]]
    return "\n\n".join(parts) + "\n"


def noted(notes: Sequence[Note], chapter: int) -> Iterator[str]:
    """Notes as blocks of plain Markdown.

    Args:
        notes: In their order.
        chapter: The number of the one that they are of, for links.
    """
    for n, note in enumerate(notes, start=1):
        yield f"**{n}.** {for_notebook(note.asked, chapter)}"
        yield "\n".join([
            f"- *A good answer.* {for_notebook(note.good, chapter)}",
            f"- *Usual mistakes.* {for_notebook(note.mistakes, chapter)}",
            f"- *What the data can show.* {for_notebook(note.data, chapter)}",
        ])  # fmt: skip
