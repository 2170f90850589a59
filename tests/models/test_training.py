"""How a probe is trained: every setting has the effect that its name promises."""

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import ttest_rel
from sklearn.metrics import f1_score
from torch import nn

from dissect.experiments.probes import Choices, Split, Training, masked_head, sense_probe, two_layer
from dissect.experiments.probes.fit import Learner, Probe, fit, kept_units, surely_lower

ROWS, D = 24, 5
ALL = torch.arange(ROWS)
PLAIN = Training(epochs=8, batch_size=64, learning_rate=0.05, weight_decay=0.0, dropout=0.0, patience=99)


def data(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(ROWS, D, generator=rng), torch.randint(3, (ROWS,), generator=rng)


class Linear(Probe, nn.Linear):
    """A linear probe, of whose vectors numbers are dropped out."""

    def forward(self, x, n, kept):
        return super().forward(x if kept is None else x * kept)


def linear(x, labels, training):
    """The logits of a linear probe trained on all rows. Without development items the last weights stay."""
    torch.manual_seed(0)
    learner = Learner(Linear(D, 3), x, labels, training)
    fit([learner], ALL, torch.arange(0), 0)
    return learner.outputs(ALL)


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_steps_are_those_of_adamw_as_its_authors_write_it(decay):
    """All rows in one batch, so that their order is nothing; moments and decay by hand."""
    x, labels = data()
    found = linear(x, labels, replace(PLAIN, weight_decay=decay))
    torch.manual_seed(0)
    weights = [p.detach().double().requires_grad_() for p in nn.Linear(D, 3).parameters()]
    first, second = ([torch.zeros_like(p) for p in weights] for _ in range(2))
    for step in range(1, PLAIN.epochs + 1):
        loss = F.cross_entropy(x.double() @ weights[0].T + weights[1], labels)
        for n, gradient in enumerate(torch.autograd.grad(loss, weights)):
            first[n] = 0.9 * first[n] + 0.1 * gradient
            second[n] = 0.999 * second[n] + 0.001 * gradient**2
            step_of = first[n] / (1 - 0.9**step) / ((second[n] / (1 - 0.999**step)).sqrt() + 1e-8)
            with torch.no_grad():
                weights[n] -= PLAIN.learning_rate * (step_of + decay * weights[n])
    expected = x.double() @ weights[0].T + weights[1]
    assert torch.allclose(found.double(), expected, atol=1e-4)


def scripted(losses, training, scores=None, untrained=(99.0, -99.0)):
    """The epochs that were trained, and that whose weights were kept (-1: the untrained).

    Losses and scores are those on development items."""
    asked = []
    probe = Linear(1, 1, bias=False)
    dev = torch.tensor([0, 1])

    class Scripted(Learner):
        def losses(self, out, n):
            if torch.is_grad_enabled():
                return out  # every step lowers the weight by the learning rate, or nearly
            asked.append(1)
            return torch.full((len(n),), float([untrained[0], *losses][len(asked) - 1]))

    def score(out, n):
        return [untrained[1], *scores][len(asked) - 1]

    training = replace(training, epochs=len(losses), learning_rate=1.0)
    nn.init.zeros_(probe.weight)
    learner = Scripted(probe, torch.ones(4, 1), torch.zeros(4), training)
    fit([learner], torch.arange(4), dev, 0, None, score if scores else None)
    assert learner.epochs == len(asked) - 1
    return len(asked) - 1, round(-learner.outputs(dev)[0].item()) - 1


def test_training_ends_when_the_score_has_not_risen_for_longer_than_patience():
    assert scripted([5, 6.0, 6, 6, 6], replace(PLAIN, patience=0)) == (2, 0)
    assert scripted([5, 6.0, 6, 6, 6], replace(PLAIN, patience=1)) == (3, 0)
    assert scripted([5, 6.0, 6, 6, 6], replace(PLAIN, patience=9)) == (5, 0)


def test_a_better_score_renews_the_patience():
    assert scripted([5, 4, 4.5, 3, 3.5, 3.6, 1], replace(PLAIN, patience=1)) == (6, 3)


def test_the_best_score_is_kept_though_the_loss_grows():
    patient = replace(PLAIN, patience=2)
    assert scripted([4.0, 5, 6, 7, 8, 9], patient, [0.1, 0.2, 0.1, 0.3, 0.2, 0.1]) == (6, 3)


def test_of_equal_scores_the_lowest_loss_is_kept_and_renews_the_patience():
    assert scripted([4.0, 3, 5, 6, 7], replace(PLAIN, patience=1), [0.5] * 5) == (4, 1)


def test_weights_that_are_worse_in_loss_than_the_untrained_are_not_kept_whatever_their_score():
    """As chance has it where there is nothing to learn: some tags happen to be right."""
    worse, lucky = [4.1, 4.2, 4.3], [0.2, 0.9, 0.3]
    assert scripted(worse, PLAIN, lucky, untrained=(4.0, 0.1)) == (3, -1)
    assert scripted([3.9, 4.2, 4.3], PLAIN, lucky, untrained=(4.0, 0.1)) == (3, 0)


def test_a_loss_is_surely_lower_by_two_and_a_half_standard_errors_of_the_difference():
    """Against SciPy's t of pairs; what all items share, as hard ones have, is no noise."""
    rng = torch.Generator().manual_seed(0)
    hard = 5 * torch.randn(50, generator=rng).double()
    seen = set()
    for gain in torch.linspace(0.0, 1.0, 21).tolist():
        losses = hard - gain + torch.randn(50, generator=rng).double()
        expected = bool(ttest_rel(hard, losses).statistic > 2.5)
        assert surely_lower(losses, hard) == expected
        seen.add(expected)
    assert seen == {True, False}
    assert not surely_lower(hard, hard) and not surely_lower(hard[:1] - 1, hard[:1])
    assert not surely_lower(torch.full((50,), torch.nan), hard)


def test_weights_with_a_lower_score_than_the_untrained_are_not_kept_though_their_loss_is_lower():
    assert scripted([3.0, 2.0], PLAIN, [0.1, 0.2], untrained=(4.0, 0.5)) == (2, -1)


def test_the_weights_with_the_lowest_loss_on_development_items_are_kept():
    """Two thirds of the development items have the labels of like training items, and the others not: the
    more is learned by heart, the more these cost. They stand there several times: the gain is sure."""
    x, labels = data()
    of_dev = torch.cat([labels, *[torch.where(ALL % 3 == 0, (labels + 1) % 3, labels)] * 8])
    told = []
    training = replace(PLAIN, epochs=60)
    torch.manual_seed(0)
    learner = Learner(Linear(D, 3), x.repeat(9, 1), of_dev, training)
    fit([learner], ALL, torch.arange(ROWS, 9 * ROWS), 0, lambda epoch, now, best: told.append(now.loss))
    kept = learner.outputs(ALL)
    best = min(range(len(told)), key=told.__getitem__)
    assert 0 < best < training.epochs - 1
    assert torch.equal(kept, linear(x, labels, replace(PLAIN, epochs=best + 1)))
    assert not torch.equal(kept, linear(x, labels, training))


def test_rare_tags_are_learned_after_the_loss_has_been_lowest():
    """Two frequent classes that nothing tells apart, and six rare ones: what is learned by heart of the first
    makes the loss grow while the others are still being learned. Stopped by it, a probe says few of them."""
    rng = torch.Generator().manual_seed(0)
    items = 5500
    rare = torch.rand(items, generator=rng) < 0.06
    labels = torch.where(rare, *(torch.randint(a, b, (items,), generator=rng) for a, b in ((2, 8), (0, 2))))
    centres = 0.5 * torch.randn(8, 40, generator=rng)
    centres[:2] = 0
    x = centres[labels] + torch.randn(items, 40, generator=rng)
    split = Split(torch.arange(1500), torch.arange(1500, 2500), torch.arange(2500, items))
    training = Training(dropout=0.0, batch_size=64)

    def macro(said):
        return f1_score(labels[split.test], said["predicted"], average="macro")

    gains = []
    for seed in range(5):
        losses: list[float] = []
        watch = partial(lambda losses, epoch, now, best: losses.append(now.loss), losses)
        said = two_layer(x, labels, 8, split, training, seed, watch)
        lowest = min(range(len(losses)), key=losses.__getitem__)
        early = two_layer(x, labels, 8, split, replace(training, epochs=lowest + 1), seed)
        assert lowest < len(losses) - 7
        gains.append(macro(said) - macro(early))
    assert sum(gains) / 5 > 0.03


class Seen(Probe):
    """A probe that remembers in which mode it was asked."""

    def __init__(self):
        super().__init__()
        self.linear, self.modes = nn.Linear(D, 3), []

    def forward(self, x, n, kept):
        self.modes.append((torch.is_grad_enabled(), kept is not None))
        return self.linear(x)


def test_units_are_dropped_in_all_of_training_and_in_no_answer():
    x, labels = data()
    probe = Seen()
    learner = Learner(probe, x, labels, replace(PLAIN, dropout=0.5))
    fit([learner], ALL, ALL, 0)
    learner.outputs(ALL)
    assert set(probe.modes) == {(True, True), (False, False)}
    assert probe.modes.count((True, True)) == PLAIN.epochs


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_the_share_of_units_is_dropped_and_the_rest_made_up_for(share):
    x, labels = torch.zeros(1, 500), torch.zeros(1)
    learner = Learner(Linear(500, 2), x, labels, replace(PLAIN, dropout=share))
    (kept,) = kept_units([learner], 400, torch.Generator().manual_seed(0))
    if share == 0:
        assert kept is None
        return
    assert (kept == 0).double().mean().item() == pytest.approx(share, abs=0.01)
    assert kept[kept != 0].unique().tolist() == ([] if share == 1 else [pytest.approx(1 / (1 - share))])


def test_items_come_once_an_epoch_and_each_time_in_another_order():
    x, labels = data()
    rows = []

    class Asked(Learner):
        def losses(self, out, n):
            if torch.is_grad_enabled():
                rows.extend(n.tolist())
            return super().losses(out, n)

    fit([Asked(Linear(D, 3), x, labels, replace(PLAIN, epochs=3, batch_size=10))], ALL, ALL, 0)
    epochs = [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
    assert [sorted(epoch) for epoch in epochs] == [ALL.tolist()] * 3
    assert epochs[0] != epochs[1] != epochs[2]


def remembered(probe, training):
    """How many of its training items' random labels a probe knows by heart."""
    rng = torch.Generator().manual_seed(0)
    x, labels = torch.randn(60, 40, generator=rng), torch.randint(4, (60,), generator=rng)
    every = torch.arange(60)
    split = Split(every, every, every)
    if probe is masked_head:
        said = masked_head(x, labels, split, training, 0)
    elif probe is two_layer:
        said = two_layer(x, labels, 4, split, training, 0)
    else:
        choices = Choices(torch.zeros(60, dtype=torch.long), torch.full((60,), 4))
        said = sense_probe(x, labels, 4, choices, split, training, 0)
    return (said["predicted"] == labels).double().mean().item()


@pytest.mark.parametrize("probe", [masked_head, two_layer, sense_probe])
def test_dropout_and_weight_decay_keep_a_probe_from_learning_noise_by_heart(probe):
    training = replace(PLAIN, epochs=25, learning_rate=0.02)
    assert remembered(probe, training) > 0.95
    assert remembered(probe, replace(training, dropout=0.98)) < 0.85
    assert remembered(probe, replace(training, weight_decay=40.0)) < 0.85


def test_two_layers_tell_what_no_line_parts():
    """Exclusive or: the linear head is right by chance, the hidden layer always."""
    rng = torch.Generator().manual_seed(0)
    signs = torch.randint(2, (400, 2), generator=rng)
    x = 2.0 * signs - 1 + 0.1 * torch.randn(400, 2, generator=rng)
    x = torch.cat([x, torch.zeros(400, 14)], dim=1)
    labels = signs[:, 0] ^ signs[:, 1]
    split = Split(torch.arange(300), torch.arange(300, 350), torch.arange(350, 400))
    training = replace(PLAIN, epochs=60)

    def right(said):
        return (said["predicted"] == labels[split.test]).double().mean()

    assert right(two_layer(x, labels, 2, split, training, 0)) == 1
    assert right(masked_head(x, labels, split, training, 0)) < 0.8


@pytest.mark.parametrize("probe", [masked_head, two_layer, sense_probe])
def test_the_seed_decides_the_answers_and_nothing_before_it(probe):
    training = replace(PLAIN, epochs=2, dropout=0.5)
    torch.manual_seed(1)
    one = remembered(probe, training)
    torch.manual_seed(2)
    assert remembered(probe, training) == one
