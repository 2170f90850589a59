"""Scores from counts against scikit-learn and seqeval, intervals and tests against what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score as entity_f1_score
from sklearn.metrics import f1_score

from dissect.experiments.named_entities import by_sentence, count_entities
from dissect.experiments.statistics import (
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


def drawn_with(below, equal, above):
    """Resampled scores of two predictors, whose differences have so many of each sign."""
    differences = np.repeat([-0.1, 0.0, 0.1], [below, equal, above])
    return np.stack([differences, np.zeros(len(differences))], axis=1)


@pytest.mark.parametrize(
    ("below", "equal", "above", "p"),
    [(30, 0, 970, 62 / 1001), (970, 0, 30, 62 / 1001), (20, 10, 970, 62 / 1001), (0, 0, 1000, 2 / 1001),
     (1000, 0, 0, 2 / 1001), (500, 0, 500, 1), (0, 1000, 0, 1)],
)  # fmt: skip
def test_p_is_twice_the_smaller_tail_ties_and_the_observed_one_included(below, equal, above, p):
    """By hand (Davison and Hinkley 1997, section 4.2): never zero, and the same from either side."""
    runs = [said(0, [0.6, 0.6])]
    found = pairs(["a", "b"], runs, share, drawn_with(below, equal, above))
    assert found["p"][0] == pytest.approx(p)


def test_intervals_leave_out_a_fortieth_on_either_side():
    runs = [said(0, [0.6, 0.6])]
    resampled = np.stack([np.arange(1001.0), np.zeros(1001)], axis=1)
    np.random.default_rng(0).shuffle(resampled)
    row = intervals(["a", "b"], runs, share, resampled).iloc[0]
    assert (row["low"], row["high"]) == (25, 975)
    row = pairs(["a", "b"], runs, share, resampled).iloc[0]
    assert (row["low"], row["high"]) == (25, 975)


def test_differences_are_the_first_less_the_second():
    runs = [said(0, [0.9, 0.3]), said(1, [0.7, 0.3])]
    row = pairs(["a", "b"], runs, share, replicates(runs, share, times=200)).iloc[0]
    a, b = np.mean([share(run.counts.sum(1)) for run in runs], axis=0)
    assert row["difference"] == pytest.approx(a - b) and 0 < row["low"] < a - b < row["high"]


def test_every_seed_counts_as_much_as_the_first():
    runs = [said(seed, [right]) for seed, right in enumerate([0.3, 0.5, 0.9])]
    alone = [replicates([run], share, times=120) for run in runs]
    assert replicates(runs, share, times=120) == pytest.approx(np.mean(alone, axis=0))
    row = intervals(["a"], runs, share, replicates(runs, share, times=120)).iloc[0]
    scores = [share(run.counts.sum(1))[0] for run in runs]
    assert (row["mean"], row["std"]) == (pytest.approx(np.mean(scores)), pytest.approx(np.std(scores)))
    assert row["low"] < row["mean"] < row["high"]


def test_a_sentence_has_the_same_weight_in_every_run_wherever_it_stands():
    """Each run has the last sentence, and others before it; only the last counts."""
    runs = []
    for others in ([], [3], [0, 5, 7]):
        where = np.array([*others, 9])
        runs.append(count(where, np.stack([where == 9, np.ones(len(where))], axis=-1)[None]))
    first, *rest = (replicates([run], lambda counts: counts[..., 0], times=70) for run in runs)
    assert first.std() > 0.5 and all(np.array_equal(first, other) for other in rest)


def test_resamples_are_as_many_as_asked_for_and_none_is_used_again():
    found = replicates([said(0, [0.6])], share, times=170)[:, 0]
    assert len(found) == 170 and len(set(found.tolist())) > 100
    assert not np.array_equal(found[:50], found[50:100])


def test_long_sentences_count_for_more():
    """Nine words right in one sentence, one wrong in another: nine of ten, and not one of two."""
    run = count([0] * 9 + [1], accuracy_counts(np.array([[1] * 9 + [0]])))
    assert intervals(["a"], [run], share, np.zeros((3, 1)))["mean"][0] == 0.9
