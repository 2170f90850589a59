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
from dissect.features import Features, word_terms
from dissect.hyperparameters import search
from dissect.measures import agreement
from dissect.models import Loaded
from dissect.parts import subsets
from dissect.probes import (
    Choices,
    Split,
    Training,
    Watch,
    learned_from,
    nearest_neighbours,
    sense_probe,
    split_groups,
    trained,
    vectors_of,
)
from dissect.progress import track
from dissect.results import Results
from dissect.statistics import Counted, accuracy_counts, compared, count, share

TRAINING = Training(epochs=60, batch_size=128, learning_rate=2e-3, dropout=0.2, patience=3)


@dataclass(frozen=True)
class SenseTerms:
    """The terms of the items of a corpus of senses, and their labels."""

    features: Features
    lemmas: list[str]
    senses: list[str]
    sentences: list[int]  # in which each item stands

    def split(self, seed: int) -> Split:
        """8:1:1 over items, as the paper's."""
        return split_groups(range(len(self.senses)), seed)

    def choose(self, trials: int) -> tuple[Training, pd.DataFrame]:
        """Hyper-parameters for the probes; see `hyperparameters.search`."""
        return choose(self, trials)


def sense_terms(loaded: Loaded, corpus: SenseCorpus, folder: str | Path | None = None) -> SenseTerms:
    """Take the terms of every item; folder: of stores. Raises what `word_terms` raises."""
    spans = [(item.sentence, item.start, item.end) for item in corpus.items]
    features = word_terms(loaded, corpus.sentences, spans, folder)
    items = [corpus.items[n] for n in features.kept.tolist()]
    return SenseTerms(
        features, [i.lemma for i in items], [i.sense for i in items], [i.sentence for i in items]
    )


def word_senses(
    items: SenseTerms, seeds: Sequence[int], k: int = 5, training: Training = TRAINING
) -> Results:
    """kNN and the two-layer probe for every subset and seed.

    Predictors are "knn" and "classifier"; the score is accuracy, over test items.
    """
    names, labels, choices = numbered(items)
    rows, agreements = [], []
    counted: dict[str, list[Counted]] = {"knn": [], "classifier": []}
    for seed in seeds:
        split = items.split(seed)
        test = split.test.numpy()
        truth = np.array(items.senses)[test]
        said: dict[str, dict[str, np.ndarray]] = {"knn": {}, "classifier": {}}
        for subset in track(subsets(), f"probes for senses, seed {seed}"):
            x = vectors_of(items.features, subset, split.train)
            near = nearest_neighbours(x, items.senses, items.lemmas, split, k)
            said["knn"][subset] = np.array(near)
            probe = partial(
                sense_probe, labels=labels, senses=len(names), choices=choices, split=split,
                training=training, seed=seed,
            )  # fmt: skip
            learned = trained(
                probe, "sense probe", items.features, subset, labels, split, training, seed, **vars(choices)
            )
            said["classifier"][subset] = np.array(names)[learned["predicted"].numpy()]
        for predictor, by_subset in said.items():
            right = np.stack([answers == truth for answers in by_subset.values()])
            rows += [(predictor, subset, seed, r.mean()) for subset, r in zip(by_subset, right, strict=True)]
            counted[predictor].append(count(np.array(items.sentences)[test], accuracy_counts(right)))
            del by_subset[""]  # the baseline has no say in who agrees with whom
            agreements.append(agreement(by_subset, "micro").assign(predictor=predictor))
    sure = [compared(name, "accuracy", subsets(), runs, share) for name, runs in counted.items()]
    return Results(
        pd.DataFrame(rows, columns=["predictor", "terms", "seed", "accuracy"]),
        pd.concat([intervals for intervals, _ in sure], ignore_index=True),
        pd.concat([pairs for _, pairs in sure], ignore_index=True),
        mean_agreement(pd.concat(agreements)),
    )


def choose(
    items: SenseTerms, trials: int, subset: str = "i+h+f+c", default: Training = TRAINING
) -> tuple[Training, pd.DataFrame]:
    """Hyper-parameters for the two-layer probe; see `hyperparameters.search`."""
    names, labels, choices = numbered(items)
    split = items.split(0)

    def probe(training: Training, watch: Watch) -> object:
        x = vectors_of(items.features, subset, split.train)
        return sense_probe(x, labels, len(names), choices, split, training, seed=0, watch=watch)

    data = learned_from(labels, split, **vars(choices))
    return search(probe, default, trials, items.features.folder, kind="sense probe", terms=subset, data=data)


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
