"""What comes from a run or a model, as Markdown for a page."""

import os
import re
from collections.abc import Iterable, Sequence


def shown(model: str) -> str:
    """A model's name for a page: of a local path its last part."""
    local = model.startswith((".", "/")) or os.path.isdir(model)
    return os.path.basename(os.path.abspath(model)) if local else model


def markdown(text: str) -> str:
    """Text of unknown origin as Markdown that shows it letter by letter, on one line.

    What stands in a page and comes out of a run's folder passes through here.
    """
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", line)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], right: int = 0) -> str:
    """A table whose cells are Markdown.

    >>> print(table(["", "minutes"], [("reading", 5)], right=1))
    | | minutes |
    |---|---:|
    | reading | 5 |

    Args:
        head: The columns' names.
        rows: Their cells.
        right: So many columns, the last ones, are set to the right.
    """
    rule = ["---"] * (len(head) - right) + ["---:"] * right
    lines = ["|" + "".join(f" {cell} |" if cell != "" else " |" for cell in row) for row in (head, *rows)]
    return "\n".join([lines[0], f"|{'|'.join(rule)}|", *lines[1:]])
