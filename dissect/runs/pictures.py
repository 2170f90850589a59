"""Pictures that a chapter owes: every cell with a caption leaves one, and so does every glued figure."""

from pathlib import Path

from nbformat import NotebookNode

from dissect.errors import DissectError

GLUED = "application/papermill.record/"
SHOWN = ("image/png", "text/markdown")  # a picture, or a sentence on why there is none


def refuse_missing(book: NotebookNode, stem: str, failed: Path) -> None:
    """Raise `DissectError` for a cell that owes a picture and left none.

    Args:
        book: An executed chapter.
        stem: Its name.
        failed: The file it is kept in when it is refused.
    """
    for cell in book.cells:
        if cell.cell_type == "code" and owes(cell):
            name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name", "one that is glued")
            raise DissectError(
                f"chapter {stem} drew no picture in cell {cell.execution_count} ({name}): its figures have "
                f"to come from Matplotlib's inline backend as PNG (see {failed})"
            )


def owes(cell: NotebookNode) -> bool:
    """Whether a code cell has a caption and shows nothing for it, or holds a figure as words alone."""
    shown = [output.data for output in cell.outputs if "data" in output]
    captioned = "figure" in cell.metadata.get("mystnb", {})
    if captioned and not any(kind in data for data in shown for kind in SHOWN):
        return True
    return any(figure_in_words(data) for data in shown)


def figure_in_words(data: NotebookNode) -> bool:
    """Whether an output says that it is a figure, and is none."""
    prefix = GLUED if any(kind.startswith(GLUED) for kind in data) else ""
    words = "".join(data.get(f"{prefix}text/plain", ""))
    return words.startswith(("<Figure", "Figure(")) and f"{prefix}image/png" not in data
