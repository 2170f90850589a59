"""The page on the tables of a run, made from their schema."""

from dissect.runs.chapters import writer_of
from dissect.tables import TABLES, meaning


def page() -> str:
    """The tables and their columns, in Markdown, for the book."""
    parts = []
    for name, table in TABLES.items():
        writer = writer_of(name)
        where = f"[](../notebooks/{writer}.ipynb)" if writer else "[](scorecard.md)"
        rows = [(column, *meaning(name, column)) for column in table.columns]
        lines = "\n".join(f"| `{column}` | {kind} | {what} |" for column, kind, what in rows)
        about = table.about[0].upper() + table.about[1:]
        parts.append(f"## {name}\n\n{about}; from {where}.\n\n| column | | |\n|---|---|---|\n{lines}\n")
    return "\n".join(parts)
