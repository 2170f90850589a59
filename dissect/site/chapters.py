"""Chapters as the book shows them: the repository's prose around what a run computed.

A run folder may come from somebody else, so nothing in it is trusted to be markup or settings: of
outputs only plain kinds are kept, HTML without anything that acts; prose, and the metadata that Jupyter
Book obeys, are the repository's alone.
"""

import base64
import re
from pathlib import Path
from typing import Any

import nbformat
import nh3
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from dissect.errors import DissectError
from dissect.runs.kernels import code_cells, same_code
from dissect.runs.manifest import Manifest
from dissect.site import this_run
from dissect.site.markdown import markdown

MARKS = re.compile(r"[<>{}\[\]$!&\\:]|`{3,}|~{3,}")  # what elements, links, pictures, directives begin with
PNG = b"\x89PNG\r\n\x1a\n"
OF_CELLS = {name: {"align", "colspan", "rowspan"} for name in ("td", "th")}
LEADING_AWAY = {"a", "area", "img", "map"}  # elements of HTML with addresses
SUMMARY = "## Summary"
OPENING = "opening"  # the tag of the cell whose picture a chapter opens with
INJECTED = "injected-parameters"
KINDS = ("text/plain", "text/html", "text/markdown", "image/png")
GLUED = "application/papermill.record/"
NOT_RUN = """:::{{admonition}} Left out
:class: warning
This run left the chapter out{reason}: it is shown as it is before a run, without its results.
:::"""
OTHER = """## As it was run

:::{admonition} Another version
:class: warning
This run was made with other code than that of the chapter above.
Here is that code with what came of it.
:::"""


def chapter(source: Path, executed: Path, told: Manifest, end: str = "", opening: str = "") -> NotebookNode:
    """A chapter of a run, to be written where Jupyter Book reads it.

    Args:
        source: The notebook of the repository.
        executed: The run's; it need not exist.
        told: The run's manifest.
        end: Markdown that goes before the last cell, which lists the evidence.
        opening: Markdown that goes below the title, with the chapter's picture.

    Raises:
        DissectError: The executed notebook is damaged.
    """
    if not executed.is_file():
        reason = told.left_out.get(source.stem)
        return without_results(source, f" ({markdown(reason)})" if reason else "")
    book, run = read(source), read(executed)
    ran = [shown(cell, f"ran-{n}") for n, cell in enumerate(with_one_injected(run.cells))]
    if same_code(*([cell.source for cell in code_cells(one)] for one in (book, run))):
        book.cells = merged(book, ran)
    else:
        book.cells += [new_markdown_cell(OTHER, id="other"), *ran]
    if end:
        book.cells.insert(len(book.cells) - 1, new_markdown_cell(end, id="judged"))
    if opening:
        open_with(book, opening)
    below = 1 + next((n for n, cell in enumerate(book.cells) if SUMMARY in cell.source), 0)
    book.cells.insert(below, this_run.box(told, source.stem))
    return book


def open_with(book: NotebookNode, opening: str) -> None:
    """Put what was found, and the picture of it, between a chapter's title and its summary.

    The picture is that of the cell tagged `opening`, which then says where it stands.

    Args:
        book: The chapter; it is changed.
        opening: Markdown.
    """
    title, _, rest = book.cells[0].source.partition("\n")
    book.cells[0].source = f"{title}\n\n{opening}"
    after = [new_markdown_cell(rest.strip(), id="summary")]
    drawn = next((cell for cell in book.cells if OPENING in cell.metadata.get("tags", [])), None)
    if drawn is not None and any("image/png" in output.get("data", {}) for output in drawn.outputs):
        after.insert(0, picture_of(drawn))
        name = drawn.metadata.mystnb.figure.name
        pointer = new_markdown_cell(f"This draws {{numref}}`{name}`, at the head of the chapter.", id="drawn")
        book.cells.insert(book.cells.index(drawn) + 1, pointer)
        del drawn.metadata["mystnb"]
    book.cells[1:1] = after


def picture_of(drawn: NotebookNode) -> NotebookNode:
    """A cell with the picture of another, its caption and nothing else; the other one loses the picture."""
    pictures = [output for output in drawn.outputs if "image/png" in output.get("data", {})]
    drawn.outputs = [output for output in drawn.outputs if output not in pictures]
    return new_code_cell(
        "# drawn below", id="opening", outputs=pictures,
        metadata={"tags": ["remove-input"], "mystnb": drawn.metadata.mystnb},
    )  # fmt: skip


def is_injected(cell: NotebookNode) -> bool:
    """Whether papermill says that it put a cell in, with the parameters."""
    return INJECTED in cell.metadata.get("tags", [])


def with_one_injected(cells: list[NotebookNode]) -> list[NotebookNode]:
    """The code cells, and of those with parameters the first alone: papermill puts in no more."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    first = next(filter(is_injected, code), None)
    return [cell for cell in code if cell is first or not is_injected(cell)]


def shown(cell: NotebookNode, name: str) -> NotebookNode:
    """A code cell of a run: its source and harmless outputs, and nothing of its metadata but a tag."""
    injected = is_injected(cell)
    return new_code_cell(
        cell.source,
        id="injected" if injected else name,
        metadata={"tags": [INJECTED, "hide-input"]} if injected else {},
        outputs=[harmless(output) for output in cell.outputs],
        execution_count=cell.execution_count,
    )


def merged(prose: NotebookNode, ran: list[NotebookNode]) -> list[NotebookNode]:
    """The cells of `prose`, its code cells with the outputs and parameters of the run."""
    injected = [cell for cell in ran if cell.metadata.get("tags")]
    executed = iter(cell for cell in ran if not cell.metadata.get("tags"))
    cells = []
    for cell in prose.cells:
        if cell.cell_type == "code":
            done = next(executed)
            cell.outputs, cell.execution_count = done.outputs, done.execution_count
        cells.append(cell)
        if "parameters" in cell.metadata.get("tags", []):
            cells += injected
    return cells


def without_results(source: Path, reason: str = "") -> NotebookNode:
    """A chapter as it is before a run, with a box below its opening that says so."""
    book = read(source)
    book.cells.insert(1, new_markdown_cell(NOT_RUN.format(reason=reason), id="left-out"))
    return book


def read(path: Path) -> NotebookNode:
    """A notebook. Raises `DissectError` when it is damaged."""
    try:
        book = nbformat.read(path, as_version=4)
        nbformat.validate(book)
    except Exception:  # nbformat raises what its parsers raise
        raise DissectError(f"{path} is damaged: run its chapter again") from None
    book.metadata.setdefault("language_info", {"name": "python"})  # Jupyter writes it when a cell has run
    return book


def harmless(output: NotebookNode) -> NotebookNode:
    """An output without the kinds that could act in a reader's browser, and without ways to elsewhere."""
    if output.output_type not in ("display_data", "execute_result"):
        return output
    shown = {kind: shown_as(kind.removeprefix(GLUED), value) for kind, value in output.data.items()}
    output.data = {kind: value for kind, value in shown.items() if value is not None}
    output.metadata = {name: value for name, value in output.metadata.items() if name == "scrapbook"}
    return output


def shown_as(kind: str, value: Any) -> str | None:
    """One kind of an output, made harmless; None where that cannot be."""
    if kind not in KINDS or not isinstance(value, str | list):
        return None
    text = "".join(value)
    if kind == "text/html":
        return nh3.clean(text, tags=nh3.ALLOWED_TAGS - LEADING_AWAY, attributes=OF_CELLS, url_schemes=set())
    if kind == "text/markdown":  # as entities: no markup, and no start of it either
        return MARKS.sub(lambda marks: "".join(f"&#{ord(mark)};" for mark in marks[0]), text)
    if kind == "image/png":
        return text if is_png(text) else None
    return text


def is_png(text: str) -> bool:
    """Whether base64 holds a PNG."""
    try:
        return base64.b64decode(text).startswith(PNG)
    except ValueError:
        return False
