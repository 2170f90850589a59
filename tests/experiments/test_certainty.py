"""Intervals against their promise, mean squares by hand and a plain t test; kappa against scikit-learn."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp
from sklearn.metrics import cohen_kappa_score

from dissect.experiments import consistency, measured
from dissect.experiments.certainty import (
    GROUPS,
    Estimate,
    about,
    arrays,
    compared,
    estimate,
    grouped,
    parted,
    pseudovalues,
    resampled,
)
from dissect.experiments.statistics import accuracy_counts, count, macro_f1, share, tag_counts
from dissect.tables.schema import conform


def crossed(rng, seeds, groups, of_seed, of_group, of_both):
    """Numbers around 0 with these standard deviations."""
    return (
        of_seed * rng.standard_normal((seeds, 1))
        + of_group * rng.standard_normal((1, groups))
        + of_both * rng.standard_normal((seeds, groups))
    )


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("spread", [(0, 1, 1), (0.2, 1, 1), (1, 1, 1), (1, 0.1, 0.1)])
def test_intervals_hold_the_truth_as_often_as_they_say(seeds, spread):
    """Between 93 and 97 % at the sizes used, give or take what 2,000 trials leave open."""
    rng = np.random.default_rng(0)
    found = [estimate(crossed(rng, seeds, GROUPS, *spread)).interval() for _ in range(2000)]
    assert 0.93 <= np.mean([low <= 0 <= high for low, high in found]) <= 0.97


def test_intervals_err_on_the_safe_side_where_neither_seeds_nor_groups_differ():
    rng = np.random.default_rng(0)
    found = [estimate(crossed(rng, 5, GROUPS, 0, 0, 1)).interval() for _ in range(2000)]
    assert 0.95 <= np.mean([low <= 0 <= high for low, high in found]) <= 0.99


def test_intervals_of_f1_hold_the_truth():
    """Tags of sentences that are hard for all seeds, or easy; the truth is F1 of a corpus without end."""
    rng = np.random.default_rng(0)

    def corpus(seeds, sentences):
        easy = np.repeat(rng.random(sentences) < 0.6, 8)
        truth = rng.choice(3, p=[0.8, 0.15, 0.05], size=8 * sentences)
        right = rng.random((seeds, 1)) * 0.1 + np.where(easy, 0.85, 0.5)
        answers = np.where(rng.random((seeds, len(truth))) < right, truth, rng.integers(3, size=len(truth)))
        return count(np.repeat(np.arange(sentences), 8), tag_counts(answers, truth, 3))

    true = np.mean(macro_f1(corpus(300, 3000).counts.sum(1)))
    held = []
    for _ in range(300):
        counted = corpus(5, 200)
        low, high = estimate(pseudovalues(macro_f1, counted, parted(counted.sentences))).interval()
        held.append(low <= true <= high)
    assert 0.92 <= np.mean(held) <= 0.98


@pytest.mark.parametrize("spread", [(1, 1, 1), (2, 0.5, 1), (0.6, 3, 1)])
def test_the_error_is_that_of_a_mixed_model(spread):
    """By hand, from expected mean squares of a balanced table, one cell at a time."""
    rng = np.random.default_rng(3)
    table = crossed(rng, 6, 30, *spread)
    rows, columns = table.shape
    mean = sum(table.ravel()) / table.size
    of_rows = sum(columns * (row.mean() - mean) ** 2 for row in table) / (rows - 1)
    of_columns = sum(rows * (column.mean() - mean) ** 2 for column in table.T) / (columns - 1)
    left = sum(
        (table[r, c] - table[r].mean() - table[:, c].mean() + mean) ** 2
        for r, c in itertools.product(range(rows), range(columns))
    ) / ((rows - 1) * (columns - 1))
    rest = left
    seeds, groups = (of_rows - rest) / columns, (of_columns - rest) / rows
    assert min(seeds, groups) > 0
    variance = seeds / rows + groups / columns + rest / table.size
    assert estimate(table).error == pytest.approx(variance**0.5)


def test_what_is_not_drawn_is_tested_by_a_plain_t_test():
    values = np.random.default_rng(0).normal(0.3, 1, 25)
    found, theirs = estimate(values[None]), ttest_1samp(values, 0)
    assert (found.value, found.p()) == (pytest.approx(values.mean()), pytest.approx(theirs.pvalue))
    assert found.interval() == pytest.approx(tuple(theirs.confidence_interval()))
    assert estimate(np.repeat(values[None], 5, axis=0)).p() == pytest.approx(theirs.pvalue)


def test_where_only_seeds_differ_they_alone_count():
    values = np.random.default_rng(0).normal(0.3, 1, 5)
    table = np.repeat(values[:, None], 30, axis=1)
    assert estimate(table).p() == pytest.approx(ttest_1samp(values, 0).pvalue)


def test_what_is_always_the_same_has_no_error():
    assert estimate(np.full((5, 30), 0.25)) == Estimate(0.25, 0.0, 29)
    assert estimate(np.zeros((5, 30))).p() == 1 and estimate(np.full((5, 30), 0.25)).p() == 0


def test_one_group_says_nothing_of_others():
    found = estimate(np.full((5, 1), 0.25))
    assert found.value == 0.25 and all(np.isnan([found.error, found.p(), *found.interval()]))


def test_a_difference_that_could_be_seen_is_decided_four_times_in_five():
    rng = np.random.default_rng(0)
    seen = np.mean([estimate(crossed(rng, 5, GROUPS, 0.1, 1, 1)).seen() for _ in range(500)])
    decided = [estimate(seen + crossed(rng, 5, GROUPS, 0.1, 1, 1)).p() < 0.05 for _ in range(1000)]
    assert np.mean(decided) == pytest.approx(0.8, abs=0.05)


@settings(max_examples=50, deadline=None)
@given(clusters=st.lists(st.integers(0, 500), min_size=2, max_size=200), groups=st.integers(2, 60))
def test_clusters_are_dealt_out_evenly_and_never_parted(clusters, groups):
    group_of = parted(np.array(clusters), groups)
    sizes = np.bincount(list(group_of.values()))
    assert set(group_of) == set(clusters) and sizes.max() - sizes.min() <= 1
    assert len(sizes) == min(groups, len(group_of))


@settings(max_examples=50, deadline=None)
@given(sentences=st.integers(3, 30), classes=st.integers(2, 4), seed=st.integers(0, 1000))
def test_pseudovalues_are_of_scores_with_a_group_left_out(sentences, classes, seed):
    rng = np.random.default_rng(seed)
    where = np.repeat(np.arange(sentences), 4)
    truth, answers = rng.integers(classes, size=len(where)), rng.integers(classes, size=(2, len(where)))
    items = tag_counts(answers, truth, classes)
    group_of = parted(where, 7)
    found = pseudovalues(macro_f1, count(where, items), group_of)
    whole = macro_f1(items.sum(1))
    assert found.mean(1) == pytest.approx(whole)
    group = np.array([group_of[n] for n in where])
    without = np.stack([macro_f1(items[:, group != n].sum(1)) for n in range(group.max() + 1)], axis=1)
    assert found - found.mean(1, keepdims=True) == pytest.approx(
        (without.shape[1] - 1) * (without.mean(1, keepdims=True) - without)
    )


def test_long_sentences_count_for_more():
    """Nine words right in one sentence, one wrong in another: nine of ten, and not one of two."""
    run = count([0] * 9 + [1], accuracy_counts(np.array([[1] * 9 + [0]])))
    assert pseudovalues(share, run, {0: 0, 1: 1}).mean() == pytest.approx(0.9)


def table_of(scores):
    """The table of pseudo-values of {subset: (seeds, groups)}."""
    seeds = len(next(iter(scores.values())))
    parts = [
        grouped(list(scores), np.stack([of[seed] for of in scores.values()]), predictor="knn",
                score="accuracy", seed=seed)
        for seed in range(seeds)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_tables_compare_every_pair_on_the_same_seeds_and_groups():
    rng = np.random.default_rng(0)
    hard = crossed(rng, 5, 30, 0.1, 1, 0.1)
    scores = {"h": 0.5 + hard, "f": 0.4 + hard + crossed(rng, 5, 30, 0, 0.01, 0.01), "": np.zeros((5, 30))}
    sure, both = compared(table_of(scores))
    assert list(sure["terms"]) == ["h", "f", ""] and set(sure["predictor"]) == {"knn"}
    assert sure.loc[0, "mean"] == pytest.approx(scores["h"].mean())
    assert sure.loc[0, "std"] == pytest.approx(scores["h"].mean(1).std())
    assert both[["terms_a", "terms_b"]].to_numpy().tolist() == [["h", "f"], ["h", ""], ["f", ""]]
    difference = estimate(scores["h"] - scores["f"])
    assert both.loc[0, "difference"] == pytest.approx(difference.value)
    assert both.loc[0, ["low", "high"]].tolist() == pytest.approx(difference.interval())
    assert both.loc[0, "low"] > 0 and sure.loc[0, "low"] < sure.loc[1, "mean"]  # told apart by pairing alone


def test_a_predictor_with_one_subset_has_no_pair_and_leaves_the_others_theirs():
    rng = np.random.default_rng(0)
    blind = table_of({"": rng.random((1, 8))}).assign(predictor="most frequent sense")
    _, pairs = compared(pd.concat([blind, table_of({"h": rng.random((1, 8)), "f": rng.random((1, 8))})]))
    assert pairs["predictor"].tolist() == ["knn"] and pairs["difference"].dtype == float
    assert compared(blind)[1].empty


def test_arrays_are_what_went_into_a_table():
    scores = {"h": np.random.default_rng(0).random((3, 12)), "f": np.zeros((3, 12))}
    found = arrays(table_of(scores).sample(frac=1, random_state=0), "predictor", "terms")
    assert np.array_equal(found["knn", "h"], scores["h"]) and np.array_equal(found["knn", "f"], scores["f"])


def test_drawn_means_spread_as_the_error_says():
    table = crossed(np.random.default_rng(1), 10, GROUPS, 0.5, 1, 1)
    drawn = resampled(table[None], 4000, np.random.default_rng(0))[:, 0]
    assert drawn.mean() == pytest.approx(table.mean(), abs=0.02)
    assert drawn.std() == pytest.approx(estimate(table).error, rel=0.15)


@settings(max_examples=50, deadline=None)
@given(items=st.integers(6, 60), seed=st.integers(0, 1000))
def test_kappa_is_scikit_learns(items, seed):
    right = np.random.default_rng(seed).random((3, items)) < 0.6
    right[:, :2] = [True, False]  # scikit-learn has no kappa of predictors that are always right
    found = consistency.kappa(right.astype(float) @ right.T, right.sum(1), np.array(items))
    for a, b in itertools.combinations(range(3), 2):
        assert found[a, b] == pytest.approx(cohen_kappa_score(right[a], right[b]))


def test_weak_predictors_that_know_nothing_of_one_another_agree_as_little_as_strong_ones():
    """Their answers agree less, which is what made "agree least" true of any three weak ones."""
    rng = np.random.default_rng(0)
    right = rng.random((6, 20_000)) < np.array([0.9, 0.9, 0.9, 0.5, 0.5, 0.5])[:, None]
    mean = consistency.with_others(right, np.arange(20_000) % 30).mean(1)
    assert abs(mean).max() < 0.02


def test_predictors_that_are_right_on_other_items_are_consistent_with_none():
    rng = np.random.default_rng(0)
    easy = rng.random(5000) < 0.6
    right = np.stack([easy ^ (rng.random(5000) < 0.1) for _ in range(4)] + [rng.random(5000) < 0.6])
    found = consistency.with_others(right, np.arange(5000) % 30)
    assert found.shape == (5, 30) and found.mean(1).argmin() == 4
    assert estimate((found[0] - found[4])[None]).p() < 1e-6


def test_who_is_always_right_is_consistent_with_nobody():
    right = np.ones((2, 40), bool)
    right[1, :10] = False
    assert np.array_equal(consistency.with_others(right, np.arange(40) % 4), np.zeros((2, 4)))


def test_pseudovalues_about_a_statistic_have_it_as_their_mean():
    found = about(np.array([2.0]), np.array([[1.0, 2.0, 6.0]]))
    assert found.tolist() == [[6.0, 4.0, -4.0]] and found.mean() == 2


def test_a_predictor_of_one_subset_has_no_pairs_and_leaves_those_of_others_numbers():
    """As the most frequent sense is, which sees no vector."""
    pseudo = np.random.default_rng(0).normal(size=(2, 5))
    rows = [
        grouped(names, np.stack([pseudo[seed] + n for n in range(len(names))]),
                          predictor=name, score="accuracy", seed=seed)
        for name, names in (("alone", [""]), ("knn", ["i", "h"])) for seed in (0, 1)
    ]  # fmt: skip
    _, pairs = compared(pd.concat(rows, ignore_index=True))
    assert pairs["predictor"].tolist() == ["knn"]
    conform("senses_pairs", pairs)


@given(st.integers(1, 90), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_means_of_groups_are_found_again_in_the_pseudo_values_of_the_mean(sentences, seed):
    """Of sentences of one to nine items: as many groups as there are, and at most `GROUPS`."""
    rng = np.random.default_rng(seed)
    where = rng.permutation(np.repeat(np.arange(sentences), rng.integers(1, 10, sentences)))
    values = rng.standard_normal((2, len(where)))
    table = measured.means(pd.DataFrame({"row": [0, 1]}), values, where)
    group_of = parted(where)
    group = np.array([group_of[int(one)] for one in where])
    pseudo = table.pivot(index="row", columns="group", values="value").to_numpy()
    found = measured.of_groups(pseudo, np.bincount(group))
    direct = [[row[group == one].mean() for one in range(found.shape[1])] for row in values]
    assert np.allclose(found, direct, atol=1e-9)
