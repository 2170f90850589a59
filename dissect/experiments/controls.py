"""What a score is worth: beside one without training, on labels without meaning, of terms side by side.

A probe's score is the model's, the probe's and the task's together. The same architecture with random
weights (`models.random_weights`) has the probe and the task, and has learned nothing. On a control task
(Hewitt and Liang 2019, "Designing and interpreting probes with control tasks") each word type has a label
drawn at random: whoever scores well there has learned labels by heart, and selectivity is what the task's
score exceeds that by.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dissect.corpora import SenseCorpus, TaggedSentence
from dissect.decomposition import TERMS
from dissect.experiments import masked_words, measures, named_entities, word_senses
from dissect.experiments.certainty import grouped, parted, pseudovalues
from dissect.experiments.measured import Measured, joined, means
from dissect.experiments.pieces import in_order
from dissect.experiments.probes import Split
from dissect.experiments.statistics import Counted, count, share
from dissect.experiments.units import Answers, Experiment, Predictor
from dissect.features import Features
from dissect.models import Loaded, guesses, random_weights
from dissect.progress import named

TRAINED, RANDOM = "trained", "random"
SINGLE = ("", "i", "h", "f", "c", "i+h+f+c")  # the baseline, each term, the whole
# Terms added up, the sum beside itself (as wide as the next, and no more in it), and terms side by side.
JOINED = ("i", "h", "f", "i+h", "i+h;i+h", "i;h", "h+f", "h+f;h+f", "h;f")


@dataclass(frozen=True)
class Task:
    """The items of an experiment, who answers for them, and how the answers are counted.

    Attributes:
        name: "masked words" or "next words", "senses" or "entities".
        experiment: See `units.Experiment`.
        predictors: Items -> who answers for them, by their names in the tables.
        items: Their terms and labels.
        split: Fixed, whatever the seed.
    """

    name: str
    experiment: Experiment
    predictors: Callable[[Any], Mapping[str, Predictor]]
    items: Any
    split: Split


def masked_task(
    loaded: Loaded,
    sentences: Sequence[str],
    times: int = 1,
    folder: str | Path | None = None,
    documents: Sequence[str] = (),
) -> Task:
    """Masked words, or next ones, told by learned heads; see `masked_words.masked_targets`.

    Args:
        loaded: The model.
        sentences: The text.
        times: How often each sentence is masked, or next words of it are drawn.
        folder: Of stores; without it the terms are kept in memory.
        documents: That of each sentence, where they are known.
    """
    targets = masked_words.masked_targets(loaded, sentences, times, 0, folder, documents)
    experiment = masked_words.EXPERIMENTS[targets.asked]
    return Task(targets.called, experiment, of_masked_words, targets, targets.split(0))


def senses_task(loaded: Loaded, corpus: SenseCorpus, folder: str | Path | None = None) -> Task:
    """Word senses with whole documents held out, by neighbours and by the probe; see `word_senses`.

    Args:
        loaded: The model.
        corpus: Sentences and items.
        folder: Of stores; without it the terms are kept in memory.
    """
    items = word_senses.sense_terms(loaded, corpus, folder)
    return Task("senses", word_senses.EXPERIMENT, of_senses, items, items.split_by_document(0))


def entities_task(
    loaded: Loaded, parts: Mapping[str, Sequence[TaggedSentence]], folder: str | Path | None = None
) -> Task:
    """Named entities, by the probe; see `named_entities.tagged_terms`.

    Args:
        loaded: The model.
        parts: The sentences of each part, by its name.
        folder: Of stores; without it the terms are kept in memory.
    """
    words = named_entities.tagged_terms(loaded, parts, folder)
    return Task("entities", named_entities.EXPERIMENT, of_entities, words, words.split)


def of_masked_words(targets: masked_words.MaskedTargets) -> dict[str, Predictor]:
    """The predictor of masked or next words."""
    return {"learned": partial(masked_words.learned, training=masked_words.TRAINING)}


def of_senses(items: word_senses.SenseTerms) -> dict[str, Predictor]:
    """The predictors of senses, for these labels."""
    numbers = word_senses.numbered(items)
    return {
        "knn": partial(word_senses.neighbours, k=5),
        "classifier": partial(word_senses.learned, numbers=numbers, training=word_senses.TRAINING),
    }


def of_entities(words: named_entities.WordTerms) -> dict[str, Predictor]:
    """The predictor of entities, for these labels."""
    numbers = words.numbered()
    return {"classifier": partial(named_entities.learned, numbers=numbers, training=named_entities.TRAINING)}


# ---- random weights ----


def importance(loaded: Loaded, sentences: Sequence[str], seeds: Sequence[int]) -> Measured:
    """Importance by layer and term, of the model and of its architecture with random weights.

    Args:
        loaded: The model.
        sentences: The text.
        seeds: Of the random weights.

    Returns:
        Columns weights ("trained" or "random"), layer, term; a number is a mean over word pieces.
    """
    where, _ = in_order(loaded, sentences)
    rows = []
    for weights, seed, one in with_and_without(loaded, seeds):
        values = measures.importance(one, sentences)
        of = pd.DataFrame([(layer, term) for layer in range(len(values)) for term in TERMS])
        of.columns = pd.Index(["layer", "term"])
        found = means(of, values.reshape(len(of), -1), where.numpy())
        rows.append(found.assign(weights=weights, seed=seed))
    return joined(rows, "weights", "layer", "term")


def with_and_without(loaded: Loaded, seeds: Sequence[int]) -> list[tuple[str, int, Loaded]]:
    """The model, with seed 0, and its architecture with random weights for each seed."""
    return [(TRAINED, 0, loaded), *((RANDOM, seed, random_weights(loaded, seed)) for seed in seeds)]


Maker = Callable[[Loaded, str | Path | None], Task]  # a model and a folder of stores -> a task


def tasks(
    loaded: Loaded,
    text: Sequence[str],
    times: int,
    senses: SenseCorpus,
    entities: Mapping[str, Sequence[TaggedSentence]],
    documents: Sequence[str] = (),
) -> list[Maker]:
    """The three tasks, to be made for the model with any weights; the last two where it guesses no words.

    Args:
        loaded: A model.
        text: Of masked or next words.
        times: How often each of its sentences is masked, or next words of it are drawn.
        senses: Of word senses.
        entities: Of named entities.
        documents: That of each sentence of the text, where they are known.
    """
    made: list[Maker] = [
        lambda one, folder: senses_task(one, senses, folder),
        lambda one, folder: entities_task(one, entities, folder),
    ]
    if not guesses(loaded):
        return made
    return [lambda one, folder: masked_task(one, text, times, folder, documents), *made]


def scores(
    loaded: Loaded,
    makers: Sequence[Maker],
    seeds: Sequence[int],
    subsets: Sequence[str] = SINGLE,
    folder: str | Path | None = None,
) -> Measured:
    """Scores of tasks on the model's terms and on those of random weights.

    Args:
        loaded: The model.
        makers: Of the tasks.
        seeds: Of what probes draw, and of the random weights.
        subsets: Of the terms.
        folder: Of stores, for the model's own terms; those of random weights are kept in memory.

    Returns:
        Columns experiment, predictor, score, weights, terms.
    """
    rows = []
    for make in makers:
        task = make(loaded, folder)
        rows += [scored(task, subsets, seed).assign(weights=TRAINED) for seed in seeds]
        for seed in seeds:
            drawn = make(random_weights(loaded, seed), None)
            rows.append(scored(drawn, subsets, seed).assign(weights=RANDOM))
    return joined(rows, "experiment", "predictor", "score", "weights", "terms")


def scored(task: Task, subsets: Sequence[str], seed: int) -> pd.DataFrame:
    """The pseudo-values of a task's scores.

    Args:
        task: Items, predictors and split.
        subsets: What predictors are given.
        seed: Of what they draw.

    Returns:
        Columns experiment, predictor, score, terms, seed, group, value.
    """
    return of_answers(task, answers(task, subsets, seed), subsets, seed)


def of_answers(
    task: Task, said: Mapping[str, Sequence[Answers]], names: Sequence[str], seed: int, column: str = "terms"
) -> pd.DataFrame:
    """The pseudo-values of the scores of answers to the test items.

    Args:
        task: Items and split.
        said: By predictor, in the order of the names.
        names: What each is an answer from.
        seed: Of what predictors drew.
        column: How the column of names is called.

    Returns:
        Columns experiment, predictor, score, `column`, seed, group, value.
    """
    rows = [
        pseudo(of, task.experiment.score, names, column).assign(predictor=predictor, score=score)
        for predictor, given in said.items()
        for score, of in task.experiment.counts(task.items, task.split, given).items()
    ]
    table = pd.concat(rows, ignore_index=True).assign(experiment=task.name, seed=seed)
    return table[["experiment", "predictor", "score", column, "seed", "group", "value"]]


def answers(task: Task, subsets: Sequence[str], seed: int) -> dict[str, list[Answers]]:
    """What each predictor says of the test items, by predictor and in the order of the subsets.

    Args:
        task: Items, predictors and split.
        subsets: What predictors are given.
        seed: Of what they draw.
    """
    found = {}
    for name, predict in task.predictors(task.items).items():
        with named(f"{task.experiment.label} {name}, seed {seed}"):
            said = predict(task.items, subsets, task.split, seed=seed)
        found[name] = [said[subset] for subset in subsets]
    return found


def pseudo(
    of: Counted, score: Callable[[np.ndarray], np.ndarray], names: Sequence[str], column: str = "terms"
) -> pd.DataFrame:
    """Pseudo-values of a score: what it is of, group, value.

    Args:
        of: Counts of test items, or of sentences.
        score: Of such counts, added up.
        names: What each is of.
        column: How the column of names is called.
    """
    values = pseudovalues(score, count(of.sentences, of.counts), parted(of.sentences))
    return grouped(names, values).rename(columns={"terms": column})


# ---- control tasks ----


def selective(
    senses: Task, before: Sequence[str], entities: Task, words: Sequence[str], seeds: Sequence[int]
) -> Measured:
    """`selectivity` of both tasks whose items are words.

    Args:
        senses: The task.
        before: The word before each item, see `words_before`.
        entities: The task.
        words: Each word itself, see `forms`.
        seeds: Of what probes draw, and of the controls' labels.

    Returns:
        Columns experiment, predictor, terms, labels.
    """
    rows = [
        selectivity(senses, before, control_senses, seeds),
        selectivity(entities, words, control_entities, seeds),
    ]
    return joined(rows, "experiment", "predictor", "terms", "labels")


def selectivity(
    task: Task,
    types: Sequence[str],
    control: Callable[[Task, Sequence[str], int], Task],
    seeds: Sequence[int],
    subsets: Sequence[str] = SINGLE,
) -> pd.DataFrame:
    """Accuracy on the task, on its control, and the difference, which is selectivity.

    Args:
        task: Senses or entities.
        types: The word type of each item.
        control: Makes the control: `control_senses` or `control_entities`.
        seeds: Of what probes draw, and of the control's labels.
        subsets: Of the terms.

    Returns:
        Columns experiment, predictor, terms, labels ("task", "control" or "difference"), seed, group, value.
    """
    rows = []
    for seed in seeds:
        with_meaning = right(task, subsets, seed)
        without = right(control(task, types, seed), subsets, seed)
        less = with_meaning.assign(value=with_meaning["value"] - without["value"])
        for labels, table in (("task", with_meaning), ("control", without), ("difference", less)):
            rows.append(table.assign(labels=labels))
    return pd.concat(rows, ignore_index=True)


def right(task: Task, subsets: Sequence[str], seed: int) -> pd.DataFrame:
    """The share of test items that are right, as pseudo-values.

    Args:
        task: One whose experiment tells which items are right.
        subsets: Of the terms.
        seed: Of what is drawn.

    Returns:
        Columns experiment, predictor, terms, seed, group, value.
    """
    assert task.experiment.right is not None
    rows = [
        pseudo(task.experiment.right(task.items, task.split, said), share, subsets).assign(predictor=name)
        for name, said in answers(task, subsets, seed).items()
    ]
    table = pd.concat(rows, ignore_index=True).assign(experiment=task.name, seed=seed)
    return table[["experiment", "predictor", "terms", "seed", "group", "value"]]


def control_entities(task: Task, types: Sequence[str], seed: int) -> Task:
    """Each word type has one tag, drawn by how often training words have it (Hewitt and Liang 2019).

    Args:
        task: Entities.
        types: The form of each word.
        seed: Of the draws.
    """
    seen = np.array(task.items.tags)[task.split.train.numpy()]
    names, counts = np.unique(seen, return_counts=True)
    all_types = list(dict.fromkeys(types))
    drawn = np.random.default_rng(seed).choice(names, len(all_types), p=counts / counts.sum())
    of_type = dict(zip(all_types, drawn.tolist(), strict=True))
    items = replace(task.items, tags=[of_type[form] for form in types])
    return replace(task, items=items)


def control_senses(task: Task, types: Sequence[str], seed: int) -> Task:
    """Each pair of a lemma and a neighbouring word has one sense of the lemma.

    It is drawn by how often training items of the lemma have it. A sense is a label of an occurrence, and
    all occurrences of a lemma share its form, so the form cannot be the type: its label would be one and the
    same, known without any vector. The word next to it varies as senses do, and has to be learned by heart.

    Args:
        task: Senses.
        types: The word next to each item, see `words_before`.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    lemmas, senses = task.items.lemmas, task.items.senses
    by_lemma: dict[str, list[str]] = {lemma: [] for lemma in lemmas}
    for n in task.split.train.tolist():
        by_lemma[lemmas[n]].append(senses[n])
    for n, lemma in enumerate(lemmas):
        if not by_lemma[lemma]:  # none to train on: whatever it is, no predictor knows
            by_lemma[lemma] = [senses[n]]
    of_type = {
        (lemma, word): str(rng.choice(by_lemma[lemma]))
        for lemma, word in dict.fromkeys(zip(lemmas, types, strict=True))
    }
    items = replace(
        task.items, senses=[of_type[pair] for pair in zip(lemmas, types, strict=True)]
    )  # fmt: skip
    return replace(task, items=items)


def words_before(corpus: SenseCorpus, items: word_senses.SenseTerms) -> list[str]:
    """The word before each item, in small letters; "" where it comes first."""
    kept = [corpus.items[n] for n in items.features.kept.tolist()]
    found = [re.findall(r"\w+", corpus.sentences[item.sentence][: item.start]) for item in kept]
    return [words[-1].lower() if words else "" for words in found]


def forms(parts: Mapping[str, Sequence[TaggedSentence]], words: named_entities.WordTerms) -> list[str]:
    """The word itself, for each whose terms were taken."""
    all_words = [word for part in ("train", "dev", "test") for s in parts[part] for word in s.words]
    return [all_words[n] for n in words.features.kept.tolist()]


# ---- terms side by side ----


class SideBySide(Features):
    """Features of which subsets may be put side by side: "i;h" is as wide as both together."""

    def subset(self, name: str) -> Tensor:
        """The vectors of subsets joined by ";", one after the other; (items, hidden · subsets)."""
        return torch.cat([super(SideBySide, self).subset(part) for part in name.split(";")], dim=-1)


def side_by_side(tasks: Sequence[Task], seeds: Sequence[int], vectors: Sequence[str] = JOINED) -> Measured:
    """Scores on sums of terms and on the same terms side by side.

    A sum may lose what each of its terms has, and terms side by side may not. They are also wider, and the
    two-layer probe is as wide as what it reads: so the sum is also put beside itself.

    Args:
        tasks: Items, predictors and split of each.
        seeds: Of what predictors draw.
        vectors: Subsets of the terms, joined by ";".

    Returns:
        Columns experiment, predictor, score, vectors.
    """
    rows = []
    for task in tasks:
        of = task.items.features
        items = replace(task.items, features=SideBySide(of.shards, of.kept, of.left_out, of.folder))
        rows += [scored(replace(task, items=items), vectors, seed) for seed in seeds]
    table = pd.concat(rows, ignore_index=True).rename(columns={"terms": "vectors"})
    return joined([table], "experiment", "predictor", "score", "vectors")
