"""Senses with whole documents held out, and what is right without a vector."""

from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dissect.corpora import SenseCorpus, SenseItem
from dissect.decomposition import subsets
from dissect.experiments import word_senses
from dissect.experiments.masked_words import FEWEST, clusters, masked_targets
from dissect.experiments.most_frequent import documents_majority, most_frequent
from dissect.experiments.probes import Judged, Split, Training
from dissect.experiments.word_senses import SenseTerms, overlap_table, sense_terms
from dissect.features.gathering import Features

QUICK = Training(epochs=1)
BASELINES = ["most frequent sense", "document's majority"]


def terms(lemmas, senses, documents, sentences=None) -> SenseTerms:
    """Items with random vectors, which know nothing of any sense."""
    generator = torch.Generator().manual_seed(0)
    shards = [torch.randn(4, len(lemmas), 8, generator=generator)]
    sentences = list(range(len(lemmas))) if sentences is None else sentences
    features = Features(shards, torch.arange(len(lemmas)), 0)
    return SenseTerms(features, list(lemmas), list(senses), sentences, list(documents))


def told_by_the_text(documents: int = 100, each: int = 12) -> SenseTerms:
    """In a document a lemma has one sense, whatever its context: the first in two of three documents."""
    rng = np.random.default_rng(1)
    own = rng.random((documents, 2)) < 2 / 3
    rows = [(("bank", "run")[n % 2], document) for document in range(documents) for n in range(each)]
    senses = [f"{lemma}%{1 if own[document, int(lemma == 'run')] else 2}" for lemma, document in rows]
    lemmas, of_items = zip(*rows, strict=True)
    return terms(lemmas, senses, of_items)


def in_parts(split: Split) -> list[list[int]]:
    return [part.tolist() for part in (split.train, split.dev, split.test)]


@given(
    st.lists(st.integers(0, 30), min_size=20, max_size=120).filter(lambda d: len(set(d)) >= 10),
    st.integers(-(2**63), 2**63 - 1),
)
@settings(deadline=None)
def test_a_document_stands_in_one_part_and_nothing_is_lost(documents, seed):
    items = terms(["bank"] * len(documents), ["bank%1"] * len(documents), documents)
    parts = in_parts(items.split_by_document(seed))
    of_parts = [{documents[n] for n in part} for part in parts]
    assert sorted(sum(parts, [])) == list(range(len(documents)))
    assert sum(map(len, of_parts)) == len(set(documents))
    many = len(set(documents))
    assert [len(of) for of in of_parts[:2]] == [int(0.8 * many), int(0.9 * many) - int(0.8 * many)]


def test_the_split_is_drawn_from_its_seed():
    items = told_by_the_text()
    for split in (items.split, items.split_by_document):
        assert in_parts(split(3)) == in_parts(split(3))
        assert len({str(in_parts(split(seed))) for seed in (-1, 0, 1, 2)}) == 4
    assert len({items.documents[n] for n in items.split(0).test.tolist()}) > 50


def test_where_the_text_tells_the_sense_only_the_split_by_item_lets_it_be_copied():
    """Vectors are noise; by item the document's majority is right, by document it knows no more."""
    items = told_by_the_text()
    scores = {
        name: word_senses.word_senses(items, [0], training=QUICK, split=split).scores
        for name, split in (("item", items.split(0)), ("document", items.split_by_document(0)))
    }
    of = {name: table.set_index(["predictor", "terms"])["accuracy"] for name, table in scores.items()}
    assert of["item"]["document's majority", ""] > 0.99
    assert of["item"]["most frequent sense", ""] < 0.8
    assert of["document"]["document's majority", ""] == of["document"]["most frequent sense", ""] < 0.8


@st.composite
def little_corpora(draw):
    many = draw(st.integers(1, 40))
    rows = [(draw(st.sampled_from("ab")), draw(st.sampled_from("xyz")), draw(st.integers(0, 4)))
            for _ in range(many)]  # fmt: skip
    part = [draw(st.sampled_from([0, 0, 1, 2])) for _ in range(many)]
    places = [torch.tensor([n for n in range(many) if part[n] == p], dtype=torch.long) for p in range(3)]
    lemmas, senses, documents = (list(column) for column in zip(*rows, strict=True))
    return lemmas, senses, documents, Split(*places)


@given(little_corpora())
@settings(deadline=None)
def test_baselines_count_as_one_would_by_hand(corpus):
    lemmas, senses, documents, split = corpus
    train = sorted(split.train.tolist())

    def vote(places):
        said = [senses[n] for n in places]
        return max(said, key=said.count, default="")  # of equals, max takes the first

    frequent, majority = [], []
    for n in split.test.tolist():
        own = [m for m in train if lemmas[m] == lemmas[n]]
        frequent.append(vote(own))
        majority.append(vote([m for m in own if documents[m] == documents[n]]) or vote(own))
    assert most_frequent(lemmas, senses, split) == frequent
    assert documents_majority(documents, lemmas, senses, split) == majority


@pytest.fixture
def found():
    items = told_by_the_text(40, 4)
    return word_senses.word_senses(items, [5, 6, 7], training=QUICK, split=items.split(0))


def test_what_leaves_nothing_to_chance_is_worked_out_once(found, monkeypatch):
    runs = found.scores.groupby("predictor", sort=False)["seed"].unique().map(list).to_dict()
    several = dict.fromkeys(("classifier", "permuted"), [5, 6, 7])
    assert runs == {"knn": [5], **several, **dict.fromkeys(BASELINES, [5])}
    assert len(found.scores) == 16 + 3 * 16 + 2 + 3 * 2
    asked = []
    near = word_senses.nearest_neighbours
    monkeypatch.setattr(word_senses, "nearest_neighbours", lambda *given: asked.append(1) or near(*given))
    items = told_by_the_text(40, 4)
    again = word_senses.word_senses(items, [1, 2, 3, 4], training=QUICK).scores
    assert len(asked) == 16
    knn = [one[one["predictor"] == "knn"].reset_index(drop=True) for one in (found.scores, again)]
    assert np.array_equal(knn[0]["accuracy"], knn[1]["accuracy"])


def test_without_a_vector_there_is_one_row_and_nothing_to_compare(found):
    for table in (found.scores, found.intervals):
        blind = table[table["predictor"].isin(BASELINES)]
        assert blind["terms"].tolist() == ["", ""] and blind["predictor"].tolist() == BASELINES
    assert set(found.pairs["predictor"]) == {"knn", "classifier", "permuted"}
    assert set(found.agreement["predictor"]) == {"knn", "classifier"}
    of = found.scores.set_index(["predictor", "terms"])["accuracy"]
    assert of["most frequent sense", ""] == of["knn", ""].item()
    means = found.intervals.set_index(["predictor", "terms"])["mean"]
    assert all(means[name, ""] == pytest.approx(of[name, ""]) for name in BASELINES)


def test_all_runs_of_an_experiment_have_the_split_that_was_given(monkeypatch):
    items, splits = told_by_the_text(40, 4), []

    def answer(probes, name, features, trainings, labels, split, seed, **_):
        splits.extend([(seed, split)] * len(trainings))
        return {subset: {"predicted": labels[split.test]} for subset in trainings}

    monkeypatch.setattr(word_senses, "trained", answer)
    split = items.split_by_document(9)
    scores = word_senses.word_senses(items, [0, 1], split=split).scores
    assert {seed for seed, _ in splits} == {0, 1} and len(splits) == 2 * (16 + 2)
    assert all(one is split for _, one in splits)
    assert set(scores[scores["predictor"] == "classifier"]["accuracy"]) == {1}


def test_hyper_parameters_are_chosen_on_the_split_that_is_given(monkeypatch):
    seen = []

    def probe(x, training, watch, split, **_):
        seen.append(split)
        watch(0, Judged(1.0, 1.0), Judged(1.0, 1.0))

    monkeypatch.setattr(word_senses, "sense_probe", probe)
    items = told_by_the_text(40, 4)
    split = items.split_by_document(2)
    items.choose(1, split), items.choose(1)
    assert seen[0] is split and in_parts(seen[-1]) == in_parts(items.split(0))


def test_clusters_are_documents_in_both_splits():
    items = told_by_the_text(40, 4)
    for split in (items.split(0), items.split_by_document(0)):
        said = [{"predicted": np.array(items.senses)[split.test.numpy()]}]
        counted = word_senses.counts(items, split, said)["accuracy"]
        assert counted.sentences.tolist() == [items.documents[n] for n in split.test.tolist()]


def test_what_test_items_share_with_training_items_is_counted():
    sentences = [0, 0, 1, 1, 2, 2, 3, 3]
    documents = [0, 0, 0, 0, 1, 1, 2, 2]
    items = terms("aabbabab", "xyxyxyxy", documents, sentences)
    split = Split(torch.tensor([0, 2, 4]), torch.tensor([6]), torch.tensor([1, 3, 5, 7]))
    table = overlap_table(items, {"some": split})
    # 1, 3 and 5 have their sentence in training, 1 and 3 their lemma in their document as well
    assert table.to_dict("records") == [
        {"split": "some", "items": 4, "same_sentence": 0.75, "same_document": 0.5}
    ]
    whole = told_by_the_text()
    apart = overlap_table(whole, {"by document": whole.split_by_document(0)})
    assert apart[["same_sentence", "same_document"]].eq(0).all(axis=None)


def test_items_keep_their_documents_and_without_one_are_their_sentences(minilm):
    """Also where a word without a word piece is left out, and sentences are not in order."""
    sentences = ["The bank .", "A \u200d bank .", "One bank .", "My bank .", "Our bank ."]
    bank = partial(SenseItem, lemma="bank", sense="bank%1")
    corpus = SenseCorpus(
        sentences,
        [bank(4, 4, 8, document="b"), bank(1, 2, 3, document="a"), bank(1, 4, 8, document="b"),
         bank(2, 4, 8), bank(3, 3, 7), bank(2, 0, 3), bank(0, 4, 8, document="a")],
        {},
    )  # fmt: skip
    items = sense_terms(minilm, corpus)
    assert items.sentences == [0, 1, 2, 2, 3, 4]
    named = pd.Series(items.documents).map(dict(zip(items.documents, items.sentences, strict=True)))
    assert named.tolist() == [0, 4, 2, 2, 3, 4]  # "a"; "b" twice; sentences 2 and 3, each by itself
    assert Counter(items.documents).most_common()[0][1] == 2


def test_subsets_are_all_there_for_those_who_see_vectors(found):
    for name in ("knn", "classifier"):
        assert set(found.scores[found.scores["predictor"] == name]["terms"]) == set(subsets())


def test_hidden_words_are_parted_by_document_where_there_are_enough(minilm):
    """A sentence a document is as before; a text in few documents is parted by sentence, in many by these."""
    sentences = [f"The crane saw boat number {n} and a heron on the river." for n in range(240)]
    many = [f"text {n // 2}" for n in range(240)]
    parted = masked_targets(minilm, sentences, 2, 0, documents=many)
    plain = masked_targets(minilm, sentences, 2, 0)
    assert parted.labels.tolist() == plain.labels.tolist()
    assert parted.source == [n // 2 for n in plain.source]
    for few in (["one"] * 240, [str(n % (FEWEST - 1)) for n in range(240)]):
        assert masked_targets(minilm, sentences, 2, 0, documents=few).source == plain.source
    own = masked_targets(minilm, sentences, 2, 0, documents=[str(n) for n in range(240)])
    assert own.source == plain.source
    split = parted.split(0)
    train, test = (set(np.array(parted.source)[part.numpy()]) for part in (split.train, split.test))
    assert test and not train & test
    assert clusters(["b"] * 3) == [] and clusters([*map(str, range(FEWEST)), "0"])[-1] == 0
