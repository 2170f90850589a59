"""What a verification computes again: of each experiment a few numbers, from the same model and corpus."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from dissect import corpora, models
from dissect.decomposition import TERMS, longest_input
from dissect.experiments import (
    cosines,
    masked_words,
    measured,
    measures,
    named_entities,
    pieces,
    word_senses,
)
from dissect.experiments.certainty import parted
from dissect.experiments.hyperparameters import best_of
from dissect.experiments.probes import Split, Training, nearest_neighbours
from dissect.experiments.statistics import macro_f1, tag_counts
from dissect.report import readings

EXACT = 1e-9  # of recomputed scores; sums of floats are allowed CLOSE
CLOSE = 1e-5
SUBSET = "i+h"  # whose probes are trained again
# Numbers of the run, those computed now, how far they may be apart, their standard deviation over seeds.
Again = tuple[Any, Any, float, Any]
# Takes the parameters of a chapter and the tables of its run.
Sample = Callable[[dict[str, Any], dict[str, pd.DataFrame]], Again]


def importance(parameters: dict[str, Any], tables: dict[str, pd.DataFrame]) -> Again:
    """Importance of the pretrained model, every layer and term."""
    loaded = models.load(parameters["model"])
    text = corpora.text(parameters["corpus"], parameters["limit"], parameters["seed"])
    now = measures.importance_table({"pretrained": measures.importance(loaded, text)})
    then = tables["importance"]
    then = then[then["model"] == "pretrained"]
    return then["mean"].to_numpy(), now["mean"].to_numpy(), CLOSE, 0.0


def masked(parameters: dict[str, Any], tables: dict[str, pd.DataFrame]) -> Again:
    """The learned head of one subset and seed."""
    text = corpora.text(parameters["corpus"], parameters["limit"], 0)
    loaded = models.load(parameters["model"])
    documents = corpora.documents("text", parameters["corpus"], parameters["limit"], 0)
    targets = masked_words.masked_targets(loaded, text, parameters["times"], 0, documents=documents)
    split = targets.split(parameters["seed"])
    training = chosen(masked_words.TRAINING, tables["masked_words_search"])
    said = masked_words.learned(targets, [SUBSET], split, training, 0)[SUBSET]
    now = (said["predicted"] == targets.labels[split.test]).double().mean().item()
    return score_of(tables["masked_words"], "learned", "accuracy", now)


def senses(parameters: dict[str, Any], tables: dict[str, pd.DataFrame]) -> Again:
    """The nearest neighbours of one subset, in the split by item and in that by document.

    They have one run, so no spread over seeds; in its place stands the standard error over test documents.
    """
    loaded = models.load(parameters["model"])
    items = word_senses.sense_terms(loaded, corpora.senses(parameters["corpus"], parameters["limit"]))
    seed = parameters.get("seed", 0)  # runs had none when each seed had a split of its own
    splits = {"senses": items.split(seed), "senses_documents": items.split_by_document(seed)}
    found = [
        neighbours_of(items, split, tables, table) for table, split in splits.items() if table in tables
    ]  # of documents there were none in the first runs
    then, now, errors = zip(*found, strict=True)
    return np.array(then), np.array(now), EXACT, np.array(errors)


def neighbours_of(
    items: word_senses.SenseTerms, split: Split, tables: dict[str, pd.DataFrame], table: str
) -> tuple[float, float, float]:
    """Accuracy of the nearest neighbours in a run, the same computed now, and its standard error.

    Args:
        items: Terms, lemmas and senses.
        split: Which items are tested.
        tables: Of the run.
        table: Which of them has the score.
    """
    near = nearest_neighbours(items.features.subset(SUBSET), items.senses, items.lemmas, split)
    now = float(np.mean(np.array(near) == np.array(items.senses)[split.test.numpy()]))
    then, *_ = score_of(tables[table], "knn", "accuracy", now)
    of_subsets = tables[f"{table}_intervals"].set_index(["predictor", "terms"])
    return then, now, error_of(of_subsets.loc[("knn", SUBSET)])


def error_of(interval: Any) -> Any:
    """The standard error behind 95 % intervals, about: a quarter of their width.

    Args:
        interval: With low and high.
    """
    return (interval["high"] - interval["low"]) / 4


def entities(parameters: dict[str, Any], tables: dict[str, pd.DataFrame]) -> Again:
    """The probe of one subset and seed, before fine-tuning."""
    columns = {"column": parameters.get("tag_column"), "word_column": parameters.get("word_column")}
    data = corpora.entities(parameters["corpus"], parameters["limit"], parameters["seed"], **columns)
    words = named_entities.tagged_terms(models.load(parameters["model"]), data)
    names, labels = words.numbered()
    training = chosen(named_entities.TRAINING, tables["entities_search"])
    numbers = names, labels
    said = named_entities.learned(words, [SUBSET], words.split, numbers, training, 0)[SUBSET]
    test = words.split.test
    counts = tag_counts(said["predicted"].numpy()[None], labels[test].numpy(), len(names)).sum(1)
    return score_of(tables["entities"], "base", "macro_f1", float(macro_f1(counts)[0]))


def random_importance(parameters: dict[str, Any], tables: dict[str, pd.DataFrame]) -> Again:
    """Importance with the random weights drawn first, every layer and term, in one group of sentences.

    A run keeps the mean over all sentences and its pseudo-values; from these follows the mean of one group, a
    fortieth of the text, so that a minute is enough.
    """
    loaded = models.load(parameters["model"])
    text = corpora.text(parameters["corpus"], parameters["limit"], 0)
    where, _ = pieces.in_order(loaded, text)
    group_of = parted(where.numpy())
    items = np.bincount([group_of[row] for row in where.tolist()])
    lengths = map(len, loaded.tokenizer(text, truncation=False, verbose=False)["input_ids"])
    read = [one for one, long in zip(text, lengths, strict=True) if long <= longest_input(loaded.model)]
    some = [read[row] for row, group in sorted(group_of.items()) if group == 0]
    now = measures.importance(models.random_weights(loaded, 0), some).astype(np.float64).mean(-1)
    table = tables["controls_importance_groups"]
    table = table[(table["weights"] == "random") & (table["seed"] == 0)]
    then = table.pivot(index=["layer", "term"], columns="group", values="value")
    then = then.reindex([(layer, term) for layer in range(len(now)) for term in TERMS])
    return measured.of_groups(then.to_numpy(), items)[:, 0], now.ravel(), CLOSE, 0.0


def word_types(parameters: dict[str, Any], tables: dict[str, pd.DataFrame]) -> Again:
    """How often the nearest word piece is of the same type, every layer; of some thousand pieces."""
    text = corpora.text(parameters["corpus"], parameters["limit"], 0)
    keys = ["layer", "terms"]
    then = tables["word_types"].set_index(keys)
    now = cosines.word_types(models.load(parameters["model"]), text).table().set_index(keys)
    shared = then.index.union(now.index)
    then, now = then.reindex(shared), now.reindex(shared)
    return then["mean"].to_numpy(), now["mean"].to_numpy(), EXACT, error_of(then).to_numpy()


def score_of(scores: pd.DataFrame, predictor: str, score: str, now: float) -> Again:
    """The score of the sampled subset in the first run beside that computed now.

    Args:
        scores: Predictor, terms, seed, and a column a score.
        predictor: Its name in the table.
        score: The name of the score's column.
        now: What was computed.
    """
    rows = scores[(scores["predictor"] == predictor) & (scores["terms"] == SUBSET)]
    spread = readings.deviation(scores, predictor, score)[SUBSET]
    return float(rows.loc[rows["seed"] == 0, score].iloc[0]), now, EXACT, float(spread)


def chosen(default: Training, trials: pd.DataFrame) -> Training:
    """The training that a run's trials chose for the sampled subset."""
    own = trials[trials["terms"] == SUBSET]
    return default if own.empty else replace(default, **best_of(own))
