"""Masked words by what the model read at the target: counted again, literally, in a world that copies."""

from functools import partial

import numpy as np
import pytest
import torch

from dissect.decomposition import subsets
from dissect.experiments import masked_words
from dissect.experiments.masking import STOOD
from dissect.experiments.probes import Training
from dissect.features.gathering import Features
from dissect.report import answers, readings

ITEMS, TYPES = 400, 8
ONE_HOT = torch.eye(TYPES)


def world(copies: bool) -> masked_words.MaskedTargets:
    """Targets whose i is the piece that the model read, and whose h is the right one, or noise.

    Args:
        copies: h is noise where the mask stands: what is not read cannot be known.
    """
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, TYPES, ITEMS))
    stood = rng.choice(STOOD, ITEMS, p=[0.8, 0.1, 0.1])
    read = labels.clone()
    read[stood == "another piece"] = (labels[stood == "another piece"] + 1) % TYPES
    masked = torch.from_numpy(stood == "mask")
    terms = torch.zeros(4, ITEMS, TYPES)
    terms[0] = ONE_HOT[read] * ~masked[:, None]
    if not copies:
        terms[1] = 3 * ONE_HOT[labels]
    features = Features([terms], torch.arange(ITEMS), 0)
    return masked_words.MaskedTargets(features, labels, [n // 2 for n in range(ITEMS)], stood.tolist())


class Reader(torch.nn.Module):
    """A head that says what is written largest in the vector, and the second piece where there is nothing."""

    kind = "pretrained"

    def forward(self, x):
        return x + 1e-3 * ONE_HOT[1]


def found(copies: bool):
    quick = Training(epochs=3, learning_rate=0.05, dropout=0.0)
    return masked_words.masked_words(world(copies), [0, 1], Reader(), quick)


@pytest.mark.parametrize("copies", [True, False])
def test_accuracy_by_what_stood_is_what_counting_gives(copies):
    targets, results = world(copies), found(copies)
    table = results.more["stood"]
    assert list(table.columns) == ["predictor", "terms", "seed", "stood", "accuracy", "targets"]
    test = targets.split(0).test.tolist()
    of_head = table[table["predictor"] == "pretrained"].set_index(["terms", "stood"])
    assert len(of_head) == 16 * 3 and set(of_head["seed"]) == {0}
    for subset in ("", "i", "i+h+f+c"):
        x = Reader()(targets.features.subset(subset))
        for stood in STOOD:
            places = [n for n in test if targets.stood[n] == stood]
            right = [bool(x[n].argmax() == targets.labels[n]) for n in places]
            assert of_head.loc[(subset, stood), "accuracy"] == pytest.approx(np.mean(right))
            assert of_head.loc[(subset, stood), "targets"] == len(places)
    scores = results.scores.set_index(["predictor", "terms", "seed"])["accuracy"]
    for keys, part in table.groupby(["predictor", "terms", "seed"]):
        assert np.average(part["accuracy"], weights=part["targets"]) == pytest.approx(scores[keys])


@pytest.mark.parametrize("copies", [True, False])
def test_accuracy_on_masked_targets_is_a_score_of_its_own_in_the_long_tables(copies):
    results = found(copies)
    assert list(results.scores.columns) == ["predictor", "terms", "seed", "accuracy", "cross_entropy"]
    table = results.more["stood"].query("stood == 'mask'").groupby(["predictor", "terms"])["accuracy"].mean()
    rows = results.intervals.query("score == 'accuracy_masked'").set_index(["predictor", "terms"])
    assert len(rows) == 16 + 16 + 2
    for keys, row in rows.iterrows():
        assert row["mean"] == pytest.approx(table[keys]) and row["low"] <= row["mean"] <= row["high"]
    pairs = results.pairs.query("score == 'accuracy_masked' and predictor == 'learned'")
    assert len(pairs) == 16 * 15 / 2


def test_a_head_that_copies_does_not_guess_and_one_that_knows_does():
    """Both are right far more often than the baseline over all targets."""
    for copies in (True, False):
        results = found(copies)
        overall = readings.means(results.scores, "pretrained", "accuracy")["i+h+f+c"]
        baseline = readings.means(results.scores, "learned", "accuracy")[""]
        stood = results.more["stood"]
        assert overall > baseline
        assert readings.head_guesses(stood, "pretrained") == (not copies)
        assert ("does no better" in answers.head_note(stood)) == copies
    assert answers.head_note(stood[stood["predictor"] == "learned"]) == ""


def test_a_head_that_is_better_by_chance_does_not_guess():
    """One target more of fifty is none; ten are."""
    table = found(copies=True).more["stood"].copy()
    masked = table["stood"] == "mask"
    table.loc[masked, "targets"] = 50
    for share, guesses in ((0.14, False), (0.32, True)):
        table.loc[masked & (table["predictor"] == "learned"), "accuracy"] = 0.12
        table.loc[masked & (table["predictor"] == "pretrained"), "accuracy"] = share
        assert readings.head_guesses(table, "pretrained") == guesses


def test_the_chapter_shows_each_kind_of_target_with_their_number():
    results = found(copies=False)
    shown = answers.by_what_stood(results.more["stood"])
    assert len(shown) == 2 * 5 and not any("permuted" in row for row in shown.index)
    counts = {kind: world(False).stood.count(kind) for kind in STOOD}
    assert [column.split(" (")[0] for column in shown.columns] == list(STOOD)
    assert sum(int(column.split("(")[1].split()[0]) for column in shown.columns) <= sum(counts.values())
    assert shown.loc[f"{readings.called('pretrained')}: i+h+f+c", shown.columns[0]] == "100%"


def test_targets_that_nothing_is_told_of_are_masked_ones():
    targets = world(True)
    plain = masked_words.MaskedTargets(targets.features, targets.labels, targets.source)
    assert plain.read_as("mask", torch.arange(5)).all()
    assert not plain.read_as("another piece", torch.arange(5)).any()


def test_each_subset_is_trained_as_it_was_chosen(monkeypatch):
    asked = []

    def heads(xs, labels, split, trainings, seed):
        asked.extend(training.learning_rate for training in trainings)
        return [{"predicted": labels[split.test], "log_chance": torch.zeros(len(split.test))} for _ in xs]

    monkeypatch.setattr(masked_words, "masked_heads", heads)
    chosen = {name: Training(learning_rate=1e-3 * (n + 1)) for n, name in enumerate(subsets())}
    targets = world(True)
    answer = partial(masked_words.learned, targets, split=targets.split(0), training=chosen, seed=0)
    assert list(answer(subsets())) == subsets()
    assert asked == [chosen[name].learning_rate for name in subsets()]
