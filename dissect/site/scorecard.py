"""The scorecard: verdicts on the paper's claims, as pages of the book and at the end of its chapters."""

from collections.abc import Mapping

import pandas as pd

from dissect.report import claims, published, readings
from dissect.report.claims.parts import NO_EFFECT, OPPOSITE, PAPERS
from dissect.report.claims.reported import reported
from dissect.site import downloads
from dissect.site.markdown import markdown, table

REPORTED = "reported"
MARKS = {
    "replicated": "✓", "contradicted": "✗", "mixed": "◐", "undecided": "?", "not testable": "–",
    REPORTED: "•",
}  # fmt: skip
END = "The paper's claims, judged by this run"  # the heading of a chapter's end
SLUG = "the-papers-claims-judged-by-this-run"  # and its address
# What of a chapter can be played with, and where.
ONE_SENTENCE = (
    "In Explore, {ref}`take a sentence of yours apart <sentence>`, token by token and layer by layer."
)
MATRICES = "In Explore, {ref}`pick the subsets whose agreement is shown <agreement>`, here and in the paper."
EXPLORE = {
    "1-derivation": ONE_SENTENCE,
    "2-visualisation": "In Explore, {ref}`set these curves of two models side by side <importance>`.",
    "4-wsd": MATRICES,
    "5-ner": MATRICES,
    "6-finer": ONE_SENTENCE,
    "7-controls": "In Explore, {ref}`set the curves of importance of two models side by side <importance>`.",
}
EARLIER = """:::{admonition} This run was made before these criteria
:class: warning
It did not keep what version 2 of the criteria asks for, so most claims are not testable by it.
Run it again to have it judged. What the first version said is in the appendix.
:::
"""


def chip(verdict: str, text: str) -> str:
    """A verdict's mark and some text, in the verdict's colour."""
    return coloured(verdict, f"{MARKS[verdict]} {text}")


def linked(claim: str) -> str:
    """A claim's name, which leads to its row of the scorecard."""
    return f"[{claim}](#{anchor(claim)})"


def coloured(verdict: str, text: str) -> str:
    """Text, which may be a link, in the verdict's colour."""
    return f"[{text}]{{.verdict .{verdict.replace(' ', '-')}}}"


def anchor(claim: str) -> str:
    """Where a claim stands on the scorecard."""
    return f"claim-{claim.lower()}"


def page(verdicts: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> str:
    """The verdicts in Markdown: how many of each, then a table a chapter, with its evidence linked.

    Args:
        verdicts: As `claims.verdicts` returns them.
        tables: The run's.
    """
    lines = [counted(verdicts), ""]
    if not any(name.endswith("_groups") for name in tables):
        lines += [EARLIER]
    for chapter, part in verdicts.groupby("chapter", sort=False):
        lines += [
            f"### {downloads.title(str(chapter))}",
            "",
            f"[The chapter](../notebooks/{chapter}.ipynb)",
            "",
        ]
        lines += [_table(part), ""]
    return "\n".join(lines)


def counted(verdicts: pd.DataFrame) -> str:
    """How many claims have each verdict, in a sentence of Markdown."""
    counts = readings.verdict_counts(verdicts)
    summary = ", ".join(f"{counts[name]} {name}" for name in claims.VERDICTS)
    return f"Of {len(verdicts)} claims: **{summary}**."


def _table(part: pd.DataFrame) -> str:
    rows = [
        (f"[{row.claim}]{{#{anchor(row.claim)}}}", f"{row.text} ({row.source})",
         chip(row.verdict, row.verdict), found(row.verdict, row.reading, row.numbers))
        for row in part.astype(str).itertuples()
    ]  # fmt: skip
    return table(["", "the paper's claim", "verdict", "what this run found"], rows)


def found(verdict: str, reading: str, numbers: str) -> str:
    """What a run found, in Markdown: a verdict's reading, then its numbers, or what it would take.

    Args:
        verdict: One of `claims.VERDICTS`.
        reading: Of the verdict.
        numbers: Behind it.
    """
    joined = f"{reading[:-1]}: " if verdict == claims.NOT_TESTABLE else f"{reading} <br>"
    return f"{joined}{markdown(numbers)}."


def criteria(verdicts: pd.DataFrame) -> str:
    """The criteria in Markdown, a definition a claim, below the versions that there are of them."""
    versions = [
        f"Version {number}, of {one.date} (commit {one.commit})\n: {one.note}\n"
        for number, one in claims.VERSIONS.items()
    ]
    texts = [f"{row.claim}\n: {row.criterion}\n" for row in verdicts.itertuples()]
    return "\n".join([*versions, "### Version 2, claim by claim", "", *texts])


def characteristics(operating: pd.DataFrame | None) -> str:
    """How often each criterion says what in worlds that are known, in Markdown.

    Args:
        operating: As `claims.operating` returns it; None where the run has no such table.
    """
    if operating is None or operating.empty:
        return "This run has no table of how often its criteria err.\n"
    by = operating.set_index(["claim", "world", "verdict"])["share"].to_dict()
    asked = [(NO_EFFECT, "replicated"), (NO_EFFECT, "contradicted"), (PAPERS, "replicated"),
             (PAPERS, "contradicted"), (OPPOSITE, "contradicted"), (OPPOSITE, "replicated")]  # fmt: skip
    rows = [
        (name, *(f"{by[name, *which]:.0%}" for which in asked)) for name in dict.fromkeys(operating["claim"])
    ]
    head = [
        "", "no effect: replicated", "contradicted", "as the paper has it: replicated", "contradicted",
        "the opposite: contradicted", "replicated",
    ]  # fmt: skip
    return table(head, rows, right=6) + "\n"


def first() -> str:
    """What the first version of the criteria said, in Markdown: a row a claim, a column a run."""
    said = published.first_verdicts()
    texts = {one.name: one.criteria[1] for one in claims.in_order() if 1 in one.criteria}
    runs = list(dict.fromkeys(said["run"]))
    by = said.set_index(["claim", "run"])
    rows = [
        (name, text, *(f"{by.verdict[name, run]}: {markdown(by.numbers[name, run])}" for run in runs))
        for name, text in texts.items()
    ]
    return table(["", "criterion, version 1", *runs], rows) + "\n"


def of_chapter(chapter: str, verdicts: pd.DataFrame) -> str:
    """The claims that a chapter has the evidence of, judged, as its end, and the way on to Explore."""
    part = verdicts[verdicts["chapter"] == chapter].astype(str)
    lines = [f"## {END}", ""]
    if part.empty:
        lines += ["This chapter goes on where the paper stops, and judges none of its claims.", ""]
    for row in part.itertuples():
        lines += [
            f"**{linked(row.claim)}.** {row.text}", "",
            f": {chip(row.verdict, row.verdict)} {found(row.verdict, row.reading, row.numbers)}",
            f": The paper: {markdown(reported(row.claim))} ({row.source}).", "",
        ]  # fmt: skip
    lines += [
        "The [scorecard](../book/scorecard.md) says how a verdict comes about, and how often one is wrong.",
        EXPLORE.get(chapter, "In [Explore](../book/explore.md) sentences come apart term by term."),
    ]
    return "\n".join(lines)
