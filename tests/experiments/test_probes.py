"""Probes against second implementations, and on data whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from dissect.experiments import word_senses
from dissect.experiments.named_entities import by_sentence
from dissect.experiments.probes import (
    Choices,
    Split,
    Training,
    masked_head,
    nearest_neighbours,
    permuted,
    sense_probe,
    split_groups,
    trained,
    two_layer,
    vectors_of,
)
from dissect.experiments.probes.vectors import standardised
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

    often = torch.randn(int(bounds[-1])).double()

    own = choices.logits(hidden[n], senses, often, n)
    mine = F.cross_entropy(own, labels[n] - choices.first[n])
    numbers = torch.arange(int(bounds[-1]))
    allowed = (numbers >= choices.first[n, None]) & (numbers < (choices.first + choices.count)[n, None])
    literal = F.cross_entropy((hidden[n] @ senses.T + often).masked_fill(~allowed, -torch.inf), labels[n])
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
    predicted, right, _ = masked_head(x, ids, split, QUICK, 0).values()
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

    def watch(epoch, now, best):
        told.append((epoch, now.loss, now.score, best.score))
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two_layer(x, labels, 6, split, QUICK, 0, watch)
    epochs, losses, scores, best = zip(*told, strict=True)
    assert epochs == (0, 1, 2) and losses[2] < losses[0]
    assert best == tuple(max(scores[: n + 1]) for n in range(3))


def test_answers_are_kept_until_what_they_depend_on_changes(tmp_path):
    x, labels = clusters()
    features = in_memory(torch.stack([x, x, x, x]), tmp_path)
    split = split_groups(range(len(x)), 0)
    made = []

    def probes(xs, trainings):
        made.extend(xs)
        return [{"predicted": labels[split.test]} for _ in xs]

    def ask(subset="h", labels=labels, training=QUICK, seed=0):
        return trained(probes, "some", features, {subset: training}, labels, split, seed)[subset]

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


def test_weights_are_chosen_by_the_score_of_their_task():
    """Development items are the test items too, so what is said of these tells by what it was chosen."""
    x, labels = clusters(noise=2.0)
    dev = torch.arange(0, 240, 4)
    split = Split(torch.tensor([n for n in range(240) if n % 4]), dev, dev)
    training = replace(QUICK, learning_rate=1e-3, patience=5)
    kept = []

    def watch(epoch, now, best):
        kept.append(best)

    tags = two_layer(x, labels, 6, split, training, 0, watch)["predicted"]
    macro = f1_score(labels[dev], tags, average="macro")
    assert kept[-1].score == pytest.approx(macro) and macro != kept[-1].loss
    choices = Choices(torch.where(labels < 3, 0, 3), torch.full_like(labels, 3))
    senses = sense_probe(x, labels, 6, choices, split, training, 0, watch)["predicted"]
    assert kept[-1].score == pytest.approx((senses == labels[dev]).double().mean().item())
    nats = -masked_head(x, labels, split, training, 0, watch=watch)["log_chance"].double().mean().item()
    assert kept[-1].score == pytest.approx(-nats) and kept[-1].loss == pytest.approx(nats)


# ---- what learned probes are given ----


def test_vectors_are_standardised_on_training_items_alone():
    terms = 3 + torch.randn(4, 10, 6) * torch.logspace(-3, 3, 6)
    fit_on = torch.arange(5)
    x = vectors_of(in_memory(terms), "h+c", fit_on).double()
    assert torch.allclose(x[fit_on].mean(0), torch.zeros(6).double(), atol=1e-5)
    assert torch.allclose(x[fit_on].std(0, unbiased=False), torch.ones(6).double(), atol=1e-5)
    by_hand = terms[1] + terms[3]
    scaler = StandardScaler().fit(by_hand[:5].double().numpy())
    assert np.allclose(scaler.transform(by_hand.double().numpy()), x, atol=1e-4)
    changed = terms.clone()
    changed[:, 5:] *= 100
    assert torch.equal(vectors_of(in_memory(changed), "h+c", fit_on)[:5].double(), x[:5])
    assert not vectors_of(in_memory(terms), "", fit_on).any()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), power=st.lists(st.integers(-10, 10), min_size=4, max_size=4))
def test_neither_the_size_of_a_dimension_nor_a_constant_in_all_items_is_seen(seed, power):
    """Of numbers that float32 need not round: whole ones, moved by whole ones, scaled by powers of two."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(-500, 500, (40, 4), generator=generator).float()
    moved = x + torch.randint(-9999, 9999, (4,), generator=generator)
    fit_on = torch.randperm(40, generator=generator)[:25]
    one, other = (standardised(of, fit_on) for of in (x, torch.ldexp(moved, torch.tensor(power))))
    assert torch.allclose(one, other, atol=1e-6, rtol=1e-6) and one.isfinite().all()


def test_dimensions_that_vary_by_rounding_alone_are_nothing_and_small_ones_are_something():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(500, 3, generator=generator)
    x = torch.stack(
        [
            torch.full((500,), 1e30),
            # as float32 sums a number that is the same in all items: the last digits differ
            (1.0 + noise[:, :1] * torch.tensor([[1e-1]]) - noise[:, :1] * torch.tensor([[1e-1]]) + 2.0**-23
             * torch.randint(-3, 4, (500, 1), generator=generator))[:, 0],
            1e-9 * noise[:, 1],
            1.0 + 1e-3 * noise[:, 2],
        ],
        dim=1,
    )  # fmt: skip
    made = standardised(x, torch.arange(400))
    assert not made[:, :2].any()
    assert torch.allclose(made[:400, 2:].std(0, unbiased=False), torch.ones(2), atol=1e-3)
    assert np.corrcoef(made[:, 3], noise[:, 2])[0, 1] > 0.999


def test_a_dimension_that_only_test_items_vary_in_is_nothing():
    x = torch.ones(10, 2)
    x[8:, 0] = torch.tensor([5.0, 1e38])
    assert not standardised(x, torch.arange(8)).any()


@pytest.mark.parametrize("power", [-120, 120])
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
    unit, far = (
        vectors_of(in_memory(torch.ldexp(x, torch.tensor(n)).expand(4, 60, 8)), "f", split.train)
        for n in (0, power)
    )
    assert torch.equal(unit, far)


def test_a_dimension_that_is_lost_beside_others_is_nothing():
    """As behind a norm with a gain of 2e-34, whose like was 1 a layer before: read there, it was 1e31 times
    too large. What float32 still adds up with the largest counts."""
    x = torch.randn(20, 4) * torch.tensor([1.0, 2e-34, 2e-7, 30.0])
    seen = standardised(x, torch.arange(20))
    assert not seen[:, 1].any() and not seen[:, 2].any()
    x[:, 2] *= 100
    seen = standardised(x, torch.arange(20))
    assert not seen[:, 1].any()
    assert torch.allclose(seen[:, [0, 2, 3]].std(0, unbiased=False), torch.ones(3), atol=1e-5)
    other = torch.full((1, 4), 1.0)
    assert standardised(torch.cat([x, other]), torch.arange(20))[-1].abs().max() < 1e7


def test_what_a_dimension_a_thousandth_as_large_says_is_learned():
    """All else is noise: without standardising, the probe has to find it among that."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (600,), generator=generator)
    x = torch.randn(600, 12, generator=generator)
    x[:, 4] = 1e-4 * (labels + 0.1 * torch.randn(600, generator=generator))
    split = Split(torch.arange(400), torch.arange(400, 500), torch.arange(500, 600))
    training = replace(QUICK, patience=5)

    def right(x):
        return (
            (two_layer(x, labels, 3, split, training, 0)["predicted"] == labels[split.test]).double().mean()
        )

    given = vectors_of(in_memory(x.expand(4, 600, 12)), "f", split.train)
    assert right(given) > 0.9
    assert right(x / x.square().mean().sqrt()) < 0.5


def test_neighbours_are_looked_for_among_the_vectors_as_they_are():
    """In which one large dimension may decide."""
    generator = torch.Generator().manual_seed(1)
    terms = torch.randn(4, 80, 6, generator=generator) * torch.tensor([9.0, 1, 1, 1, 1, 1]) + 2
    names = [f"bank%{n}" for n in torch.randint(3, (80,), generator=generator).tolist()]
    items = word_senses.SenseTerms(in_memory(terms), ["bank"] * 80, names, *[list(range(80))] * 2)
    split = items.split(0)
    said = word_senses.neighbours(items, ["h+f"], split, 5, seed=0)["h+f"]["predicted"].tolist()
    raw = terms[1] + terms[2]
    assert said == nearest_neighbours(raw, names, items.lemmas, split)
    assert said != nearest_neighbours(standardised(raw, split.train), names, items.lemmas, split)


# ---- the negative control ----


def test_permuted_terms_are_those_of_other_items_the_same_for_every_subset():
    terms = torch.randn(4, 50, 6)
    features = in_memory(terms)
    other = permuted(features, 3)
    order = [int((terms[1] == row).all(-1).nonzero()) for row in other.subset("h")]
    assert sorted(order) == list(range(50)) and order != list(range(50))
    for name in ("f", "i+c", "i+h+f+c"):
        assert torch.equal(other.subset(name), features.subset(name)[order])
    assert torch.equal(permuted(features, 3).subset("h"), other.subset("h"))
    assert not torch.equal(permuted(features, 4).subset("h"), other.subset("h"))
    assert other.shape == features.shape and torch.equal(other.kept, features.kept)


def test_answers_on_permuted_terms_are_kept_apart(tmp_path):
    terms, labels = torch.randn(4, 30, 6), torch.zeros(30, dtype=torch.long)
    split = Split(*torch.arange(30).split(10))
    seen = []

    def probes(xs, trainings):
        seen.extend(xs)
        return [{"predicted": labels[split.test]} for _ in xs]

    for _ in range(2):
        for features in (
            in_memory(terms, tmp_path),
            *(permuted(in_memory(terms, tmp_path), n) for n in (0, 1)),
        ):
            trained(probes, "some", features, {"h": QUICK}, labels, split, 0)
    assert len(seen) == 3 and not torch.equal(seen[1], seen[2])


def test_tags_by_sentence():
    assert by_sentence(list("abc"), [0, 0, 4]) == [["a", "b"], ["c"]]
