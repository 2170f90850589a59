"""Runs beside one another and beside the paper: the page Across models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from dissect.places import PUBLISHED
from dissect.report import claims, figures, published
from dissect.report.claims.reported import reported
from dissect.runs import manifest
from dissect.runs.manifest import Manifest
from dissect.site.markdown import markdown as escaped
from dissect.site.markdown import shown
from dissect.site.markdown import table as in_markdown
from dissect.site.questions import NUMBERS, mean
from dissect.site.scorecard import MARKS, REPORTED, coloured
from dissect.tables import results

PAPER = "BERT (paper)"
Tables = Mapping[str, pd.DataFrame]
ABSENT = "–"


@dataclass(frozen=True)
class Run:
    """A run's name, what it was made of, and its tables.

    Attributes:
        known: Single values, too few to judge a claim by.
        evidence: How a page links to a table: Markdown with {text}, {chapter} and {table}.
        folder: The name of its folder.
        card: What its model is, as its manifest tells; see `models.card`.
    """

    name: str
    about: str
    tables: Tables
    known: Tables = field(default_factory=dict)
    evidence: str = ""
    folder: str = ""
    card: Mapping[str, str] = field(default_factory=dict)


HERE = "[{text}](../notebooks/{chapter}.ipynb)"
ELSEWHERE = "[{text}](published/%s/results/{table}.parquet)"


def read(folder: Path, here: bool = False) -> Run:
    """The run in a folder, by its manifest and its results.

    Args:
        folder: The run's.
        here: Whether it is the one whose book is built.

    Raises:
        DissectError: The folder holds no run.
    """
    told = manifest.required(folder)
    settings = told.settings
    published_here = folder.resolve().parent == PUBLISHED
    evidence = HERE if here else ELSEWHERE % folder.name if published_here else ""
    name = f"{shown(settings.model)} ({settings.profile} profile)"
    tables = results.read(folder / "results")
    return Run(name, about(told), tables, evidence=evidence, folder=folder.name, card=told.card)


def about(told: Manifest) -> str:
    """Which corpora a run's chapters took, and how much of them."""
    taken = []
    for _, chapter in sorted(told.chapters.items()):
        if corpus := chapter.parameters.get("corpus"):
            limit = chapter.parameters.get("limit")
            taken.append(shown(corpus) + (f" (at most {limit:,} sentences)" if limit else ""))
    return f"{', '.join(dict.fromkeys(taken))}; {manifest.seeds_of(told)} seeds"


def paper() -> Run:
    """The paper's published figures, as a run's tables."""
    tables = {
        "importance": published.importance(),
        "feedforward_r2": published.feedforward_r2(),
        "senses": published.senses(),
        "senses_agreement": published.senses_agreement(),
        "entities_agreement": published.entities_agreement(),
    }
    f_alone = (("pretrained", published.F_ALONE_PRETRAINED_HEAD), ("learned", published.F_ALONE_LEARNED_HEAD))
    rows = [(predictor, "f", 0, percent / 100) for predictor, percent in f_alone]
    known = pd.DataFrame(rows, columns=["predictor", "terms", "seed", "accuracy"])
    return Run(PAPER, "europarl, semcor, wnut16; 5 runs", tables, {"masked_words": known}, HERE)


def verdicts(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a claim, a column a run: the verdict with its mark, linked to the evidence it has.

    The paper has no verdict on its own claims: its column says what it reports.
    """
    columns: dict[str, dict[str, str]] = {}
    for run in runs:
        theirs = run.name == PAPER
        found = {} if theirs else claims.verdicts(run.tables).set_index("claim")["verdict"].to_dict()
        for one in claims.in_order():
            verdict = REPORTED if theirs else found[one.name]
            said = f"{MARKS[verdict]} {verdict}"
            if run.evidence and (theirs or one.table in run.tables):
                said = run.evidence.format(text=said, chapter=one.chapter, table=one.table)
            if run.evidence:
                said = coloured(verdict, said)
            if theirs:
                said += f" {escaped(reported(one.name))}"
            columns.setdefault(run.name, {})[f"{one.name} {one.text}"] = said
    return pd.DataFrame(columns)


OF_PAPER = (
    "BERT's column has no verdicts: "
    "it says what the paper reports, computed anew where its published figures allow.\n\n"
)


def judged(runs: Sequence[Run]) -> str:
    """The verdicts in Markdown; the paper is among the runs."""
    return OF_PAPER + markdown(verdicts(runs), "claim")


def numbers(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a question, a column a run; "–" where a run has no such number."""
    columns: dict[str, dict[str, str]] = {}
    for run in runs:
        for question, read_off in NUMBERS:
            try:
                answer = read_off({**run.tables, **run.known})
            except (KeyError, IndexError, ValueError):  # the run has no such row
                answer = ABSENT
            columns.setdefault(run.name, {})[question] = answer
    return pd.DataFrame(columns)


def importance(runs: Sequence[Run]) -> pd.DataFrame:
    """Every run's pretrained model, for `figures.importance_by_layer`."""
    parts = []
    for run in runs:
        if "importance" in run.tables:
            table = run.tables["importance"]
            parts.append(table[table["model"] == table["model"].iloc[0]].assign(model=run.name))
    return pd.concat(parts, ignore_index=True)


def senses_beside_paper(runs: Sequence[Run]) -> pd.DataFrame:
    """The probe's accuracy by subset, in percent: run, terms, paper, here."""
    theirs = mean(paper().tables, "senses", "classifier")
    parts = []
    for run in runs:
        if run.name != PAPER and "senses" in run.tables:
            here = mean(run.tables, "senses", "classifier")
            both = pd.DataFrame({"paper": theirs, "here": here}).dropna()
            parts.append(both.rename_axis("terms").reset_index().assign(run=run.name))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["run", "terms"])


def markdown(table: pd.DataFrame, corner: str = "") -> str:
    """A table in Markdown, its index as the first column; cells are Markdown, columns' names are not."""
    head = [corner, *(escaped(str(name)) for name in table.columns)]
    return in_markdown(head, table.itertuples())


def apart(runs: Sequence[Run], folders: Sequence[Path]) -> list[Run]:
    """The same runs; those of one name are told apart by their folders, and else by numbers."""
    names = [run.name for run in runs]
    placed = [
        f"{name}, {folder.name}" if names.count(name) > 1 else name
        for name, folder in zip(names, folders, strict=True)
    ]
    told = [
        f"{name} ({placed[: n + 1].count(name)})" if placed.count(name) > 1 else name
        for n, name in enumerate(placed)
    ]
    return [replace(run, name=name) for run, name in zip(runs, told, strict=True)]


def page(runs: Sequence[Run]) -> str:
    """What the runs are, and their numbers, in Markdown."""
    what = "\n".join(f"{escaped(run.name)}\n: {escaped(run.about)}\n" for run in runs)
    return f"{what}\n## Numbers\n\n{markdown(numbers(runs).map(escaped))}\n"


PICTURES = """## Pictures

:::{figure} _run/across-importance.png
:name: fig-across-importance
:alt: A panel for each model: lines of the mean importance of the four terms over the layers, with a band of \
one standard deviation.

Importance by layer in the pretrained model of each run, and in BERT as the paper has it.
:::

:::{figure} _run/across-senses.png
:name: fig-across-senses
:alt: A panel for each run: the accuracy of the two-layer probe on word senses, with a row for each subset \
of the terms in the paper's order: the paper's as a hollow circle, the run's filled.

The two-layer probe on word senses, by subset.
Rows are in the paper's order: if a run orders the subsets alike, its points move to the right as the \
circles do.
:::
"""


def pictures(runs: Sequence[Run]) -> dict[str, Figure]:
    """The pictures of the page, by file name."""
    return {
        "across-importance": figures.importance_by_layer(importance(runs)),
        "across-senses": figures.senses_beside_paper(senses_beside_paper(runs)),
    }


def without_links(run: Run) -> Run:
    """The same run, its cells without links to evidence."""
    return replace(run, evidence="")
