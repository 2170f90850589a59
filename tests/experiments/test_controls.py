"""What a score is worth: random weights, control tasks, terms side by side."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from dissect import corpora
from dissect.experiments import controls, measures, named_entities, word_senses
from dissect.experiments.measured import joined, means
from dissect.experiments.pieces import in_order
from dissect.experiments.probes import Split
from dissect.features import Features
from dissect.models import random_weights
from dissect.tables.schema import conform

SENTENCES = [
    "A crane lifted the steel beam.", "She sat on the river bank, and wrote to her bank.", "Rain.",
    "The old crane stood in shallow water and waited for a small frog.",
]  # fmt: skip


def features(i=None, h=None, f=None, c=None):
    """Features whose terms are given; those that are not are zeros."""
    one = next(x for x in (i, h, f, c) if x is not None)
    terms = [torch.zeros_like(one) if x is None else x for x in (i, h, f, c)]
    return Features([torch.stack(terms)], torch.arange(len(one)), 0)


def one_hot(labels):
    names = sorted(set(labels))
    return torch.eye(len(names))[[names.index(label) for label in labels]]


# ---- measurements ----


def test_means_are_means_and_their_intervals_those_of_the_estimate():
    import pandas as pd

    values = np.random.default_rng(0).normal(size=(2, 300))
    of = pd.DataFrame({"layer": [3, 5]})
    found = joined([means(of, values, np.arange(300) // 3).assign(seed=0)], "layer")
    table = found.table()
    assert table["mean"].to_numpy() == pytest.approx(values.mean(1))
    half = (table["high"] - table["low"]) / 2
    # the groups are as large as one another or nearly, so this is the standard error of a mean
    assert half.to_numpy() == pytest.approx(2.02 * values.std(1) / np.sqrt(300), rel=0.35)
    assert found.keys == ["layer"]


# ---- importance ----


def test_pieces_are_in_the_order_of_importance(minilm):
    where, ids = in_order(minilm, SENTENCES)
    together = measures.importance(minilm, SENTENCES)
    for n, sentence in enumerate(SENTENCES):
        alone = measures.importance(minilm, [sentence])
        assert together[:, :, where == n] == pytest.approx(alone, abs=1e-5)
        own = minilm.tokenizer(sentence, add_special_tokens=False)["input_ids"]
        assert ids[where == n].tolist() == own


def test_importance_beside_random_weights_is_that_of_either_model(minilm):
    found = controls.importance(minilm, SENTENCES, [4, 7])
    mean = found.groups.groupby(["weights", "seed", "layer", "term"])["value"].mean()
    for weights, seed, model in (("trained", 0, minilm), ("random", 7, random_weights(minilm, 7))):
        values = measures.importance(model, SENTENCES).mean(-1)
        for layer, of_layer in enumerate(values):
            assert mean[weights, seed, layer][["i", "h", "f", "c"]].to_numpy() == pytest.approx(
                of_layer, abs=1e-5
            )
    conform("controls_importance_groups", found.groups)
    conform("controls_importance", found.table())
    assert set(found.groups["seed"][found.groups["weights"] == "random"]) == {4, 7}


# ---- control tasks ----


def senses(x, lemmas, labels, sentences=None):
    sentences = sentences or [n // 2 for n in range(len(lemmas))]
    items = word_senses.SenseTerms(features(h=x), lemmas, labels, sentences, sentences)

    def by_neighbours(items):
        return {"knn": controls.of_senses(items)["knn"]}

    return controls.Task("senses", word_senses.EXPERIMENT, by_neighbours, items, items.split(0))


def world(seed=0, items=600):
    rng = np.random.default_rng(seed)
    lemmas = [f"lemma{n}" for n in rng.integers(0, 3, items)]
    labels = [f"{lemma}%{n}" for lemma, n in zip(lemmas, rng.integers(0, 3, items), strict=True)]
    types = [f"word{n}" for n in rng.integers(0, 12, items)]
    return lemmas, labels, types


def of_kind(table, labels):
    return table[(table["labels"] == labels) & (table["terms"] == "h")]["value"].mean()


def test_who_has_the_senses_alone_is_selective():
    lemmas, labels, types = world()
    task = senses(one_hot(labels), lemmas, labels)
    found = controls.selectivity(task, types, controls.control_senses, [0, 1, 2], ["", "h"])
    assert of_kind(found, "task") == 1 and of_kind(found, "control") < 0.6
    assert of_kind(found, "difference") == pytest.approx(1 - of_kind(found, "control"))


def test_who_has_the_neighbouring_word_alone_is_the_opposite():
    lemmas, labels, types = world()
    task = senses(one_hot(types), lemmas, labels)
    found = controls.selectivity(task, types, controls.control_senses, [0, 1, 2], ["", "h"])
    assert of_kind(found, "control") > 0.97 and of_kind(found, "task") < 0.5
    assert of_kind(found, "difference") < -0.4


def test_a_control_sense_is_one_of_the_lemma_and_the_same_beside_the_same_word():
    lemmas, labels, types = world()
    task = senses(one_hot(labels), lemmas, labels)
    items = controls.control_senses(task, types, 0).items
    of_pair: dict = {}
    for lemma, word, sense in zip(lemmas, types, items.senses, strict=True):
        assert sense.startswith(f"{lemma}%")
        assert of_pair.setdefault((lemma, word), sense) == sense
    assert len({sense for (lemma, _), sense in of_pair.items() if lemma == "lemma0"}) > 1
    assert items.senses != controls.control_senses(task, types, 1).items.senses
    assert items.senses == controls.control_senses(task, types, 0).items.senses


def entities(x, words, tags):
    n = len(words)
    split = Split(torch.arange(0, n // 2), torch.arange(n // 2, 3 * n // 4), torch.arange(3 * n // 4, n))
    items = named_entities.WordTerms(features(f=x), tags, [k // 5 for k in range(n)], split)
    return controls.Task("entities", named_entities.EXPERIMENT, controls.of_entities, items, split)


def test_a_control_tag_is_one_a_word_type_and_as_frequent_as_the_tag():
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in rng.integers(0, 4000, 9000)]
    tags = rng.choice(["O", "B-PER", "B-LOC"], 9000, p=[0.8, 0.15, 0.05]).tolist()
    task = entities(torch.zeros(9000, 2), words, tags)
    drawn = controls.control_entities(task, words, 3).items.tags
    of_type: dict = {}
    for word, tag in zip(words, drawn, strict=True):
        assert of_type.setdefault(word, tag) == tag
    share = {tag: n / len(of_type) for tag, n in Counter(of_type.values()).items()}
    assert share == pytest.approx({"O": 0.8, "B-PER": 0.15, "B-LOC": 0.05}, abs=0.02)


def test_a_probe_that_knows_word_types_learns_the_control():
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in rng.integers(0, 8, 800)]
    tags = rng.choice(["O", "B-PER"], 800).tolist()
    task = entities(one_hot(words), words, tags)
    found = controls.selectivity(task, words, controls.control_entities, [0, 1], ["", "f"])
    of_f = found[found["terms"] == "f"].groupby("labels")["value"].mean()
    assert (
        of_f["control"] == 1 and of_f["difference"] == pytest.approx(of_f["task"] - 1) and of_f["task"] < 0.65
    )
    keys = ["experiment", "predictor", "terms", "labels"]
    conform("controls_selectivity_groups", joined([found], *keys).groups)


def test_words_beside_items_and_words_of_entities_are_those_of_the_corpus(minilm):
    corpus = corpora.senses("teaching", 12)
    items = word_senses.sense_terms(minilm, corpus)
    kept = [corpus.items[n] for n in items.features.kept.tolist()]
    for item, word in zip(kept, controls.words_before(corpus, items), strict=True):
        before = corpus.sentences[item.sentence][: item.start].lower()
        plain = "".join(letter if letter.isalnum() else " " for letter in before)
        assert ("", *plain.split())[-1] == word
    parts = corpora.entities("teaching", 20)
    words = named_entities.tagged_terms(minilm, parts)
    said = controls.forms(parts, words)
    tags = {}
    for sentence in (s for part in parts.values() for s in part):
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            tags.setdefault(word, set()).add(tag)
    assert len(said) == len(words.tags)
    assert all(tag in tags[word] for word, tag in zip(said, words.tags, strict=True))


# ---- terms side by side ----


def test_terms_side_by_side_keep_what_their_sum_loses():
    """Where h is the opposite of i, the sum is nothing, and side by side both are there."""
    lemmas, labels, _ = world()
    x = one_hot(labels)
    task = senses(x, lemmas, labels)
    task = replace(task, items=replace(task.items, features=features(i=-x, h=x)))
    found = controls.side_by_side([task], [0], ["h", "i+h", "i+h;i+h", "i;h"])
    mean = found.groups.groupby("vectors")["value"].mean()
    assert mean["h"] == mean["i;h"] == 1 and mean["i+h"] == mean["i+h;i+h"] < 0.6


def test_side_by_side_is_as_wide_as_both():
    x = torch.randn(5, 3)
    of = controls.SideBySide([torch.stack([x, 2 * x, 0 * x, x])], torch.arange(5), 0)
    assert torch.equal(of.subset("i;h"), torch.cat([x, 2 * x], 1))
    assert torch.equal(of.subset("i+h;i+h"), torch.cat([3 * x, 3 * x], 1))
    assert torch.equal(of.subset("i+h"), 3 * x)


# ---- all tasks, on a model ----


@pytest.mark.slow
def test_scores_beside_random_weights_have_both_and_all_subsets(minilm):
    text = corpora.text("teaching", 60)
    makers = [lambda one, folder: controls.masked_task(one, text, 2, folder)]
    measured = controls.scores(minilm, makers, [0, 1], ["", "h"])
    found = conform("controls_scores_groups", measured.groups)
    assert set(found["weights"]) == {"trained", "random"} and set(found["terms"]) == {"", "h"}
    assert len(conform("controls_scores", measured.table())) == 2 * 2 * 3
    base = found[found["terms"] == ""].groupby(["weights", "seed", "score"])["value"].mean().unstack()
    # without vectors, weights have no say
    assert base.loc["trained"].to_numpy() == pytest.approx(base.loc["random"].to_numpy(), abs=1e-6)
