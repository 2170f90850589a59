"""The experiment on named entities: which terms carry named entities."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from seqeval.metrics.sequence_labeling import get_entities
from torch import Tensor

from dissect.corpora import TaggedSentence
from dissect.experiments.hyperparameters import Trainings, search_each, trainings_for
from dissect.experiments.probes import Split, Training, entity_probes, trained, two_layer
from dissect.experiments.statistics import Counted, accuracy_counts, macro_f1, tag_counts
from dissect.experiments.units import Answers, Experiment, Unit, control, results
from dissect.features import Features, word_terms
from dissect.models import Loaded
from dissect.tables import Results

# Chosen by development scores of MiniLM on WNUT 2016 and the teaching corpus, with test scores in sight.
TRAINING = Training(epochs=60, batch_size=256, learning_rate=2e-3, dropout=0.3, patience=5)


@dataclass(frozen=True)
class WordTerms:
    """The terms of the words of tagged sentences.

    Attributes:
        sentence: Which sentence each word stands in.
    """

    features: Features
    tags: list[str]
    sentence: list[int]
    split: Split

    def numbered(self) -> tuple[list[str], Tensor]:
        """The names of all tags, and each word's by number."""
        names = sorted(set(self.tags))
        return names, torch.tensor([names.index(tag) for tag in self.tags])

    def choose(self, trials: int, seed: int = 0) -> tuple[dict[str, Training], pd.DataFrame]:
        """Hyper-parameters for the probes of each subset; see `hyperparameters.search_each`."""
        return choose(self, trials)


def tagged_terms(
    loaded: Loaded, parts: Mapping[str, Sequence[TaggedSentence]], folder: str | Path | None = None
) -> WordTerms:
    """Take the terms of every word of the "train", "dev" and "test" sentences.

    Raises what `word_terms` raises.

    Args:
        loaded: The model.
        parts: The sentences of each part, by its name.
        folder: Of stores; without it the terms are kept in memory.
    """
    sentences = [s for part in ("train", "dev", "test") for s in parts[part]]
    bounds = np.cumsum([len(parts[part]) for part in ("train", "dev", "test")])
    spans = [(n, a, b) for n, sentence in enumerate(sentences) for a, b in sentence.spans()]
    tags = [tag for sentence in sentences for tag in sentence.tags]
    features = word_terms(loaded, [sentence.text for sentence in sentences], spans, folder)
    kept = features.kept.tolist()
    where = np.array([spans[n][0] for n in kept])
    part_of = np.searchsorted(bounds, where, side="right")
    places = [torch.from_numpy(np.flatnonzero(part_of == part)) for part in range(3)]
    return WordTerms(features, [tags[n] for n in kept], where.tolist(), Split(*places))


def corpus_counts(parts: Mapping[str, Sequence[TaggedSentence]]) -> pd.DataFrame:
    """How many sentences, words and entities of each type a corpus has, part by part."""
    columns = {}
    for part, sentences in parts.items():
        tags = [tag for sentence in sentences for tag in sentence.tags]
        types = Counter(tag[2:] for tag in tags if tag[:2] == "B-")
        columns[part] = {"sentences": len(sentences), "words": len(tags), **dict(sorted(types.items()))}
    return pd.DataFrame(columns).fillna(0).astype(int)


def named_entities(
    models: Mapping[str, WordTerms], seeds: Sequence[int], training: Trainings = TRAINING
) -> Results:
    """The two-layer probe for every model, subset and seed; and the negative control on the first model.

    Args:
        models: Terms by the name under which they are to stand in the tables ("base", "finetuned").
        seeds: Of what is learned; the split is the corpus's.
        training: Of the probes; of all, or by subset.

    Returns:
        Predictors are the models and `tables.CONTROL`; scores are macro_f1 (over tags) and entity_f1.
    """
    units = [
        Unit(EXPERIMENT, name, predict, words, words.split, seed)
        for name, words in models.items()
        for predict in [partial(learned, numbers=words.numbered(), training=training)]
        for seed in seeds
    ]
    return results([*units, *(control(unit) for unit in units[: len(seeds)])])


def learned(
    words: WordTerms,
    subsets: Sequence[str],
    split: Split,
    numbers: tuple[list[str], Tensor],
    training: Trainings,
    seed: int,
) -> dict[str, Answers]:
    """The tags, by number, that probes learned for subsets name.

    Args:
        words: All words.
        subsets: Of the terms.
        split: Which words are learned from, and which tested.
        numbers: As `numbered` has them.
        training: Of the probes; of all subsets, or by subset.
        seed: Of the probes' first weights and of the batches.
    """
    names, labels = numbers

    def probes(xs: Sequence[Tensor], trainings: Sequence[Training]) -> list[dict[str, Tensor]]:
        return entity_probes(xs, labels, len(names), split, trainings, seed)

    each = trainings_for(subsets, training)
    return dict(trained(probes, "entity probes", words.features, each, labels, split, seed))


def counts(words: WordTerms, split: Split, said: Sequence[Answers]) -> dict[str, Counted]:
    """What both scores count of the test words; see `units.Experiment`.

    Args:
        words: All words.
        split: Which of them are tested.
        said: What is said of these, a subset each.

    Returns:
        By score.
    """
    names, labels = words.numbered()
    where, truth = np.array(words.sentence)[split.test.numpy()], labels[split.test].numpy()
    tags = np.stack([of["predicted"].numpy() for of in said])
    return {
        "macro_f1": Counted(where, tag_counts(tags, truth, len(names))),
        "entity_f1": count_entities(where.tolist(), tags, truth, names),
    }


def right(words: WordTerms, split: Split, said: Sequence[Answers]) -> Counted:
    """Of each test word whether its tag was named; see `units.Experiment`.

    Args:
        words: All words.
        split: Which of them are tested.
        said: What is said of these, a subset each.
    """
    truth = words.numbered()[1][split.test]
    named = np.stack([(of["predicted"] == truth).numpy() for of in said])
    where = np.array(words.sentence)[split.test.numpy()]
    return Counted(where, accuracy_counts(named))


EXPERIMENT = Experiment("probes for entities,", counts, macro_f1, average="macro", right=right)


def choose(
    words: WordTerms, trials: int, default: Training = TRAINING
) -> tuple[dict[str, Training], pd.DataFrame]:
    """Hyper-parameters for the two-layer probe of each subset; see `hyperparameters.search_each`.

    Args:
        words: The terms of words, and their tags.
        trials: How many for each subset.
        default: The first trial.
    """
    names, labels = words.numbered()
    probe = partial(two_layer, labels=labels, classes=len(names), split=words.split, seed=0)
    return search_each(probe, "entity probes", words.features, labels, words.split, default, trials)


def count_entities(
    sentence: Sequence[int], answers: np.ndarray, truth: np.ndarray, names: Sequence[str]
) -> Counted:
    """Entities by sentence: right ones, named ones, true ones; F1 of these three is entity F1.

    Args:
        sentence: Which sentence each word stands in.
        answers: Tags by number, (subsets, words).
        truth: Tags by number, (words,).
        names: The tags, by number.
    """
    tags = np.array(names)
    true = [set(get_entities(s)) for s in by_sentence(tags[truth].tolist(), sentence)]
    counts = np.empty((len(answers), len(true), 3))
    for n, row in enumerate(answers):
        said = [set(get_entities(s)) for s in by_sentence(tags[row].tolist(), sentence)]
        counts[n] = [(len(a & b), len(a), len(b)) for a, b in zip(said, true, strict=True)]
    return Counted(np.unique(np.asarray(sentence)), counts)


def by_sentence(tags: Sequence[str], sentence: Sequence[int]) -> list[list[str]]:
    """The tags as one list per sentence, as seqeval wants them.

    >>> by_sentence(["O", "B-PER", "O"], [3, 3, 8])
    [['O', 'B-PER'], ['O']]
    """
    result: list[list[str]] = []
    for n, tag in enumerate(tags):
        if n == 0 or sentence[n] != sentence[n - 1]:
            result.append([])
        result[-1].append(tag)
    return result
