"""A box near the top of each chapter: what it needs, how long it takes; one at its end: what to take away.

What they say holds whatever the run. In the book they are admonitions, in hand-outs block quotes, since those
are plain Markdown.
"""

import math
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from dissect.places import NOTEBOOKS
from dissect.runs.chapters import number
from dissect.teaching.exercises import of_chapter
from dissect.teaching.notebook_text import for_notebook, kept

BEFORE, AFTER = "Before you read", "To take away"
SUMMARY, EVIDENCE = "## Summary", "## Evidence"
# What is read in a minute: of a text like this, of code, and of displayed formulas and pictures. An estimate;
# nobody was timed.
WORDS, LINES, SHOWN = 100, 10, 1
STEP = 5  # minutes, to which is rounded
FORMULA = re.compile(r"\$\$.+?\$\$", re.DOTALL)
ADMONITION = """:::{{admonition}} {title}
:class: {kind}
{text}
:::"""


class Boxes(NamedTuple):
    """What a chapter needs, and what to take away from it, each sentence or more; in the book's Markdown."""

    needs: str
    take_away: tuple[str, ...]


@cache
def boxes() -> dict[str, Boxes]:
    """The boxes of each chapter, by the name of its notebook."""
    text = (files("dissect") / "data" / "boxes.yaml").read_text(encoding="utf-8")
    said = yaml.safe_load(text)
    return {chapter: Boxes(of["needs"], tuple(of["take_away"])) for chapter, of in said.items()}


def minutes(chapter: str) -> int:
    """How long reading a chapter takes, estimated from its words, code, pictures and displayed formulas.

    Args:
        chapter: The name of its notebook.
    """
    notebook = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4)
    needed = sum(of_prose(cell) if cell.cell_type == "markdown" else of_code(cell) for cell in notebook.cells)
    return STEP * math.ceil(needed / STEP)


def of_prose(cell: NotebookNode) -> float:
    """Minutes for a cell of prose; none for the evidence, which is there to be looked up."""
    if not kept(cell.source):
        return 0
    words = re.findall(r"\w+", FORMULA.sub("", cell.source))
    return len(words) / WORDS + len(FORMULA.findall(cell.source)) / SHOWN


def of_code(cell: NotebookNode) -> float:
    """Minutes for a cell of code: its lines, if they are not folded, and its picture with the caption."""
    of_lines = 0 if "hide-input" in cell.metadata.get("tags", []) else len(cell.source.splitlines()) / LINES
    return of_lines + ("figure" in cell.metadata.get("mystnb", {})) / SHOWN


def before(chapter: str) -> str:
    """What a chapter needs, and how long it takes, in the book's Markdown.

    Args:
        chapter: The name of its notebook.
    """
    exercises = sum(one.minutes for one in of_chapter(number(chapter)) if one.level != "research")
    more = f" The exercises ask for {exercises} minutes more, without the open one." if exercises else ""
    return (
        f"**Prerequisites.** {boxes()[chapter].needs}\n\n"
        f"**Time.** About {minutes(chapter)} minutes of reading, estimated from its length.{more}"
    )


def after(chapter: str) -> str:
    """What to take away from a chapter, a list in the book's Markdown.

    Args:
        chapter: The name of its notebook.
    """
    return "\n".join(f"- {said}" for said in boxes()[chapter].take_away)


def box(title: str, text: str, kind: str, chapter: str, book: bool = True) -> str:
    """A box as the book has it, or a hand-out.

    Args:
        title: Its title.
        text: What is in it, in the book's Markdown.
        kind: A class of the theme, whose colour it has in the book.
        chapter: The name of the notebook in which it stands.
        book: For the book.
    """
    if book:
        return ADMONITION.format(title=title, text=text, kind=kind)
    plain = for_notebook(f"**{title}**\n\n{text}", number(chapter))
    return "\n".join(f"> {line}".rstrip() for line in plain.splitlines())


def put(notebook: NotebookNode, chapter: str, book: bool = True) -> None:
    """Put both boxes into a chapter: one above its summary, one at its end, before the evidence.

    A chapter that has no boxes is left as it is.

    Args:
        notebook: It is changed.
        chapter: The name of the chapter's notebook.
        book: For the book; else for a hand-out.
    """
    if chapter not in boxes():
        return
    cells = notebook.cells
    first = next(n for n, cell in enumerate(cells) if SUMMARY in cell.source)
    above, _, below = cells[first].source.partition(SUMMARY)
    needs = box(BEFORE, before(chapter), "before", chapter, book)
    opened = [new_markdown_cell(needs, id="before")]
    if above.strip():  # the title stands in the same cell
        opened.append(new_markdown_cell(SUMMARY + below, id="summary"))
        cells[first].source = above.strip()
        first += 1
    cells[first:first] = opened
    last = next((n for n, cell in enumerate(cells) if cell.source.startswith(EVIDENCE)), len(cells))
    take_away = box(AFTER, after(chapter), "tip", chapter, book)
    cells.insert(last, new_markdown_cell(take_away, id="take-away"))
