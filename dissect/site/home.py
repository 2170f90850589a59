"""The scorecard at a glance: how many claims hold, and a mark a claim, for the home page."""

import pandas as pd

from dissect.report import claims, readings
from dissect.site.markdown import table
from dissect.site.scorecard import chip


def page(verdicts: pd.DataFrame) -> str:
    """Counts, a row of marks for each chapter, and the claims that failed, in Markdown.

    Args:
        verdicts: As `claims.verdicts` returns them.
    """
    counts = readings.verdict_counts(verdicts)
    summary = ", ".join(f"{chip(name, str(counts[name]))} {name}" for name in claims.VERDICTS)
    rows = [
        (f"[](../notebooks/{chapter}.ipynb)",
         " ".join(chip(str(row.verdict), str(row.claim)) for row in part.itertuples()))
        for chapter, part in verdicts.groupby("chapter", sort=False)
    ]  # fmt: skip
    head = ["chapter", "its claims, by their numbers in the [scorecard](scorecard.md)"]
    lines = [f"Of {len(verdicts)} claims of the paper: {summary}.", "", table(head, rows)]
    failed = verdicts[verdicts["verdict"] == "contradicted"]
    if len(failed):
        lines += ["", "What the data of this run decide against:", ""]
        lines += [f"- {chip('contradicted', row.claim)} {row.text}" for row in failed.itertuples()]
    lines += ["", "[](scorecard.md) has every claim with its criterion and its numbers."]
    return "\n".join(lines) + "\n"
