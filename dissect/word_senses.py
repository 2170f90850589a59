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
from dissect.probes import Split, Training, nearest_neighbours, split_groups, two_layer, vectors_of
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
    names = sorted(set(items.senses))
    number = {name: n for n, name in enumerate(names)}
    labels = torch.tensor([number[sense] for sense in items.senses])
    allowed = own_senses(items, number)
    scores, agreements = [], []
    for seed in seeds:
        split = items.split(seed)
        truth = np.array(items.senses)[split.test.numpy()]
        said: dict[str, dict[str, np.ndarray]] = {"knn": {}, "classifier": {}}
        for subset in track(subsets(), f"probes for senses, seed {seed}"):
            x = vectors_of(items.terms, subset, split.train)
            near = nearest_neighbours(x, items.senses, items.lemmas, split, k)
            learned = two_layer(x, labels, len(names), split, training, seed, allowed)
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


def own_senses(items: SenseTerms, number: dict[str, int]) -> Tensor:
    """(items, senses), true for the senses of the item's own lemma."""
    lemma_of = dict(zip(items.senses, items.lemmas, strict=True))
    by_lemma = np.array([lemma_of[name] for name in number])
    return torch.from_numpy(np.array(items.lemmas)[:, None] == by_lemma[None, :])


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
