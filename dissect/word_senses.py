"""The experiment on word senses: which terms carry word senses."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dissect.corpora import SenseCorpus
from dissect.features import word_terms
from dissect.measures import agreement
from dissect.models import Loaded
from dissect.parts import subsets
from dissect.probes import (
    Choices,
    Split,
    Training,
    nearest_neighbours,
    sense_probe,
    split_groups,
    vectors_of,
)
from dissect.progress import track

TRAINING = Training(epochs=60, batch_size=128, learning_rate=2e-3, dropout=0.2, patience=5)


@dataclass(frozen=True)
class SenseTerms:
    """The terms of the items of a corpus of senses, (4, items, hidden), and their labels."""

    terms: Tensor
    lemmas: list[str]
    senses: list[str]

    def split(self, seed: int) -> Split:
        """8:1:1 over items, as the paper's."""
        return split_groups(range(len(self.senses)), seed)


def sense_terms(loaded: Loaded, corpus: SenseCorpus) -> SenseTerms:
    """Take the terms of every item. Raises what `word_terms` raises."""
    spans = [(item.sentence, item.start, item.end) for item in corpus.items]
    features = word_terms(loaded, corpus.sentences, spans)
    items = [corpus.items[n] for n in features.kept.tolist()]
    return SenseTerms(features.terms, [i.lemma for i in items], [i.sense for i in items])


@dataclass(frozen=True)
class SenseResults:
    """Scores: predictor ("knn", "classifier"), terms, seed, accuracy (0 to 1).
    Agreement: predictor, terms_a, terms_b, agreement, the mean over seeds.
    """

    scores: pd.DataFrame
    agreement: pd.DataFrame


def word_senses(
    items: SenseTerms, seeds: Sequence[int], k: int = 5, training: Training = TRAINING
) -> SenseResults:
    """kNN and the two-layer probe for every subset and seed."""
    names, labels, choices = numbered(items)
    scores, agreements = [], []
    for seed in seeds:
        split = items.split(seed)
        truth = np.array(items.senses)[split.test.numpy()]
        said: dict[str, dict[str, np.ndarray]] = {"knn": {}, "classifier": {}}
        for subset in track(subsets(), f"probes for senses, seed {seed}"):
            x = vectors_of(items.terms, subset, split.train)
            near = nearest_neighbours(x, items.senses, items.lemmas, split, k)
            learned = sense_probe(x, labels, len(names), choices, split, training, seed)
            said["knn"][subset] = np.array(near)
            said["classifier"][subset] = np.array(names)[learned.numpy()]
        for predictor, by_subset in said.items():
            scores += [
                (predictor, subset, seed, (answers == truth).mean()) for subset, answers in by_subset.items()
            ]
            del by_subset[""]  # the baseline has no say in who agrees with whom
            agreements.append(agreement(by_subset, "micro").assign(predictor=predictor))
    return SenseResults(
        pd.DataFrame(scores, columns=["predictor", "terms", "seed", "accuracy"]),
        mean_agreement(pd.concat(agreements)),
    )


def mean_agreement(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of agreement between two subsets, by predictor."""
    keys = ["predictor", "terms_a", "terms_b"]
    return table.groupby(keys, sort=False)["agreement"].mean().reset_index()


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
