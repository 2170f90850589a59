"""Many runs in a row, as of a sweep: the page Across models with curves, and tables that can be sorted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from dissect.report import claims, figures, intervals
from dissect.report.along import MEASURES, Measure, along
from dissect.runs.sweep import Swept
from dissect.site import across
from dissect.site.across import ABSENT, Run
from dissect.site.markdown import markdown as escaped
from dissect.site.markdown import table as in_markdown

FEW = 6  # runs; more do not fit side by side, a column each
CARD = ("family", "layers", "width", "parameters")
SORTABLE = "::::{div} sortable\n%s\n::::\n"
SCRIPT = '<script defer src="../_static/sort.js"></script>\n\n'
INTERVALS = (
    "In the tables, ± gives half of the 95 % interval, if the run has one; "
    "the head of a column sorts by that column.\n"
)
ALT = {
    True: "A line for each subset of the terms, with a 95 % interval at each run; the table has the numbers.",
    False: "Points with 95 % intervals, one run below another; the table has the numbers.",
}


@dataclass(frozen=True)
class Row:
    """Runs in a row.

    Attributes:
        runs: In their order.
        by: What they are in a row by; "" where by nothing.
        values: Where each run stands; None where nothing says.
        failed: Models that could not be run.
        here: The name of the run whose book is around the page.
    """

    runs: tuple[Run, ...]
    by: str
    values: tuple[float | None, ...]
    failed: tuple[str, ...] = ()
    here: str = ""

    @property
    def own(self) -> Run:
        """The run whose book is around the page."""
        return next(run for run in self.runs if run.name == self.here)


def row_of(swept: Swept, here: Path) -> Row:
    """The runs of a sweep, by their labels.

    Args:
        swept: What became of it.
        here: The folder of the run whose book is built.

    Raises:
        DissectError: A folder holds no run.
    """
    runs = tuple(named(across.read(ran.folder, ran.folder == here), ran.label) for ran in swept.runs)
    (own,) = (ran.label for ran in swept.runs if ran.folder == here)
    return Row(runs, swept.by, tuple(ran.value for ran in swept.runs), tuple(swept.failed), own)


def named(run: Run, label: str) -> Run:
    """The run by that name; what has no evidence to link to is told all the same."""
    return replace(run, name=label, evidence=run.evidence or "{text}")


def plain(runs: Sequence[Run]) -> Row:
    """Runs in a row by nothing; the book is that of the first."""
    found = tuple(named(run, run.name) for run in runs)
    return Row(found, "", (None,) * len(runs), here=runs[0].name)


def page(row: Row, judged: str) -> str:
    """The page in Markdown: what the runs are, a section a measure, the verdicts.

    Args:
        row: The runs.
        judged: As `verdicts` returns them.
    """
    parts = [models(row), *(section(row, measure) for measure in MEASURES if len(numbers(row, measure)))]
    parts += ["## Verdicts by model\n", judged, "## Further numbers\n", further(row)]
    return "\n".join(parts)


def models(row: Row) -> str:
    """What the runs are, and which models could not be run."""
    head = ["model", *([escaped(row.by)] if by_column(row) else []), *CARD, "what it read"]
    cells = [
        [escaped(run.name), *([value_told(value)] if by_column(row) else []),
         *(escaped(run.card.get(what, ABSENT)) for what in CARD), escaped(run.about)]
        for run, value in zip(row.runs, row.values, strict=True)
    ]  # fmt: skip
    lines = [f"The book around this page is that of {escaped(row.here)}.\n", INTERVALS]
    if row.failed:
        lines += [f"Could not be run: {escaped(', '.join(row.failed))}.\n"]
    return "\n".join(["## The models\n", *lines, SORTABLE % in_markdown(head, cells)])


def by_column(row: Row) -> bool:
    """Whether the runs are in a row by something that the models' own table does not tell."""
    return row.by not in ("", *CARD)


def section(row: Row, measure: Measure) -> str:
    """A measure's picture and table."""
    lines = [
        f"## {measure.title}\n",
        f":::{{figure}} _run/across-{measure.name}.png\n:alt: {measure.title}. {ALT[bool(row.by)]}\n:::\n",
        SORTABLE % numbers_table(row, measure),
    ]
    return "\n".join(lines)


def numbers(row: Row, measure: Measure) -> pd.DataFrame:
    """A measure of all runs: run, value, terms, mean, low, high; empty where no run has it."""
    table = along(measure, {run.name: run.tables for run in row.runs})
    values = dict(zip((run.name for run in row.runs), row.values, strict=True))
    table.insert(1, "value", table["run"].map(values).astype(float))
    return table if table["mean"].notna().any() else table.iloc[:0]


def numbers_table(row: Row, measure: Measure) -> str:
    """A measure in Markdown, a row a run, the paper's below."""
    runs = {run.name: run.tables for run in row.runs}
    values = dict(zip(runs, row.values, strict=True))
    paper = across.paper()
    if measure.found({**paper.tables, **paper.known}).size:
        runs[paper.name] = {**paper.tables, **paper.known}
    found = along(measure, runs)
    cells = []
    for name, part in found.groupby("run", sort=False):
        told = [told_number(one.mean, one.high - one.mean, measure.digits) for one in part.itertuples()]
        cells.append([escaped(str(name)), *([value_told(values.get(str(name)))] if row.by else []), *told])
    head = ["model", *([escaped(row.by)] if row.by else []), *measure.lines]
    return in_markdown(head, cells, right=len(head) - 1)


def told_number(mean: float, reach: float, digits: int) -> str:
    r"""A number with half of its interval, on one line.

    >>> told_number(0.1234, 0.01, 2), told_number(12.3, float("nan"), 1), told_number(float("nan"), 1, 1)
    ('0.12\xa0±\xa00.01', '12.3', '–')

    Args:
        mean: The number; NaN where there is none.
        reach: Half of its interval; NaN where there is none.
        digits: That they are told with.
    """
    if pd.isna(mean):
        return ABSENT
    half = "" if pd.isna(reach) else f" ± {reach:.{digits}f}".replace(" ", "\N{NO-BREAK SPACE}")
    return intervals.number(mean, digits) + half


def value_told(value: float | None) -> str:
    """Where a run stands.

    >>> value_told(143000.0), value_told(0.5), value_told(None)
    ('143,000', '0.5', '–')
    """
    if value is None:
        return ABSENT
    return f"{int(value):,}" if value == int(value) else f"{value:,}"


def verdicts(row: Row) -> str:
    """The verdicts in Markdown, with what sorts tables: of few runs a row a claim, of many a row a run."""
    if len(row.runs) <= FEW:
        table = SORTABLE.replace("sortable", "sortable claims")
        return SCRIPT + table % across.markdown(across.verdicts(row.runs), "claim")
    by_run = across.verdicts(row.runs).T
    by_run.columns = [str(text).partition(" ")[0] for text in by_run.columns]
    matrix = SORTABLE.replace("sortable", "sortable matrix")
    return SCRIPT + matrix % across.markdown(by_run.rename(index=escaped), "model") + claims_listed()


def claims_listed() -> str:
    """What the claims say, in Markdown."""
    listed = "\n".join(f"{one.name}\n: {one.text}\n" for one in claims.in_order())
    return f"\n:::{{dropdown}} What the claims say\n{listed}\n:::\n"


def further(row: Row) -> str:
    """The numbers of `across.numbers` in Markdown, a row a run."""
    by_run = across.numbers([*row.runs, across.paper()]).T.map(escaped)
    return SORTABLE % across.markdown(by_run.rename(index=escaped), "model")


def pictures(row: Row) -> dict[str, Figure]:
    """The pictures of the page, by file name."""
    found = {measure: numbers(row, measure) for measure in MEASURES}
    return {
        f"across-{measure.name}": picture(table, row.by, measure.unit)
        for measure, table in found.items()
        if len(table)
    }


def picture(table: pd.DataFrame, by: str, unit: str) -> Figure:
    """The picture of a measure.

    Args:
        table: As `numbers` returns it.
        by: What the runs are in a row by.
        unit: What the numbers are.
    """
    return figures.along_runs(table, by, unit) if by else figures.runs_one_below_another(table, unit)
