"""The pieces of a hand-out's Markdown that are translated one by one: headings, paragraphs, items, summaries.

Formulas of their own, blocks of code and tags are left alone.
"""

import re
from collections.abc import Callable

VERBATIM = re.compile(r"(^```.*?^```$|^\$\$.*?\$\$$)", re.MULTILINE | re.DOTALL)
PIECE = re.compile(
    r"""^(?!>?[ ]*$)(?P<before>(?:>[ ])?(?:\#+[ ]|-[ ]|\d+\.[ ]|<details[^>\n]*><summary>)?)
    (?P<words>\S.*?)(?P<after></summary>)?
    (?=\n(?:>[ ])?(?:\#+[ ]|-[ ]|\d+\.[ ]|<)|\n>?[ ]*(?:\n|\Z)|\Z)""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
TAG = re.compile(r"</?\w[^>]*>")
CODE = re.compile(r"`[^`]+`")
# What changes with a text's length, or by group.
OPEN = re.compile(r"\d+(?= minutes)|(?<=of variant )\w+")
PLACE = "{0}"  # what stands for it


def replaced(text: str, by: Callable[[str], str]) -> str:
    """A text with each of its pieces replaced, which are told without marks of heading, item or quotation.

    Args:
        text: In Markdown.
        by: What stands for a piece.
    """

    def one(found: re.Match[str]) -> str:
        if TAG.fullmatch(found["words"]):
            return found[0]
        new = by(plain(found["words"]))
        mark = "> " if found["before"].startswith("> ") else ""
        return found["before"] + new.replace("\n", f"\n{mark}") + (found["after"] or "")

    parts = VERBATIM.split(text)
    return "".join(part if n % 2 else PIECE.sub(one, part) for n, part in enumerate(parts))


def plain(words: str) -> str:
    """A piece on one line; a table keeps its lines."""
    if words.startswith("|"):
        return words
    return re.sub(r"\s*\n(?:> ?)?\s*", " ", words.strip())


def pieces(text: str) -> list[str]:
    """The pieces of a text, in their order."""
    found: list[str] = []

    def kept(piece: str) -> str:
        found.append(piece)
        return piece

    replaced(text, kept)
    return found


def message(piece: str) -> str:
    """A piece as a translation's file has it: a count of minutes, or a variant's name, is left open."""
    return OPEN.sub(PLACE, piece)
