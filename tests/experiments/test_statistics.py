"""Scores from counts against scikit-learn and seqeval."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score as entity_f1_score
from sklearn.metrics import f1_score

from dissect.experiments.named_entities import by_sentence, count_entities
from dissect.experiments.statistics import (
    count,
    macro_f1,
    tag_counts,
)


@settings(max_examples=50, deadline=None)
@given(items=st.integers(1, 60), classes=st.integers(2, 5), seed=st.integers(0, 1000))
def test_macro_f1_of_counts_is_scikit_learns(items, classes, seed):
    rng = np.random.default_rng(seed)
    truth, answers = rng.integers(classes, size=items), rng.integers(classes, size=(2, items))
    counted = count(rng.integers(4, size=items), tag_counts(answers, truth, classes))
    for n, found in enumerate(macro_f1(counted.counts.sum(1))):
        assert found == pytest.approx(f1_score(truth, answers[n], average="macro"))


@settings(max_examples=50, deadline=None)
@given(items=st.integers(1, 40), seed=st.integers(0, 1000))
def test_entity_f1_of_counts_is_seqevals(items, seed):
    rng = np.random.default_rng(seed)
    names = ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]
    truth, answers = rng.integers(5, size=items), rng.integers(5, size=(1, items))
    truth[0] = 0  # seqeval has no F1 where there is no entity
    where = np.sort(rng.integers(5, size=items)).tolist()
    tags = [by_sentence([names[n] for n in row], where) for row in (truth, answers[0])]
    counted = count_entities(where, answers, truth, names)
    assert macro_f1(counted.counts.sum(1))[0] == pytest.approx(entity_f1_score(*tags))


def test_counts_add_up_over_sentences():
    counted = count([7, 2, 7], np.array([[[1, 1], [0, 1], [1, 1]]]))
    assert counted.sentences.tolist() == [2, 7]
    assert counted.counts.tolist() == [[[0, 1], [2, 2]]]
