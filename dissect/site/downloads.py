"""The last section of a chapter: its tables and its code, to be had from the site.

A chapter names them as `importance.parquet` and `dissect/experiments/measures.py`, which is all that a
reader of the notebook needs; in the staged book each name becomes a download.
"""

import re
import shutil
from pathlib import Path

import nbformat

from dissect.places import NOTEBOOKS

NAMED = re.compile(r"`(\w+\.parquet|dissect/[\w/]+\.py)`")
HEADING = "## Evidence"


def title(chapter: str) -> str:
    """The title of a chapter, its first line, such as "How large is each term?"."""
    first = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4).cells[0].source
    return first.partition("\n")[0].removeprefix("# ")


def link(book: Path, results: Path, package: Path) -> None:
    """Copy the run's tables into the staged `book`, and link what the chapters' evidence names.

    A table that the run did not write is left as a name, and said to be missing.

    Args:
        book: The staged folder.
        results: The folder of the run's tables.
        package: The folder of the package's modules.
    """
    tables = book / "_run" / "results"
    tables.mkdir(parents=True, exist_ok=True)
    for file in sorted(results.glob("*.parquet")):
        shutil.copyfile(file, tables / file.name)
    for file in sorted(package.rglob("*.py")):
        place = book / "_run" / "dissect" / file.relative_to(package)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    for path in sorted((book.parent / "notebooks").glob("*.ipynb")):
        chapter = nbformat.read(path, as_version=4)
        for cell in chapter.cells:
            if cell.cell_type == "markdown" and cell.source.startswith(HEADING):
                cell.source = linked(cell.source, book / "_run")
        nbformat.write(chapter, path)


def linked(text: str, staged: Path) -> str:
    """The text with a download in the place of each name of a table or module."""

    def download(match: re.Match[str]) -> str:
        name = match[1]
        place = f"results/{name}" if name.endswith(".parquet") else name
        if not (staged / place).is_file():
            return f"`{name}` (not in this run)"
        return f"{{download}}`{name} <../book/_run/{place}>`"

    return NAMED.sub(download, text)
