"""The experiment on named entities: which terms carry named entities."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from seqeval.metrics import f1_score as entity_f1
from sklearn.metrics import f1_score
from torch import Tensor

from dissect.corpora import TaggedSentence
from dissect.features import word_terms
from dissect.measures import agreement
from dissect.models import Loaded
from dissect.parts import subsets
from dissect.probes import Split, Training, two_layer, vectors_of
from dissect.progress import track
from dissect.word_senses import mean_agreement

TRAINING = Training(epochs=60, batch_size=128, learning_rate=3e-3, dropout=0.3, patience=4)


@dataclass(frozen=True)
class WordTerms:
    """The terms of the words of tagged sentences, (4, words, hidden)."""

    terms: Tensor
    tags: list[str]
    sentence: list[int]  # which sentence each word stands in
    split: Split


def tagged_terms(loaded: Loaded, parts: Mapping[str, Sequence[TaggedSentence]]) -> WordTerms:
    """Take the terms of every word of the "train", "dev" and "test" sentences.

    Raises what `word_terms` raises.
    """
    sentences = [s for part in ("train", "dev", "test") for s in parts[part]]
    bounds = np.cumsum([len(parts[part]) for part in ("train", "dev", "test")])
    spans = [(n, a, b) for n, sentence in enumerate(sentences) for a, b in sentence.spans()]
    tags = [tag for sentence in sentences for tag in sentence.tags]
    features = word_terms(loaded, [sentence.text for sentence in sentences], spans)
    kept = features.kept.tolist()
    where = np.array([spans[n][0] for n in kept])
    part_of = np.searchsorted(bounds, where, side="right")
    places = [torch.from_numpy(np.flatnonzero(part_of == part)) for part in range(3)]
    return WordTerms(features.terms, [tags[n] for n in kept], where.tolist(), Split(*places))


def tag_counts(parts: Mapping[str, Sequence[TaggedSentence]]) -> pd.DataFrame:
    """How many sentences, words and entities of each type a corpus has, part by part."""
    columns = {}
    for part, sentences in parts.items():
        tags = [tag for sentence in sentences for tag in sentence.tags]
        types = Counter(tag[2:] for tag in tags if tag[:2] == "B-")
        columns[part] = {"sentences": len(sentences), "words": len(tags), **dict(sorted(types.items()))}
    return pd.DataFrame(columns).fillna(0).astype(int)


@dataclass(frozen=True)
class EntityResults:
    """Scores: predictor, terms, seed, macro_f1 (over tags), entity_f1; 0 to 1.
    Agreement: predictor, terms_a, terms_b, agreement, the mean over seeds.
    """

    scores: pd.DataFrame
    agreement: pd.DataFrame


def named_entities(
    models: Mapping[str, WordTerms], seeds: Sequence[int], training: Training = TRAINING
) -> EntityResults:
    """The two-layer probe for every model, subset and seed.

    models: terms by the name under which they are to stand in the tables ("base", "finetuned").
    """
    scores, agreements = [], []
    for predictor, words in models.items():
        names = sorted(set(words.tags))
        labels = torch.tensor([names.index(tag) for tag in words.tags])
        test = words.split.test
        truth = [words.tags[n] for n in test.tolist()]
        where = [words.sentence[n] for n in test.tolist()]
        for seed in seeds:
            said: dict[str, np.ndarray] = {}
            for subset in track(subsets(), f"probes for entities, {predictor}, seed {seed}"):
                x = vectors_of(words.terms, subset, words.split.train)
                answers = two_layer(x, labels, len(names), words.split, training, seed)
                said[subset] = np.array(names)[answers.numpy()]
                tags = said[subset].tolist()
                macro = f1_score(truth, tags, average="macro", zero_division=0)
                entity = entity_f1(by_sentence(truth, where), by_sentence(tags, where), zero_division=0)
                scores.append((predictor, subset, seed, macro, entity))
            del said[""]  # the baseline has no say in who agrees with whom
            agreements.append(agreement(said, "macro").assign(predictor=predictor))
    return EntityResults(
        pd.DataFrame(scores, columns=["predictor", "terms", "seed", "macro_f1", "entity_f1"]),
        mean_agreement(pd.concat(agreements)),
    )


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
