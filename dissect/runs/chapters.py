"""The chapters, a row each: what a run, its verification and its book ask of one beside its notebook."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dissect.models import Loaded
from dissect.runs import requirements, samples

if TYPE_CHECKING:
    from dissect.runs.estimates import Amounts


@dataclass(frozen=True)
class Chapter:
    """A chapter of the report, whose text and title are in its notebook.

    Attributes:
        corpus: The kind of corpus that it reads, one of `corpora.KINDS`, or "".
        beside: Other kinds of corpora that it reads, each under the parameter KIND_corpus.
        parameters: Names in its `parameters` cell beside `model` and `results`; see `Settings.parameters`.
        tables: Those that it writes; columns are in `schema.TABLES`.
        tuned: Whether it compares the model with "all" fine-tuned ones, with the "first", or with none, "".
        head: Whether it reads with a head for masked or next words.
        asked: Whether a run of another profile than "paper" leaves it out unless `--sections` names it.
        longest: Begun first where chapters run side by side, so that no core is idle at the end.
        unsuited: Says why a model cannot be taken through it, or "".
        fitted: Parameters that a model asks for.
        work: How many units of each kind of work it is, for an estimate of how long it takes.
        sample: What a verification computes again.
        headline: The name of a picture of it that the home page shows.
    """

    corpus: str = ""
    beside: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    tuned: str = ""
    head: bool = False
    asked: bool = False
    longest: bool = False
    unsuited: Callable[[Loaded], str] = lambda loaded: ""
    fitted: Callable[[Loaded], Mapping[str, str | bool]] = lambda loaded: {}
    work: Callable[["Amounts"], dict[str, float]] = lambda run: {}
    sample: samples.Sample | None = None
    headline: str = ""


def of_experiment(name: str) -> tuple[str, ...]:
    """The tables of an experiment on all subsets of the terms."""
    return name, f"{name}_groups", f"{name}_intervals", f"{name}_pairs", f"{name}_search"


def measured(name: str) -> tuple[str, ...]:
    """The tables of a measurement, see `experiments.measured`."""
    return name, f"{name}_groups"


OF_TEXT = ("corpus", "limit", "seed")
OF_COLUMNS = ("tag_column", "word_column")
OF_PROBES = ("seeds", "trials", "features")

# By the name of the notebook, in the book's order.
CHAPTERS: dict[str, Chapter] = {
    "1-derivation": Chapter(
        corpus="text",
        parameters=OF_TEXT,
        tables=("exactness", "feedforward_r2", "dependence"),
        work=lambda run: {"linear": 2 * run.tokens("text")},
    ),
    "2-visualisation": Chapter(
        corpus="text",
        parameters=("corpus", "limit", "tuning_corpus", "seed", "tuned"),
        tables=(
            "models", "siblings", "importance", "importance_groups", "correlation", "correlation_groups",
        ),
        tuned="all",
        work=lambda run: {"layers": run.models * run.tokens("text")},
        sample=samples.importance,
        headline="importance-by-layer",
    ),
    "3-mlm": Chapter(
        corpus="text",
        parameters=(*OF_TEXT, *OF_PROBES, "times", "vocabulary", "head"),
        tables=(
            *of_experiment("masked_words"),
            "masked_words_stood", "masked_words_head", "masked_words_vocabulary",
        ),
        head=True,
        longest=True,
        unsuited=requirements.no_words,
        fitted=requirements.small_vocabulary,
        work=lambda run: {"terms": run.masked, **run.probes("masked-word heads")},
        sample=samples.masked,
    ),
    "4-wsd": Chapter(
        corpus="senses",
        parameters=("corpus", "limit", *OF_PROBES, "seed"),
        tables=(
            "senses_corpus", "senses_splits",
            *of_experiment("senses"), "senses_agreement", "senses_consistency",
            *of_experiment("senses_documents"), "senses_documents_agreement", "senses_documents_consistency",
        ),
        work=lambda run: {"terms": run.tokens("senses"), **run.probes("sense probes", splits=2)},
        sample=samples.senses,
    ),
    "5-ner": Chapter(
        corpus="entities",
        parameters=("corpus", "limit", *OF_PROBES, "tuning_corpus", "seed", "tuned", *OF_COLUMNS),
        tables=(*of_experiment("entities"), "entities_agreement", "entities_consistency"),
        tuned="first",
        longest=True,
        work=lambda run: {"terms": 2 * run.tokens("entities"), **run.probes("entity probes", models=2)},
        sample=samples.entities,
    ),
    "6-finer": Chapter(
        tables=("finer_layers", "finer_heads", "finer_sources", "finer_units", "finer_logits"),
        fitted=requirements.context_first,
    ),
    "7-controls": Chapter(
        corpus="text",
        beside=("senses", "entities"),
        parameters=(
            "corpus", "senses_corpus", "entities_corpus", "limit", "seeds", "times", "features", *OF_COLUMNS,
        ),
        tables=(
            *measured("controls_importance"), *measured("controls_scores"),
            *measured("controls_selectivity"), *measured("controls_joined"),
        ),
        asked=True,
        longest=True,
        work=lambda run: run.controls(),
        sample=samples.random_importance,
    ),
    "8-causes": Chapter(
        corpus="text",
        beside=("senses",),
        parameters=("corpus", "senses_corpus", "limit", "seeds", "times", "head", "features"),
        tables=(
            *measured("causes"), *measured("rescaled"), *measured("anisotropy"),
            *measured("word_types"), *measured("updates"), *measured("layer_order"),
        ),
        asked=True,
        head=True,
        unsuited=requirements.no_layers,
        work=lambda run: run.causes(),
        sample=samples.word_types,
    ),
}  # fmt: skip


def unsuited(loaded: Loaded, chapters: Iterable[str]) -> dict[str, str]:
    """The chapters that a model does not fit, and why; the others make sense for it."""
    why = {name: CHAPTERS[name].unsuited(loaded) for name in chapters}
    return {name: reason for name, reason in why.items() if reason}


def by_default(profile: str) -> tuple[int, ...]:
    """The numbers of the chapters that a run of a profile has unless told otherwise."""
    return tuple(n for n, row in enumerate(CHAPTERS.values(), start=1) if not row.asked or profile == "paper")


def number(chapter: str) -> int:
    """The number of a chapter, from 1."""
    return list(CHAPTERS).index(chapter) + 1


def writer_of(table: str) -> str:
    """The chapter that writes a table; "" for the verdicts, which no chapter writes."""
    return next((name for name, chapter in CHAPTERS.items() if table in chapter.tables), "")
