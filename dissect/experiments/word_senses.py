"""The experiment on word senses: which terms carry word senses."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dissect.corpora import SenseCorpus
from dissect.experiments.hyperparameters import search_on
from dissect.experiments.probes import (
    Choices,
    Split,
    Training,
    nearest_neighbours,
    sense_probe,
    split_groups,
    trained,
    vectors_of,
)
from dissect.experiments.statistics import Counted, accuracy_counts, share
from dissect.experiments.units import Answers, Experiment, Predictor, Unit, results
from dissect.features import Features, word_terms
from dissect.models import Loaded
from dissect.tables import Results

TRAINING = Training(epochs=60, batch_size=128, learning_rate=2e-3, dropout=0.2, patience=3)


@dataclass(frozen=True)
class SenseTerms:
    """The terms of the items of a corpus of senses, and their labels.

    Attributes:
        sentences: In which each item stands.
    """

    features: Features
    lemmas: list[str]
    senses: list[str]
    sentences: list[int]

    def split(self, seed: int) -> Split:
        """8:1:1 over items, as the paper's."""
        return split_groups(range(len(self.senses)), seed)

    def choose(self, trials: int) -> tuple[Training, pd.DataFrame]:
        """Hyper-parameters for the probes; see `hyperparameters.search`."""
        return choose(self, trials)


def sense_terms(loaded: Loaded, corpus: SenseCorpus, folder: str | Path | None = None) -> SenseTerms:
    """Take the terms of every item.

    Raises what `word_terms` raises.

    Args:
        loaded: The model.
        corpus: Sentences and items.
        folder: Of stores; without it the terms are kept in memory.
    """
    spans = [(item.sentence, item.start, item.end) for item in corpus.items]
    features = word_terms(loaded, corpus.sentences, spans, folder)
    items = [corpus.items[n] for n in features.kept.tolist()]
    return SenseTerms(
        features, [i.lemma for i in items], [i.sense for i in items], [i.sentence for i in items]
    )


def word_senses(
    items: SenseTerms, seeds: Sequence[int], k: int = 5, training: Training = TRAINING
) -> Results:
    """The k nearest neighbours and the two-layer probe for every subset and seed.

    Args:
        items: Terms, lemmas and senses.
        seeds: Of the split and of what is learned.
        k: How many neighbours vote.
        training: Of the probes.

    Returns:
        Predictors are "knn" and "classifier"; the score is accuracy, over test items.
    """
    predictors: dict[str, Predictor] = {
        "knn": partial(neighbours, k=k),
        "classifier": partial(learned, numbers=numbered(items), training=training),
    }
    return results(
        [
            Unit(EXPERIMENT, name, predict, items, items.split(seed), seed)
            for seed in seeds
            for name, predict in predictors.items()
        ]
    )


def neighbours(items: SenseTerms, subset: str, split: Split, k: int, seed: int) -> Answers:
    """The senses that neighbours of the test items have; the seed has no say beside the split.

    Args:
        items: All items.
        subset: Of the terms.
        split: Which of them are neighbours, and which tested.
        k: How many vote.
        seed: Of no use, and there as predictors have one.
    """
    x = vectors_of(items.features, subset, split.train)
    return {"predicted": np.array(nearest_neighbours(x, items.senses, items.lemmas, split, k))}


def learned(
    items: SenseTerms,
    subset: str,
    split: Split,
    numbers: tuple[list[str], Tensor, Choices],
    training: Training,
    seed: int,
) -> Answers:
    """The senses that a probe learned for a subset names.

    Args:
        items: All items.
        subset: Of the terms.
        split: Which of them are learned from, and which tested.
        numbers: As `numbered` has them.
        training: Of the probe.
        seed: Of the probe's first weights and of the batches.
    """
    names, labels, choices = numbers
    probe = partial(
        sense_probe, labels=labels, senses=len(names), choices=choices, split=split,
        training=training, seed=seed,
    )  # fmt: skip
    said = trained(
        probe, "sense probe", items.features, subset, labels, split, training, seed, **vars(choices)
    )
    return {"predicted": np.array(names)[said["predicted"].numpy()]}


def counts(items: SenseTerms, split: Split, said: Sequence[Answers]) -> dict[str, Counted]:
    """Of each test item whether its sense was named; see `units.Experiment`.

    Args:
        items: All items.
        split: Which of them are tested.
        said: What is said of these, a subset each.

    Returns:
        By score.
    """
    test = split.test.numpy()
    truth = np.array(items.senses)[test]
    right = np.stack([of["predicted"] == truth for of in said])
    return {"accuracy": Counted(np.array(items.sentences)[test], accuracy_counts(right))}


def right(items: SenseTerms, split: Split, said: Sequence[Answers]) -> Counted:
    """Of each test item whether its sense was named; see `units.Experiment`.

    Args:
        items: All items.
        split: Which of them are tested.
        said: What is said of these, a subset each.
    """
    return counts(items, split, said)["accuracy"]


EXPERIMENT = Experiment("probes for senses,", counts, share, average="micro", right=right)


def choose(
    items: SenseTerms, trials: int, subset: str = "i+h+f+c", default: Training = TRAINING
) -> tuple[Training, pd.DataFrame]:
    """Hyper-parameters for the two-layer probe; see `hyperparameters.search`.

    Args:
        items: Terms, lemmas and senses.
        trials: How many.
        subset: Of the terms, on which they are tried.
        default: The first trial.
    """
    names, labels, choices = numbered(items)
    split = items.split(0)
    probe = partial(
        sense_probe, labels=labels, senses=len(names), choices=choices, split=split, seed=0
    )  # fmt: skip
    return search_on(
        probe, "sense probe", items.features, subset, labels, split, default, trials, **vars(choices)
    )


def numbered(items: SenseTerms) -> tuple[list[str], Tensor, Choices]:
    """The names of all senses, those of a lemma together; each item's own; its choices."""
    pairs = sorted(set(zip(items.lemmas, items.senses, strict=True)))
    number = {pair: n for n, pair in enumerate(pairs)}
    count = Counter(lemma for lemma, _ in pairs)
    first: dict[str, int] = {}
    for n, (lemma, _) in enumerate(pairs):
        first.setdefault(lemma, n)
    labels = torch.tensor([number[pair] for pair in zip(items.lemmas, items.senses, strict=True)])
    choices = Choices(
        torch.tensor([first[lemma] for lemma in items.lemmas]),
        torch.tensor([count[lemma] for lemma in items.lemmas]),
    )
    return [sense for _, sense in pairs], labels, choices


def corpus_table(corpus: SenseCorpus) -> pd.DataFrame:
    """Lemma by lemma: senses, items, and the share of the most frequent sense."""
    counts: dict[str, Counter[str]] = {}
    for item in corpus.items:
        counts.setdefault(item.lemma, Counter())[item.sense] += 1
    rows = [
        (lemma, len(senses), senses.total(), max(senses.values()) / senses.total())
        for lemma, senses in sorted(counts.items())
    ]
    return pd.DataFrame(rows, columns=["lemma", "senses", "items", "most_frequent"])
