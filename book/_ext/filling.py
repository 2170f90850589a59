"""What is filled in when a page is read: numbers of published runs, and what only a run can tell.

`dissect site` lays out a copy of the book whose folder `book/_run` has what a run tells: pages include it.
`jupyter-book build .` in a clone has no such folder. Pages then say so in the place of each part, but for
those that no run is needed for.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.application import Sphinx

if TYPE_CHECKING:
    from dissect.site.across import Run

PART = re.compile(
    r"^(?P<fence>```|:::)\{(?:include\} |figure\} |raw\} html\n:file: )(?:\.\./)?_run/(?P<name>[\w-]+)\.\w+\n"
    r".*?^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
OF_A_RUN = "*The command* `dissect site` *fills this in from a run.*"


@cache
def without_run() -> Mapping[str, str]:
    """The parts that are the same whatever the run, by name."""
    from dissect.site import citation, exercises, japanese, tables_page

    alike = {"tables": tables_page.page(), "cite": citation.page()}
    return alike | exercises.without_run() | japanese.without_run()


@cache
def published() -> Mapping[str, "Run"]:
    """The published runs, and the paper, whose numbers the prose quotes."""
    from dissect.places import PUBLISHED
    from dissect.site import across

    runs = {place.name: across.read(place) for place in PUBLISHED.glob("*/")}
    return {"paper": across.paper(), **runs}


def parts_filled(text: str) -> str:
    """Text with something in the place of each part that a run would have written.

    >>> parts_filled("Before.\\n\\n```{include} _run/summary.md\\n```\\n")
    'Before.\\n\\n*The command* `dissect site` *fills this in from a run.*\\n'
    """
    return PART.sub(lambda part: without_run().get(part["name"], OF_A_RUN), text)


def quotes_filled(app: Sphinx, page: str, content: list[str]) -> None:
    """Fill the numbers of published runs into the prose."""
    from dissect.site.prose import QUOTE, filled

    if page.startswith("book/") and QUOTE.search(content[0]):
        content[0] = filled(content[0], published())


def fill_parts(app: Sphinx, *read: list[str]) -> None:
    """Fill in the parts of a page, or of a file that a page includes; what was read comes last."""
    read[-1][0] = parts_filled(read[-1][0])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", quotes_filled)
    if not (Path(app.srcdir) / "book" / "_run").is_dir():
        app.connect("source-read", fill_parts)
        app.connect("include-read", fill_parts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
