"""Questions at the end of a chapter by which readers check themselves, on the site and in hand-outs.

Each answer opens to what is said to it, by the browser alone: the site runs no script that stands in a page,
and a hand-out needs no package for it.
"""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from dissect.errors import DissectError

TITLE = "## Check yourself"
HOW = "Open the answer that you would give."
RIGHT, WRONG = "Right.", "Not so."
FOLDED = """<details class="quiz"><summary>{answer}</summary>

{verdict} {said}

</details>"""


class Option(NamedTuple):
    """What may be answered, in Markdown, whether it is right, and what is said to it."""

    answer: str
    right: bool
    said: str


class Question(NamedTuple):
    """What is asked, in Markdown, and what may be answered."""

    asked: str
    options: tuple[Option, ...]


@cache
def quizzes() -> dict[str, tuple[Question, ...]]:
    """The questions of each chapter, by the name of its notebook.

    Raises:
        DissectError: Not just one answer to a question is right.
    """
    text = (files("dissect") / "data" / "quizzes.yaml").read_text(encoding="utf-8")
    return {chapter: tuple(map(question, asked)) for chapter, asked in yaml.safe_load(text).items()}


def question(words: dict) -> Question:
    """One question, as the file has it. Raises `DissectError` where not just one answer to it is right."""
    options = tuple(Option(one["answer"], one.get("right", False), one["said"]) for one in words["options"])
    if sum(one.right for one in options) != 1:
        raise DissectError(f"not just one answer is right: {words['asked']}")
    return Question(words["asked"], options)


def page(chapter: str, book: bool = True) -> str:
    """The questions of a chapter in Markdown that a browser folds; "" where it has none.

    Args:
        chapter: The name of its notebook.
        book: For the book, which sets formulas in a paragraph of its own alone; Jupyter does within a line,
            and leaves no room below what folds.
    """
    asked = quizzes().get(chapter, ())
    parts = [f"**{n}.** {one.asked}\n\n{folded(one.options, book)}" for n, one in enumerate(asked, start=1)]
    room = "\n\n" if book else "\n\n<br>\n\n"
    return "\n\n".join([TITLE, HOW, room.join(parts)]) if parts else ""


def folded(options: tuple[Option, ...], book: bool) -> str:
    """Answers that open to what is said to them, in Markdown.

    Args:
        options: What may be answered.
        book: See `page`.
    """
    room = "\n\n" if book else ""
    return "\n\n".join(
        FOLDED.format(
            answer=f"{room}{one.answer}{room}", verdict=RIGHT if one.right else WRONG, said=one.said
        )
        for one in options
    )


def put(notebook: NotebookNode, chapter: str, before: int = 0, book: bool = True) -> None:
    """Put the questions of a chapter into a notebook.

    Args:
        notebook: It is changed.
        chapter: The name of the chapter's notebook.
        before: So many cells are to stand after them.
        book: See `page`.
    """
    if text := page(chapter, book):
        notebook.cells.insert(len(notebook.cells) - before, new_markdown_cell(text, id="quiz"))
