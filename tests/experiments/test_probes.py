"""Probes against second implementations, and on data whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from dissect.experiments.named_entities import by_sentence
from dissect.experiments.probes import (
    Choices,
    Split,
    Training,
    masked_head,
    nearest_neighbours,
    sense_probe,
    split_groups,
    trained,
    two_layer,
    vectors_of,
)
from dissect.features.gathering import Features

QUICK = Training(epochs=60, batch_size=64, learning_rate=1e-2, patience=60, dropout=0.0)


def clusters(classes=6, each=40, d=16, noise=0.4, seed=0):
    rng = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, d, generator=rng)
    labels = torch.arange(classes).repeat_interleave(each)
    return centres[labels] + noise * torch.randn(len(labels), d, generator=rng), labels


def test_neighbours_equal_scikit_learn_lemma_by_lemma():
    x, labels = clusters(noise=1.5)
    lemmas = ["a" if label < 3 else "b" for label in labels.tolist()]
    senses = [f"s{label}" for label in labels.tolist()]
    split = split_groups(range(len(x)), 0)
    found = nearest_neighbours(x, senses, lemmas, split)
    same = 0
    for place, answer in zip(split.test.tolist(), found, strict=True):
        near = [n for n in split.train.tolist() if lemmas[n] == lemmas[place]]
        model = KNeighborsClassifier(5, metric="cosine").fit(x[near].numpy(), [senses[n] for n in near])
        votes = model.predict_proba(x[place : place + 1].numpy())[0]
        winners = model.classes_[votes == votes.max()]
        assert answer in winners  # of equal votes scikit-learn takes the first name, we the nearest
        same += len(winners) == 1
    assert same > 0.5 * len(found)


def test_of_items_equally_near_but_for_rounding_the_first_count():
    """As i of one word at one place: a norm divides it by what the sentence gives, and rounds."""
    generator = torch.Generator().manual_seed(0)
    word, other = torch.randn(2, 64, generator=generator)
    x = torch.stack([*[word] * 8, *[other] * 8, *[word] * 8])
    x *= 0.1 + torch.rand(24, 1, generator=generator)
    senses = [*"aaaabbbb", *"cccccccc", *"aaaabbbb"]
    split = Split(torch.arange(16), torch.tensor([]), torch.arange(16, 24))
    for seed in range(20):
        noise = torch.randn(x.shape, generator=generator.manual_seed(seed))
        assert nearest_neighbours(x * (1 + 5e-7 * noise), senses, ["l"] * 24, split) == ["a"] * 8


def test_items_that_are_not_equally_near_are_told_apart():
    """c moves little from item to item: cosines are the same to seven digits, distances are not."""
    x = torch.tensor([[1.0, 3e-4], [1.0, 1e-4], [1.0, 0.0]])
    split = Split(torch.tensor([0, 1]), torch.tensor([]), torch.tensor([2]))
    assert nearest_neighbours(x, ["far", "near", "?"], ["l"] * 3, split, k=1) == ["near"]


def test_many_items_each_a_little_farther_are_not_all_equally_near():
    """The last in the corpus is the nearest, by far more than rounding, though no step is."""
    angles = torch.cat([torch.arange(1, 2001).flip(0) * 8e-6, torch.zeros(1)]).double()
    x = torch.stack([angles.cos(), angles.sin()], dim=-1)
    split = Split(torch.arange(2000), torch.tensor([]), torch.tensor([2000]))
    senses = ["far"] * 1990 + ["near"] * 10 + ["?"]
    assert nearest_neighbours(x, senses, ["l"] * 2001, split) == ["near"]


def test_neighbours_without_terms_or_training_items():
    split = Split(torch.tensor([0, 1, 2]), torch.tensor([]), torch.tensor([3, 4]))
    senses, lemmas = ["x", "y", "y", "x", "z"], ["l", "l", "l", "l", "other"]
    assert nearest_neighbours(torch.zeros(5, 3), senses, lemmas, split, k=1) == ["y", ""]


def test_splits_keep_groups_together_and_cover_all():
    groups = np.repeat(np.arange(50), 3)
    split = split_groups(groups, 1)
    parts = [set(groups[p.numpy()]) for p in (split.train, split.dev, split.test)]
    assert [len(part) for part in parts] == [40, 5, 5]
    assert set.union(*parts) == set(range(50))
    places = torch.cat([split.train, split.dev, split.test])
    assert sorted(places.tolist()) == list(range(150))
    again = split_groups(groups, 1)
    assert torch.equal(split.test, again.test)
    assert not torch.equal(split.test, split_groups(groups, 2).test)


def test_two_layers_learn_what_is_there_and_nothing_from_zeros():
    x, labels = clusters()
    split = split_groups(range(len(x)), 0)
    found = two_layer(x, labels, 6, split, QUICK, 0)["predicted"]
    assert (found == labels[split.test]).double().mean() > 0.95
    blind = two_layer(torch.zeros_like(x), labels, 6, split, QUICK, 0)["predicted"]
    assert len(blind.unique()) == 1


def test_senses_are_answered_with_an_own_sense_only():
    x, labels = clusters(noise=3.0)
    first = torch.where(labels < 3, 0, 3)
    split = split_groups(range(len(x)), 0)
    choices = Choices(first, torch.full_like(first, 3))
    found = sense_probe(x, labels, 6, choices, split, QUICK, 0)["predicted"]
    assert torch.equal(found < 3, labels[split.test] < 3)
    easy, labels = clusters()
    right = sense_probe(easy, labels, 6, choices, split, QUICK, 0)["predicted"] == labels[split.test]
    assert right.double().mean() > 0.95


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    items=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_own_logits_equal_a_masked_softmax_over_all_senses(counts, items, seed):
    """In loss and in gradient: a second, literal implementation."""
    torch.manual_seed(seed)
    bounds = torch.tensor([0, *counts]).cumsum(0)
    lemma = torch.randint(len(counts), (items,))
    choices = Choices(bounds[lemma], torch.tensor(counts)[lemma])
    labels = choices.first + (torch.rand(items) * choices.count).long()
    n = torch.randperm(items)[: max(1, items // 2)]
    hidden, senses = torch.randn(items, 4).double(), torch.randn(int(bounds[-1]), 4).double().requires_grad_()

    own = choices.logits(hidden[n], senses, n)
    mine = F.cross_entropy(own, labels[n] - choices.first[n])
    numbers = torch.arange(int(bounds[-1]))
    allowed = (numbers >= choices.first[n, None]) & (numbers < (choices.first + choices.count)[n, None])
    literal = F.cross_entropy((hidden[n] @ senses.T).masked_fill(~allowed, -torch.inf), labels[n])
    assert torch.allclose(mine, literal)
    assert torch.allclose(*(torch.autograd.grad(loss, senses)[0] for loss in (mine, literal)))


def test_many_items_are_taken_in_larger_batches():
    training = Training(batch_size=128)
    assert [training.suited_to(n).batch_size for n in (500, 50_000, 10**6)] == [128, 500, 2048]


def test_the_same_seed_gives_the_same_answers():
    x, labels = clusters(noise=2.0)
    split = split_groups(range(len(x)), 0)
    a, b = (two_layer(x, labels, 6, split, QUICK, 3)["predicted"] for _ in range(2))
    assert torch.equal(a, b)


def test_masked_head_reports_types_never_seen():
    x, labels = clusters()
    ids = torch.tensor([7, 19, 23, 99, 104, 111])[labels]
    split = split_groups(range(len(x)), 0)
    ids[split.test[0]] = 5000
    predicted, right = masked_head(x, ids, split, QUICK, 0).values()
    assert right[0] == -torch.inf and right[1:].isfinite().all()
    assert (predicted[1:] == ids[split.test][1:]).double().mean() > 0.95
    assert 5000 not in predicted


def in_memory(terms, folder=None):
    return Features([terms[:, :4], terms[:, 4:]], torch.arange(terms.shape[1]), 0, folder)


def test_a_literal_kNN_one_item_at_a_time_says_the_same():
    x, labels = clusters(noise=2.0, each=60)
    lemmas = ["a" if label < 3 else "b" for label in labels.tolist()]
    senses = [f"s{label}" for label in labels.tolist()]
    split = split_groups(range(len(x)), 0)
    literal = []
    for n in split.test.tolist():
        near = [m for m in split.train.tolist() if lemmas[m] == lemmas[n]]
        cosines = [F.cosine_similarity(x[n], x[m], dim=0).item() for m in near]
        nearest = [senses[near[place]] for place in np.argsort(-np.array(cosines), kind="stable")[:5]]
        counts = {sense: nearest.count(sense) for sense in nearest}
        literal.append(max(counts, key=counts.get))  # the first, so the nearest, of equals
    assert nearest_neighbours(x, senses, lemmas, split) == literal


def test_a_probe_tells_its_watch_and_may_be_broken_off():
    x, labels = clusters()
    split = split_groups(range(len(x)), 0)
    told = []

    def watch(epoch, loss):
        told.append((epoch, loss))
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two_layer(x, labels, 6, split, QUICK, 0, watch)
    assert [epoch for epoch, _ in told] == [0, 1, 2] and told[2][1] < told[0][1]


def test_answers_are_kept_until_what_they_depend_on_changes(tmp_path):
    x, labels = clusters()
    features = in_memory(torch.stack([x, x, x, x]), tmp_path)
    split = split_groups(range(len(x)), 0)
    made = []

    def probe(x):
        made.append(x)
        return {"predicted": labels[split.test]}

    def ask(subset="h", labels=labels, training=QUICK, seed=0):
        return trained(probe, "some", features, subset, labels, split, training, seed)

    assert torch.equal(ask()["predicted"], ask()["predicted"]) and len(made) == 1
    for changed in (
        {"subset": "f"},
        {"labels": labels + 1},
        {"training": replace(QUICK, dropout=0.5)},
        {"seed": 1},
    ):
        before = len(made)
        ask(**changed), ask(**changed)
        assert len(made) == before + 1, changed
    for file in (tmp_path / "answers").iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    ask()
    assert len(made) == 6


def test_vectors_are_scaled_on_training_items_alone():
    terms = torch.randn(4, 10, 6)
    fit_on = torch.arange(5)
    x = vectors_of(in_memory(terms), "h+c", fit_on)
    assert x[fit_on].square().mean().item() == pytest.approx(1, abs=1e-5)
    changed = terms.clone()
    changed[:, 5:] *= 100
    assert torch.allclose(vectors_of(in_memory(changed), "h+c", fit_on)[:5], x[:5])
    assert not vectors_of(in_memory(terms), "", fit_on).any()


def test_tags_by_sentence():
    assert by_sentence(list("abc"), [0, 0, 4]) == [["a", "b"], ["c"]]


@pytest.mark.parametrize("power", [-100, 100])
def test_probes_see_vectors_of_any_size(power):
    """Items of one lemma that differ in size by powers of two, which leave cosines as they are."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 8, generator=generator)
    senses = [str(int(n)) for n in torch.randint(3, (60,), generator=generator)]
    split = Split(torch.arange(40), torch.arange(0), torch.arange(40, 60))
    expected = nearest_neighbours(x, senses, ["l"] * 60, split)
    near = x.clone()
    near[::2] = torch.ldexp(x[::2], torch.tensor(power))
    assert nearest_neighbours(near, senses, ["l"] * 60, split) == expected
    unit = vectors_of(in_memory(x.expand(4, 60, 8)), "f", split.train)
    assert torch.equal(
        vectors_of(in_memory(torch.ldexp(x, torch.tensor(power)).expand(4, 60, 8)), "f", split.train), unit
    )
