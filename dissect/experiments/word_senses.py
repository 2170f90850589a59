"""The experiment on word senses: which terms carry word senses."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dissect.corpora import SenseCorpus
from dissect.experiments.hyperparameters import Trainings, search_each, trainings_for
from dissect.experiments.most_frequent import documents_majority, most_frequent
from dissect.experiments.probes import (
    Choices,
    Split,
    Training,
    nearest_neighbours,
    sense_probe,
    sense_probes,
    split_groups,
    trained,
)
from dissect.experiments.statistics import Counted, accuracy_counts, share
from dissect.experiments.units import Answers, Experiment, Unit, control, results
from dissect.features import Features, word_terms
from dissect.models import Loaded
from dissect.progress import track_named
from dissect.tables import Results

TRAINING = Training(epochs=60, batch_size=128, learning_rate=2e-3, dropout=0.2, patience=5)


@dataclass(frozen=True)
class SenseTerms:
    """The terms of the items of a corpus of senses, and their labels.

    Attributes:
        sentences: In which each item stands.
        documents: In which document, by number; see `corpora.SenseItem`.
    """

    features: Features
    lemmas: list[str]
    senses: list[str]
    sentences: list[int]
    documents: list[int]

    def split(self, seed: int) -> Split:
        """8:1:1 over items, as the paper's: for comparison with it."""
        return split_groups(range(len(self.senses)), seed)

    def split_by_document(self, seed: int) -> Split:
        """8:1:1 over documents, so that no text is tested on that was trained on: for conclusions."""
        return split_groups(self.documents, seed)

    def choose(self, trials: int, split: Split | None = None) -> tuple[dict[str, Training], pd.DataFrame]:
        """Hyper-parameters for the probes of each subset; see `hyperparameters.search_each`.

        Args:
            trials: How many are tried for each subset.
            split: On whose development items; by items, with seed 0, unless given.
        """
        return choose(self, trials, split)


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
    of_items = [item.document or item.sentence for item in items]
    number = {document: n for n, document in enumerate(dict.fromkeys(of_items))}
    return SenseTerms(
        features,
        [item.lemma for item in items],
        [item.sense for item in items],
        [item.sentence for item in items],
        [number[document] for document in of_items],
    )


def word_senses(
    items: SenseTerms,
    seeds: Sequence[int],
    k: int = 5,
    training: Trainings = TRAINING,
    split: Split | None = None,
) -> Results:
    """The two-layer probe for every subset and seed, k nearest neighbours for every subset, two baselines.

    Beside them stands the probe's negative control, `tables.CONTROL`.

    The split is the same for all seeds. Given the split, neighbours and baselines leave nothing to chance, so
    each has one run, under the first seed; baselines see no vector, and stand at the empty subset alone.

    Args:
        items: Terms, lemmas and senses.
        seeds: Of the probes' first weights, batches and dropout.
        k: How many neighbours vote.
        training: Of the probes; of all, or by subset.
        split: Which items are learned from, and which tested; by items, with seed 0, unless given.

    Returns:
        Predictors are "knn", "classifier", "most frequent sense", "document's majority" and
        `tables.CONTROL`; the score is accuracy, over test items.
    """
    split = split or items.split(0)
    probe = partial(learned, numbers=numbered(items), training=training)
    units = [Unit(EXPERIMENT, "knn", partial(neighbours, k=k), items, split, seeds[0])]
    probes = [Unit(EXPERIMENT, "classifier", probe, items, split, seed) for seed in seeds]
    guesses = without_vectors(items, split)
    blind = [
        Unit(EXPERIMENT, name, partial(guessed, answers=answers), items, split, seeds[0], subsets=[""])
        for name, answers in guesses.items()
    ]
    return results([*units, *probes, *blind, *map(control, probes)])


def without_vectors(items: SenseTerms, split: Split) -> dict[str, np.ndarray]:
    """What predictors that see no vector say of the test items, (test items,), by their names."""
    of = items.lemmas, items.senses, split
    return {
        "most frequent sense": np.array(most_frequent(*of)),
        "document's majority": np.array(documents_majority(items.documents, *of)),
    }


def guessed(
    items: SenseTerms, subsets: Sequence[str], split: Split, answers: np.ndarray, seed: int
) -> dict[str, Answers]:
    """Answers that were known beforehand, whatever the subset.

    Args:
        items: Of no use, and there as predictors have them.
        subsets: Of the terms.
        split: Of no use.
        answers: A sense for each test item.
        seed: Of no use.
    """
    return {subset: {"predicted": answers} for subset in subsets}


def neighbours(
    items: SenseTerms, subsets: Sequence[str], split: Split, k: int, seed: int
) -> dict[str, Answers]:
    """The senses that neighbours of the test items have; the seed has no say.

    Args:
        items: All items.
        subsets: Of the terms.
        split: Which items are neighbours, and which tested.
        k: How many vote.
        seed: Of no use, and there as predictors have one.
    """
    of = items.senses, items.lemmas, split, k
    return {
        subset: {"predicted": np.array(nearest_neighbours(items.features.subset(subset), *of))}
        for subset in track_named(subsets, "subsets")
    }


def learned(
    items: SenseTerms,
    subsets: Sequence[str],
    split: Split,
    numbers: tuple[list[str], Tensor, Choices],
    training: Trainings,
    seed: int,
) -> dict[str, Answers]:
    """The senses that probes learned for subsets name.

    Args:
        items: All items.
        subsets: Of the terms.
        split: Which items are learned from, and which tested.
        numbers: As `numbered` has them.
        training: Of the probes; of all subsets, or by subset.
        seed: Of the probes' first weights and of the batches.
    """
    names, labels, choices = numbers

    def probes(xs: Sequence[Tensor], trainings: Sequence[Training]) -> list[dict[str, Tensor]]:
        return sense_probes(xs, labels, len(names), choices, split, trainings, seed)

    each = trainings_for(subsets, training)
    said = trained(probes, "sense probes", items.features, each, labels, split, seed, **vars(choices))
    named = np.array(names)
    return {subset: {"predicted": named[of["predicted"].numpy()]} for subset, of in said.items()}


def counts(items: SenseTerms, split: Split, said: Sequence[Answers]) -> dict[str, Counted]:
    """Of each test item whether its sense was named, by document; see `units.Experiment`.

    Items of a document are not drawn apart, since a text keeps to its subject and a word in it to its sense.

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
    return {"accuracy": Counted(np.array(items.documents)[test], accuracy_counts(right))}


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
    items: SenseTerms, trials: int, split: Split | None = None, default: Training = TRAINING
) -> tuple[dict[str, Training], pd.DataFrame]:
    """Hyper-parameters for the two-layer probe of each subset; see `hyperparameters.search_each`.

    Args:
        items: Terms, lemmas and senses.
        trials: How many for each subset.
        split: On whose development items they are judged; by items, with seed 0, unless given.
        default: The first trial.
    """
    names, labels, choices = numbered(items)
    split = split or items.split(0)
    probe = partial(sense_probe, labels=labels, senses=len(names), choices=choices, split=split, seed=0)
    return search_each(probe, "sense probes", items.features, labels, split, default, trials, **vars(choices))


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


def overlap_table(items: SenseTerms, splits: Mapping[str, Split]) -> pd.DataFrame:
    """What test items share with training items, split by split.

    Args:
        items: Lemmas, sentences and documents.
        splits: By name.

    Returns:
        Columns split, items (tested), same_sentence (the share of them in whose sentence a training item
        stands), same_document (in whose document one of the same lemma stands).
    """
    within = list(zip(items.documents, items.lemmas, strict=True))
    rows = [
        (name, len(split.test), *(seen(groups, split) for groups in (items.sentences, within)))
        for name, split in splits.items()
    ]
    return pd.DataFrame(rows, columns=["split", "items", "same_sentence", "same_document"])


def seen(groups: Sequence[Hashable], split: Split) -> float:
    """The share of test items whose group has a training item."""
    of_training = {groups[n] for n in split.train.tolist()}
    return float(np.mean([groups[n] in of_training for n in split.test.tolist()]))


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
