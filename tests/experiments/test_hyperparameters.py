"""The search for hyper-parameters: it finds, prunes, and goes on after an interruption."""

import math

import pytest
import torch

from dissect import reuse
from dissect.decomposition import subsets
from dissect.experiments import masked_words, named_entities, word_senses
from dissect.experiments.hyperparameters import choose, search, search_each, trainings_for
from dissect.experiments.probes import Judged, Split, Training, vectors_of
from dissect.features.gathering import Features

DEFAULT = Training(learning_rate=2e-4)


def probe(training, watch):
    """A probe whose loss is lowest at a learning rate of 3e-3, and falls over epochs."""
    for epoch in range(4):
        told(watch, epoch, abs(math.log10(training.learning_rate / 3e-3)) + 1 / (epoch + 1))


def told(watch, epoch, loss):
    """An epoch that is the best so far, and is judged by its loss."""
    watch(epoch, Judged(-loss, loss), Judged(-loss, loss))


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
    assert (table["score"] == -table["loss"]).all()


def test_an_interrupted_search_goes_on_and_ends_as_an_uninterrupted_one(tmp_path):
    whole = search(probe, DEFAULT, 12, tmp_path / "whole")
    calls = []

    def interrupted(training, watch):
        calls.append(training)
        if len(calls) in (3, 8):
            if len(calls) == 3:
                told(watch, 0, 5.0)  # too early to be pruned
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


# ---- for each subset ----

SPLIT = Split(*torch.arange(40).split([24, 8, 8]))


def features(folder=None) -> Features:
    generator = torch.Generator().manual_seed(0)
    return Features([torch.randn(4, 40, 6, generator=generator)], torch.arange(40), 0, folder)


def searched(trials, folder=None, calls=None):
    """A search whose best rate depends on the subset: where h is among it, a large one."""
    of = features(folder)
    with_h = {name: vectors_of(of, name, SPLIT.train) for name in subsets()[1:]}

    def of_vectors(x, training, watch):
        (name,) = [name for name, vectors in with_h.items() if torch.equal(vectors, x)]
        if calls is not None:
            calls.append(name)
        loss = abs(math.log10(training.learning_rate / (1e-2 if "h" in name else 2e-4)))
        told(watch, 0, loss)

    labels = torch.zeros(40, dtype=torch.long)
    return search_each(of_vectors, "some", of, labels, SPLIT, DEFAULT, trials)


def test_each_subset_is_searched_with_its_own_vectors_and_keeps_its_own_best():
    chosen, table = searched(12)
    assert list(chosen) == subsets() and chosen[""] == DEFAULT
    assert table.groupby("terms", sort=False).size().to_dict() == dict.fromkeys(subsets()[1:], 12)
    assert list(table.columns[:4]) == ["terms", "trial", "state", "score"]
    for name in subsets()[1:]:
        assert (chosen[name].learning_rate > 2e-3) == ("h" in name)
        own = table[(table["terms"] == name) & (table["state"] == "complete")]
        assert chosen[name].learning_rate == own.loc[own["score"].idxmax(), "learning_rate"]
        assert trainings_for([name], chosen) == {name: chosen[name]}
        assert trainings_for([name], DEFAULT) == {name: DEFAULT}


def test_a_search_over_subsets_goes_on_where_it_was(tmp_path):
    calls: list[str] = []
    whole = searched(2, tmp_path, calls)
    assert len(calls) == 30
    again = searched(2, tmp_path, calls)
    assert len(calls) == 30 and again[0] == whole[0] and again[1].equals(whole[1])
    searched(3, tmp_path, calls)
    assert calls[30:] == subsets()[1:]


def test_every_experiment_searches_all_subsets_or_none():
    of, names = features(), [f"bank%{n % 2}" for n in range(40)]
    quick = Training(epochs=1)
    items = {
        word_senses: word_senses.SenseTerms(of, ["bank"] * 40, names, *[list(range(40))] * 2),
        masked_words: masked_words.MaskedTargets(of, torch.arange(40) % 5, list(range(40))),
        named_entities: named_entities.WordTerms(of, ["O", "B-PER"] * 20, list(range(40)), SPLIT),
    }
    for module, one in items.items():
        chosen, table = choose(one, 0)
        assert chosen == dict.fromkeys(subsets(), module.TRAINING) and table.empty
        chosen, table = module.choose(one, 2, default=quick)
        assert table.groupby("terms").size().eq(2).all() and table["terms"].nunique() == 15
        assert {training.epochs for training in chosen.values()} == {1}


def test_trials_tell_how_many_epochs_they_took(tmp_path):
    with reuse.recorded() as made:
        search(probe, DEFAULT, 6, tmp_path)
    with reuse.recorded() as found:
        search(probe, DEFAULT, 6, tmp_path)
    assert (made["trials"].computed, found["trials"].reused) == (6, 6)
    assert made["trials"].sizes == found["trials"].sizes and made["trials"].sizes["epochs"] >= 6
