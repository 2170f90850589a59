"""Runs beside one another and beside the paper: the page Across models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from dissect.decomposition import TERMS
from dissect.places import PUBLISHED
from dissect.report import claims, figures, published, readings
from dissect.report.claims.reported import reported
from dissect.runs import manifest
from dissect.runs.manifest import Manifest
from dissect.site.markdown import markdown as escaped
from dissect.site.markdown import shown
from dissect.site.markdown import table as in_markdown
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


Number = Callable[[Tables], str]
NUMBERS: list[tuple[str, Number]] = []


def number(question: str) -> Callable[[Number], Number]:
    """Put a function that reads a number off a run's tables into `NUMBERS`; its docstring is the question."""

    def put(read_off: Number) -> Number:
        read_off.__doc__ = question
        NUMBERS.append((question, read_off))
        return read_off

    return put


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


def mean(tables: Tables, table: str, predictor: str, score: str = "accuracy") -> pd.Series:
    """`readings.percent` of one of a run's tables.

    Args:
        tables: The run's.
        table: Its name among them.
        predictor: Its name in the table.
        score: The name of the score's column.
    """
    return readings.percent(tables[table], predictor, score)


def last_layer(tables: Tables, model: int) -> str:
    """Mean importance in the last layer, of the model at that place in the table."""
    first, tuned = readings.models_of(tables["importance"])
    last = readings.shares(tables["importance"], [first, *tuned][model]).iloc[-1]
    return ", ".join(f"{term} {last[term]:z.2f}" for term in TERMS)


@number("importance in the last layer")
def last_pretrained(tables: Tables) -> str:
    return last_layer(tables, 0)


@number("the same, fine-tuned on named entities")
def last_tuned(tables: Tables) -> str:
    return last_layer(tables, 1)


@number("R² of a linear stand-in for a feed-forward, by layer")
def linear(tables: Tables) -> str:
    low, high = readings.lowest_highest(tables["feedforward_r2"]["r2"])
    return f"{low:.2f} to {high:.2f}"


def h_and_f(tables: Tables, table: str, predictor: str) -> str:
    """Accuracy on h and on f.

    Args:
        tables: Of a run.
        table: Which of them.
        predictor: Whose rows of it.
    """
    of = mean(tables, table, predictor)
    return f"{of['h']:.1f} and {of['f']:.1f} %"


@number("masked words, learned head on f (accuracy)")
def masked_f(tables: Tables) -> str:
    return f"{mean(tables, 'masked_words', 'learned')['f']:.1f} %{of_next(tables)}"


@number("masked words, learned heads: the best single term")
def masked_best(tables: Tables) -> str:
    single = mean(tables, "masked_words", "learned")[list(TERMS)]
    return f"{single.idxmax()}, {single.max():.1f} %{of_next(tables)}"


@number("masked words, head for whole embeddings on f")
def masked_whole(tables: Tables) -> str:
    kind = str(readings.whole_head(tables["masked_words"]))
    return f"{mean(tables, 'masked_words', kind)['f']:.1f} % ({kind}){of_next(tables)}"


def of_next(tables: Tables) -> str:
    """What to add to a number of a run whose model was asked for next words."""
    return " (next words)" if readings.next_words(tables) else ""


@number("word senses, probe on h and on f (accuracy)")
def senses_h_f(tables: Tables) -> str:
    return h_and_f(tables, "senses", "classifier")


@number("word senses, probe on i+h+c and on i+h+f+c")
def senses_without_f(tables: Tables) -> str:
    of = mean(tables, "senses", "classifier")
    return f"{of['i+h+c']:.1f} and {of['i+h+f+c']:.1f} %"


@number("word senses, kNN on h and on f")
def senses_knn(tables: Tables) -> str:
    return h_and_f(tables, "senses", "knn")


@number("word senses, the best subset for the probe")
def senses_best(tables: Tables) -> str:
    of = mean(tables, "senses", "classifier")
    return f"{of.idxmax()}, {of.max():.1f} %"


@number("word senses by document, probe on h and on f (accuracy)")
def senses_documents_h_f(tables: Tables) -> str:
    return h_and_f(tables, "senses_documents", "classifier")


@number("word senses by document, kNN on h and on f")
def senses_documents_knn(tables: Tables) -> str:
    return h_and_f(tables, "senses_documents", "knn")


@number("word senses by document, the lemma's most frequent sense")
def senses_documents_frequent(tables: Tables) -> str:
    return f"{mean(tables, 'senses_documents', 'most frequent sense')['']:.1f} %"


@number("named entities, macro-F1 on i+h+f+c: pretrained, fine-tuned")
def entities_whole(tables: Tables) -> str:
    both = [mean(tables, "entities", name, "macro_f1")["i+h+f+c"] for name in ("base", "finetuned")]
    return f"{both[0]:.1f} and {both[1]:.1f} %"


@number("named entities, the best subset, pretrained")
def entities_best(tables: Tables) -> str:
    of = mean(tables, "entities", "base", "macro_f1")
    return f"{of.idxmax()}, {of.max():.1f} %"


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
:alt: A panel a model: lines of the mean importance of the four terms over the layers, each with a band of \
one standard deviation.

Importance by layer in the pretrained model of each run, and in BERT as the paper has it.
:::

:::{figure} _run/across-senses.png
:name: fig-across-senses
:alt: A panel a run: the accuracy of the two-layer probe on word senses by subset of the terms, a row a \
subset in the paper's order: the paper's as a hollow circle, the run's filled.

The two-layer probe on word senses, by subset.
Rows are in the paper's order, so where a run orders the subsets alike, its points move to the right as the \
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
