"""Numbers that the page Across models asks of every run, each read off its tables, in words."""

from collections.abc import Callable, Mapping

import pandas as pd

from dissect.decomposition import TERMS
from dissect.report import intervals, readings

Tables = Mapping[str, pd.DataFrame]
Number = Callable[[Tables], str]
NUMBERS: list[tuple[str, Number]] = []


def number(question: str) -> Callable[[Number], Number]:
    """Put a function that reads a number off a run's tables into `NUMBERS`; its docstring is the question."""

    def put(read_off: Number) -> Number:
        read_off.__doc__ = question
        NUMBERS.append((question, read_off))
        return read_off

    return put


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
    return ", ".join(f"{term} {intervals.number(last[term], 2)}" for term in TERMS)


@number("importance in the last layer")
def last_pretrained(tables: Tables) -> str:
    return last_layer(tables, 0)


@number("the same, fine-tuned on named entities")
def last_tuned(tables: Tables) -> str:
    return last_layer(tables, 1)


@number("R² of a linear stand-in for a feed-forward, by layer")
def linear(tables: Tables) -> str:
    ends = readings.lowest_highest(tables["feedforward_r2"]["r2"])
    return " to ".join(intervals.number(r2, 2) for r2 in ends)


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
