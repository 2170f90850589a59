"""Probes that are trained side by side: each learns what it would alone, in whatever way it is computed."""

from dataclasses import replace

import pytest
import torch

from dissect import reuse
from dissect.errors import DissectError
from dissect.experiments.probes import (
    Choices,
    Split,
    Training,
    entity_probes,
    kept,
    masked_heads,
    sense_probes,
    split_groups,
    trained,
)
from dissect.experiments.probes import fit as fitting
from dissect.experiments.probes.precision import VARIABLE
from dissect.features.gathering import Features

ITEMS, D, CLASSES = 300, 12, 6
SPLIT = split_groups(range(ITEMS), 0)
TRAINING = Training(epochs=12, batch_size=32, learning_rate=1e-2, patience=2, dropout=0.3)
TRAININGS = [
    TRAINING,
    replace(TRAINING, dropout=0.0),
    replace(TRAINING, learning_rate=1e-3, weight_decay=0.5),
    replace(TRAINING, dropout=0.6, patience=0),
]


def data():
    """Vectors that tell more or less of the labels."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(CLASSES, (ITEMS,), generator=rng)
    centres = torch.randn(CLASSES, D, generator=rng)
    return [centres[labels] + noise * torch.randn(ITEMS, D, generator=rng) for noise in (1, 2, 3, 9)], labels


def entities(xs, labels, trainings, seed=0):
    return entity_probes(xs, labels, CLASSES, SPLIT, trainings, seed)


def senses(xs, labels, trainings, seed=0):
    first = torch.where(labels < 4, 0, 4)
    count = torch.where(labels < 4, 4, 2)
    return sense_probes(xs, labels, CLASSES, Choices(first, count), SPLIT, trainings, seed)


def words(xs, labels, trainings, seed=0):
    return masked_heads(xs, 7 * labels, SPLIT, trainings, seed)


PROBES = [entities, senses, words]


@pytest.fixture
def learners(monkeypatch):
    """The probes that were trained, in their order."""
    seen = []

    class Remembered(fitting.Learner):
        def __init__(self, *given):
            super().__init__(*given)
            seen.append(self)

    for module in ("linear_head", "two_layers"):
        monkeypatch.setattr(f"dissect.experiments.probes.{module}.Learner", Remembered)
    return seen


@pytest.mark.parametrize("probes", PROBES)
def test_a_probe_learns_bit_for_bit_the_same_alone_and_beside_others(probes, learners):
    """Though these have other rates and shares, and end before it or after."""
    xs, labels = data()
    beside = probes(xs, labels, TRAININGS)
    alone = [probes([x], labels, [training])[0] for x, training in zip(xs, TRAININGS, strict=True)]
    ended = [learner.epochs for learner in learners]
    assert ended[:4] == ended[4:] and len(set(ended[:4])) > 1
    for one, other in zip(learners[:4], learners[4:], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.state.values(), other.state.values(), strict=True))
    for a, b in zip(beside, alone, strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("probes", PROBES)
def test_one_stack_of_products_learns_what_one_by_one_does(probes, learners, monkeypatch):
    """As accelerators multiply, but for rounding; with shares that drop nothing beside others."""
    xs, labels = data()
    plain = probes(xs, labels, TRAININGS)
    fit = fitting.fit
    for module in ("linear_head", "two_layers"):
        monkeypatch.setattr(
            f"dissect.experiments.probes.{module}.fit",
            lambda *given, **options: fit(*given, **options, stacked=True),
        )
    asked = []
    of_stack = fitting.outputs_of_stack
    monkeypatch.setattr(fitting, "outputs_of_stack", lambda *given: asked.append(1) or of_stack(*given))
    stacked = probes(xs, labels, TRAININGS)
    assert asked
    for one, other in zip(learners[:4], learners[4:], strict=True):
        assert one.epochs == other.epochs
        for a, b in zip(one.state.values(), other.state.values(), strict=True):
            assert torch.allclose(a, b, atol=1e-4)
    for a, b in zip(plain, stacked, strict=True):
        assert torch.equal(a["predicted"], b["predicted"])


def test_what_probes_share_is_drawn_from_the_seed_alone():
    xs, labels = data()
    torch.manual_seed(1)
    one = entities(xs[:1], labels, [TRAINING])[0]["predicted"]
    torch.manual_seed(2)
    assert torch.equal(entities(xs[:1], labels, [TRAINING])[0]["predicted"], one)
    assert not torch.equal(entities(xs[:1], labels, [TRAINING], seed=1)[0]["predicted"], one)


def test_probes_with_batches_of_other_sizes_are_not_trained_together():
    xs, labels = data()
    with pytest.raises(ValueError, match="one size of batches"):
        entities(xs[:2], labels, [TRAINING, replace(TRAINING, batch_size=8)])


def test_a_width_of_its_own_and_memory_part_probes(monkeypatch):
    terms = torch.randn(4, 20, 6)
    features = Features([terms], torch.arange(20), 0)
    rows = torch.arange(10)
    names = ["i", "h", "f"]
    assert [group for group, _ in kept.together(features, names, rows, 3)] == [names]
    of_one, weights = 4 * (20 * 6 + 5 * 6 * (6 + 3)), 4 * 4 * 6 * (6 + 3)
    for limit, value in (("MEMORY", 2 * of_one), ("CACHE", 2 * weights)):
        with monkeypatch.context() as patched:
            patched.setattr(kept, limit, value)
            assert [group for group, _ in kept.together(features, names, rows, 3)] == [["i", "h"], ["f"]]
            patched.setattr(kept, limit, value - 1)
            assert [group for group, _ in kept.together(features, names, rows, 3)] == [["i"], ["h"], ["f"]]
    monkeypatch.setattr(kept, "CACHE", 1)
    with monkeypatch.context() as patched:  # an accelerator has memory enough
        patched.setattr(kept, "pick_device", lambda: torch.device("cuda"))
        assert [group for group, _ in kept.together(features, names, rows, 3)] == [names]
    monkeypatch.setattr(kept, "CACHE", 2**20)

    class Wide(Features):
        def subset(self, name):
            return torch.cat([super().subset("i")] * len(name), dim=-1)

    wide = Wide([terms], torch.arange(20), 0)
    groups = list(kept.together(wide, ["i", "hh", "ff"], rows, 1))
    assert [group for group, _ in groups][0] == ["i"] and groups[1][1][0].shape[1] == 12


def test_only_what_is_missing_is_trained(tmp_path):
    features = Features([torch.randn(4, 30, 6)], torch.arange(30), 0, tmp_path)
    labels, split = torch.arange(30) % 2, Split(*torch.arange(30).split(10))
    asked = []

    def probes(xs, trainings):
        asked.append([training.learning_rate for training in trainings])
        return [{"predicted": training.learning_rate + torch.zeros(10)} for training in trainings]

    def ask(**rates):
        trainings = {subset: Training(learning_rate=rate) for subset, rate in rates.items()}
        return trained(probes, "some", features, trainings, labels, split, 0)

    ask(i=1.0, f=2.0)
    with reuse.recorded() as work:
        said = ask(h=3.0, i=1.0, f=4.0)
    assert asked == [[1.0, 2.0], [3.0, 4.0]]
    assert list(said) == ["h", "i", "f"]
    assert [of["predicted"][0].item() for of in said.values()] == [3.0, 1.0, 4.0]
    assert (work["some"].computed, work["some"].reused) == (2, 1)


# ---- bfloat16 ----


def test_answers_in_bfloat16_are_others(tmp_path, monkeypatch):
    features = Features([torch.randn(4, 30, 6)], torch.arange(30), 0, tmp_path)
    labels, split = torch.arange(30) % 2, Split(*torch.arange(30).split(10))
    asked = []

    def probes(xs, trainings):
        asked.append(1)
        return [{"predicted": torch.zeros(10)}]

    for precision in ("float32", "bfloat16", "float32", "bfloat16"):
        monkeypatch.setenv(VARIABLE, precision)
        trained(probes, "some", features, {"h": TRAINING}, labels, split, 0)
    assert len(asked) == 2


@pytest.mark.parametrize("probes", PROBES)
def test_products_are_rounded_to_bfloat16_while_probes_are_trained_and_nowhere_else(
    probes, learners, monkeypatch
):
    xs, labels = data()
    seen = set()
    linear = torch.nn.Linear.forward

    def forward(self, x):
        out = linear(self, x)
        seen.add((torch.is_grad_enabled(), out.dtype))
        return out

    monkeypatch.setattr(torch.nn.Linear, "forward", forward)
    monkeypatch.setenv(VARIABLE, "bfloat16")
    said = probes(xs[:1], labels, [TRAINING])[0]
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
    assert {value.dtype for value in learners[0].state.values()} == {torch.float32}
    gradients = {w.grad.dtype for w in learners[0].probe.parameters() if w.requires_grad}
    assert gradients == {torch.float32}
    monkeypatch.setenv(VARIABLE, "float32")
    full = probes(xs[:1], labels, [TRAINING])[0]
    right = [(of["predicted"] == labels[SPLIT.test]).double().mean() for of in (said, full)]
    assert abs(right[0] - right[1]) < 0.2


def test_another_precision_is_refused(monkeypatch):
    xs, labels = data()
    monkeypatch.setenv(VARIABLE, "float16")
    with pytest.raises(DissectError, match="DISSECT_PRECISION='float16': give float32 or bfloat16"):
        entities(xs[:1], labels, [TRAINING])


def test_epochs_are_kept_with_the_answers_and_counted_and_are_no_answer(tmp_path, learners):
    xs, labels = data()
    features = Features([torch.stack(xs)], torch.arange(ITEMS), 0, tmp_path)
    for again in (False, True):
        with reuse.recorded() as work:
            said = trained(
                lambda xs, trainings: entities(xs, labels, trainings),
                "some", features, {"i": TRAINING, "c": TRAINING}, labels, SPLIT, 0,
            )  # fmt: skip
        assert set(said["i"]) == {"predicted"}
        assert work["some"].sizes["epochs"] == sum(learner.epochs for learner in learners[:2]) > 2
        assert work["some"].reused == (2 if again else 0)


def test_the_bias_of_a_head_is_how_often_types_are_targets_whatever_the_weight_decay(learners):
    """It is not trained, so nothing wears it away, either."""
    xs, labels = data()
    words(xs[:1], labels, [replace(TRAINING, weight_decay=10.0, learning_rate=1e-2)])
    head = learners[0].probe.linear
    often = torch.bincount(labels[SPLIT.train]) + 0.01
    assert learners[0].epochs > 1 and torch.allclose(head.bias, torch.log(often / often.sum()).float())
    assert torch.equal(learners[0].state["linear.bias"], head.bias)
