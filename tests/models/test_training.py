"""How a probe is trained: every setting has the effect that its name promises."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dissect.experiments.probes import Choices, Split, Training, masked_head, sense_probe, two_layer
from dissect.experiments.probes.training import fit

ROWS, D = 24, 5
ALL = torch.arange(ROWS)
PLAIN = Training(epochs=8, batch_size=64, learning_rate=0.05, weight_decay=0.0, dropout=0.0, patience=99)


def data(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(ROWS, D, generator=rng), torch.randint(3, (ROWS,), generator=rng)


def linear(x, labels, training, dev=None, watch=None):
    """The logits of a linear probe trained on all rows, and its loss."""
    torch.manual_seed(0)
    probe = nn.Linear(D, 3)

    def loss(out, n):
        return F.cross_entropy(out, labels[n])

    outputs = fit(probe, x, loss, ALL, ALL if dev is None else dev, training, watch)
    return outputs(ALL)


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


def scripted(losses, training):
    """The epochs that were trained, and the epoch whose weights were kept, where this is the loss on
    development items."""
    told = []
    probe = nn.Linear(1, 1, bias=False)
    dev = torch.tensor([0])

    def loss(out, n):
        if torch.is_grad_enabled():
            return out.mean()  # every step lowers the weight by the learning rate, or nearly
        return torch.tensor(losses[len(told)])

    training = replace(training, epochs=len(losses), learning_rate=1.0)
    nn.init.zeros_(probe.weight)
    outputs = fit(
        probe, torch.ones(4, 1), loss, torch.arange(4), dev, training, lambda *seen: told.append(seen)
    )
    return len(told), round(-outputs(dev).item()) - 1


def test_training_ends_when_the_loss_has_not_fallen_for_longer_than_patience():
    assert scripted([5, 6.0, 6, 6, 6], replace(PLAIN, patience=0)) == (2, 0)
    assert scripted([5, 6.0, 6, 6, 6], replace(PLAIN, patience=1)) == (3, 0)
    assert scripted([5, 6.0, 6, 6, 6], replace(PLAIN, patience=9)) == (5, 0)


def test_a_lower_loss_renews_the_patience():
    assert scripted([5, 4, 4.5, 3, 3.5, 3.6, 1], replace(PLAIN, patience=1)) == (6, 3)


def test_only_a_fall_by_the_gain_counts_as_one():
    losses = [4.0, 3.9, 3.8, 1.0]
    assert scripted(losses, replace(PLAIN, patience=1)) == (4, 3)
    assert scripted(losses, replace(PLAIN, patience=1, gain=0.1)) == (3, 0)


def test_the_weights_with_the_lowest_loss_on_development_items_are_kept():
    """Training makes development items worse from the second epoch on: what is kept is the first."""
    x, labels = data()
    against = torch.cat([labels, (labels + 1) % 3])
    told = []
    torch.manual_seed(0)
    kept = fit(
        nn.Linear(D, 3), x.repeat(2, 1), lambda out, n: F.cross_entropy(out, against[n]),
        ALL, ALL + ROWS, PLAIN, lambda epoch, loss: told.append(loss),
    )(ALL)  # fmt: skip
    best = min(range(len(told)), key=told.__getitem__)
    assert best < PLAIN.epochs - 1
    assert torch.equal(kept, linear(x, labels, replace(PLAIN, epochs=best + 1)))
    assert not torch.equal(kept, linear(x, labels, PLAIN))


class Seen(nn.Module):
    """A probe that remembers in which mode it was asked."""

    def __init__(self):
        super().__init__()
        self.linear, self.modes = nn.Linear(D, 3), []

    def forward(self, x):
        self.modes.append((torch.is_grad_enabled(), self.training))
        return self.linear(x)


def test_units_are_dropped_in_all_of_training_and_in_no_answer():
    x, labels = data()
    probe = Seen()
    outputs = fit(probe, x, lambda out, n: F.cross_entropy(out, labels[n]), ALL, ALL, PLAIN)
    outputs(ALL)
    assert set(probe.modes) == {(True, True), (False, False)}
    assert probe.modes.count((True, True)) == PLAIN.epochs


def test_items_come_once_an_epoch_and_each_time_in_another_order():
    x, labels = data()
    rows = []

    def loss(out, n):
        if torch.is_grad_enabled():
            rows.extend(n.tolist())
        return F.cross_entropy(out, labels[n])

    fit(nn.Linear(D, 3), x, loss, ALL, ALL, replace(PLAIN, epochs=3, batch_size=10))
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
