"""Scores from counts against scikit-learn and seqeval, intervals and tests against what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score as entity_f1_score
from sklearn.metrics import f1_score

from dissect.named_entities import by_sentence, count_entities
from dissect.statistics import (
    accuracy_counts,
    compared,
    count,
    intervals,
    macro_f1,
    pairs,
    replicates,
    share,
    tag_counts,
)


def said(seed, right, sentences=400, each=3):
    """Answers of predictors that are right with these chances; hard sentences are hard for all."""
    rng = np.random.default_rng(seed)
    where = np.repeat(np.arange(sentences), each)
    hard = np.repeat(rng.random(sentences) < 0.3, each)
    answers = [rng.random(len(where)) < np.where(hard, chance - 0.3, chance + 0.1) for chance in right]
    return count(where, accuracy_counts(np.stack(answers)))


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


def test_resampled_scores_spread_as_a_literal_bootstrap_does():
    """Against drawing sentences one by one with replacement."""
    run = said(0, [0.6])
    rng = np.random.default_rng(1)
    literal = []
    for _ in range(1000):
        drawn = rng.integers(len(run.sentences), size=len(run.sentences))
        literal.append(share(run.counts[:, drawn].sum(1))[0])
    ours = replicates([run], share)[:, 0]
    assert ours.mean() == pytest.approx(np.mean(literal), abs=0.003)
    assert ours.std() == pytest.approx(np.std(literal), rel=0.1)


def test_intervals_hold_the_true_score_about_as_often_as_they_say():
    covered = []
    for seed in range(60):
        runs = [said(seed, [0.6], sentences=150)]
        row = intervals(["x"], runs, share, replicates(runs, share, times=300)).iloc[0]
        covered.append(row["low"] <= 0.3 * 0.3 + 0.7 * 0.7 <= row["high"])
    assert 0.85 <= np.mean(covered) <= 1


def test_equal_predictors_are_seldom_told_apart_and_different_ones_are():
    p_same, p_other = [], []
    for seed in range(60):
        runs = [said(seed, [0.6, 0.6, 0.7])]
        table = pairs(["a", "b", "c"], runs, share, replicates(runs, share, times=300))
        by_pair = table.set_index(["terms_a", "terms_b"])["p"]
        p_same.append(by_pair["a", "b"])
        p_other.append(by_pair["a", "c"])
    assert np.mean(np.array(p_same) < 0.05) < 0.15
    assert np.mean(np.array(p_other) < 0.05) > 0.85


def test_the_same_sentences_serve_all_subsets_and_seeds_are_averaged():
    runs = [said(0, [0.6, 0.6]), said(1, [0.6, 0.6])]
    runs[0].counts[1] = runs[0].counts[0]
    runs[1].counts[1] = runs[1].counts[0]
    tables = compared("knn", "accuracy", ["a", "b"], runs, share)
    sure, both = tables
    assert both.loc[0, ["difference", "low", "high", "p"]].tolist() == [0, 0, 0, 1]
    assert sure["mean"][0] == pytest.approx(np.mean([share(run.counts.sum(1))[0] for run in runs]))
    assert (sure["low"] < sure["mean"]).all() and (sure["mean"] < sure["high"]).all()
    assert set(sure.columns[:2]) == {"predictor", "score"}
