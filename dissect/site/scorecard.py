"""The scorecard: verdicts on the paper's claims, as a page of the book."""

import pandas as pd

from dissect.report import claims, readings
from dissect.site import downloads
from dissect.site.markdown import markdown, table

MARKS = {"replicated": "✓", "partly": "◐", "not replicated": "✗", "not testable": "–"}


def chip(verdict: str, text: str) -> str:
    """A verdict's mark and some text, in the verdict's colour."""
    return coloured(verdict, f"{MARKS[verdict]} {text}")


def coloured(verdict: str, text: str) -> str:
    """Text, which may be a link, in the verdict's colour."""
    return f"[{text}]{{.verdict .{verdict.replace(' ', '-')}}}"


def page(verdicts: pd.DataFrame) -> str:
    """The verdicts in Markdown: how many of each, then a table a chapter, with its evidence linked."""
    counts = readings.verdict_counts(verdicts)
    summary = ", ".join(f"{counts[name]} {name}" for name in claims.VERDICTS)
    lines = [f"Of {len(verdicts)} claims: **{summary}**.", ""]
    for chapter, part in verdicts.groupby("chapter", sort=False):
        name = downloads.title(str(chapter))
        lines += [f"### {name}", "", f"[The chapter](../notebooks/{chapter}.ipynb)", "", _table(part), ""]
    return "\n".join(lines)


def criteria(verdicts: pd.DataFrame) -> str:
    """The criteria in Markdown, a definition a claim."""
    return "\n".join(f"{row.claim}\n: {row.criterion}\n" for row in verdicts.itertuples())


def _table(part: pd.DataFrame) -> str:
    rows = [
        (row.claim, row.text, chip(row.verdict, row.verdict), markdown(row.numbers))
        for row in part.astype(str).itertuples()
    ]
    return table(["", "the paper's claim", "verdict", "the numbers"], rows)
