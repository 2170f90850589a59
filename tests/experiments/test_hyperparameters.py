"""The search for hyper-parameters: it finds, prunes, and goes on after an interruption."""

import math

import pytest

from dissect.experiments.hyperparameters import search
from dissect.experiments.probes import Training

DEFAULT = Training(learning_rate=2e-4)


def probe(training, watch):
    """A probe whose loss is lowest at a learning rate of 3e-3, and falls over epochs."""
    for epoch in range(4):
        watch(epoch, abs(math.log10(training.learning_rate / 3e-3)) + 1 / (epoch + 1))


def test_without_trials_the_recorded_ones_are_kept():
    training, table = search(probe, DEFAULT, 0)
    assert training == DEFAULT and table.empty


def test_it_finds_better_ones_and_prunes_bad_ones():
    training, table = search(probe, DEFAULT, 25)
    assert abs(math.log10(training.learning_rate / 3e-3)) < 0.3
    assert len(table) == 25 and table["learning_rate"][0] == DEFAULT.learning_rate
    assert {"complete", "pruned"} == set(table["state"])
    assert training.epochs == DEFAULT.epochs
    best = table[table["state"] == "complete"].nsmallest(1, "loss").iloc[0]
    assert best["learning_rate"] == training.learning_rate


def test_an_interrupted_search_goes_on_and_ends_as_an_uninterrupted_one(tmp_path):
    whole = search(probe, DEFAULT, 12, tmp_path / "whole")
    calls = []

    def interrupted(training, watch):
        calls.append(training)
        if len(calls) in (3, 8):
            if len(calls) == 3:
                watch(0, 5.0)  # too early to be pruned
            raise KeyboardInterrupt
        probe(training, watch)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            search(interrupted, DEFAULT, 12, tmp_path / "broken")
    training, table = search(interrupted, DEFAULT, 12, tmp_path / "broken")
    assert len(calls) == 14  # two were begun twice
    assert training == whole[0] and table.equals(whole[1])


def test_half_a_line_in_the_journal_is_dropped(tmp_path):
    """As a full disk leaves it."""
    _, table = search(probe, DEFAULT, 4, tmp_path)
    (journal,) = tmp_path.glob("trials-*.log")
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole.splitlines()[-1][:20])
    assert search(probe, DEFAULT, 4, tmp_path)[1].equals(table)
    longer = search(probe, DEFAULT, 6, tmp_path)  # what is written next does not go on in that line
    assert longer[1].equals(search(probe, DEFAULT, 6)[1])
    assert search(probe, DEFAULT, 6, tmp_path)[1].equals(longer[1])


def test_finished_trials_are_not_made_again_unless_something_changed(tmp_path):
    calls = []

    def counted(training, watch):
        calls.append(training)
        probe(training, watch)

    search(counted, DEFAULT, 3, tmp_path, terms="h")
    search(counted, DEFAULT, 3, tmp_path, terms="h")
    assert len(calls) == 3
    search(counted, DEFAULT, 5, tmp_path, terms="h")
    assert len(calls) == 5
    search(counted, DEFAULT, 3, tmp_path, terms="f")
    assert len(calls) == 8


def test_every_trial_proposes_something_else():
    _, table = search(probe, DEFAULT, 6)
    for name in ("learning_rate", "dropout", "weight_decay"):
        assert table[name].nunique() == 6
