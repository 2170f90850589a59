"""What a verification computes again: of each experiment one number, from the same model and corpus."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from dissect import corpora, models
from dissect.experiments import masked_words, measures, named_entities, word_senses
from dissect.experiments.hyperparameters import best_of
from dissect.experiments.probes import Training, nearest_neighbours
from dissect.experiments.statistics import macro_f1, tag_counts
from dissect.report import readings

EXACT = 1e-9  # of recomputed scores; sums of floats are allowed CLOSE
CLOSE = 1e-5
SUBSET = "i+h"  # whose probes are trained again
# Numbers of the run, those computed now, how far they may be apart, the standard deviation over seeds.
Again = tuple[Any, Any, float, float]
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
    """The nearest neighbours of one subset, in the split by item; they have one run, so no spread over seeds.

    In the place of this stands the standard error over test documents, a quarter of the 95 % interval.
    """
    loaded = models.load(parameters["model"])
    items = word_senses.sense_terms(loaded, corpora.senses(parameters["corpus"], parameters["limit"]))
    split = items.split(parameters.get("seed", 0))  # runs had none when each seed had a split of its own
    near = nearest_neighbours(items.features.subset(SUBSET), items.senses, items.lemmas, split)
    now = float(np.mean(np.array(near) == np.array(items.senses)[split.test.numpy()]))
    then, now, allowed, _ = score_of(tables["senses"], "knn", "accuracy", now)
    of_subsets = tables["senses_intervals"].set_index(["predictor", "terms"])
    low, high = of_subsets.loc[("knn", SUBSET), ["low", "high"]]
    return then, now, allowed, float(high - low) / 4


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
