"""The page on the tables of a run, made from their schema."""

from dissect.runs.chapters import writer_of
from dissect.site.markdown import table
from dissect.tables import TABLES, meaning


def page() -> str:
    """The tables and their columns, in Markdown, for the book."""
    parts = []
    for name, of in TABLES.items():
        writer = writer_of(name)
        where = f"[](../notebooks/{writer}.ipynb)" if writer else "[](scorecard.md)"
        rows = [(f"`{column}`", *meaning(name, column)) for column in of.columns]
        about = of.about[0].upper() + of.about[1:]
        parts.append(f"## {name}\n\n{about}; from {where}.\n\n{table(['column', '', ''], rows)}\n")
    return "\n".join(parts)
