"""What comes from a run or a model, as Markdown for a page."""

import os
import re


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
