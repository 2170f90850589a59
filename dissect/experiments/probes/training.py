"""How probes are trained, whatever their kind: on what, by which steps, until when, and with kept answers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dissect.features import Features, checksum, remembered
from dissect.hashing import made_by
from dissect.models import pick_device

# A dimension that varies by less than this share of its mean, 1.5e-5, may be constant but for rounding.
# Float32 keeps 2**-24 of a number; over six layers the terms of MiniLM are off by up to 2e-6 of a dimension's
# mean (against the same in float64), in a deeper model by some times as much. The least that any of its
# dimensions truly varies by is 4e-3.
ROUNDING = 2.0**-16
SURE = 2.5  # standard errors: 1 in 160 where nothing was learned, and most of that in an epoch or two
ROWS = 8192  # at once, in float64


class Judged(NamedTuple):
    """How well weights do on the development items.

    Attributes:
        score: What they are chosen by, higher is better.
        loss: The mean loss, in nats.
    """

    score: float
    loss: float


Score = Callable[[Tensor, Tensor], float]  # outputs and the rows that they belong to -> higher is better
Watch = Callable[[int, Judged, Judged], None]  # told the epoch, how its weights do, and how the best do


@dataclass(frozen=True)
class Training:
    """How a probe is trained: AdamW, until the score on the development items has settled; see `fit`.

    Attributes:
        epochs: At most.
        batch_size: In items.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        dropout: The share of numbers that are left out.
        patience: Epochs without a better score on the development items, after which training ends.
    """

    epochs: int = 60
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    dropout: float = 0.1
    patience: int = 5

    def suited_to(self, items: int) -> "Training":
        """The same with larger batches where there are many items: some hundred steps an epoch."""
        return replace(self, batch_size=max(self.batch_size, min(2048, items // 100)))


@dataclass(frozen=True)
class Split:
    """Places of items to train on, to stop by and to test on."""

    train: Tensor
    dev: Tensor
    test: Tensor


def split_groups(groups: Sequence[int], seed: int) -> Split:
    """8:1:1 over groups: items of one group (a sentence) stay together."""
    groups_ = np.asarray(groups)
    names = np.unique(groups_)
    np.random.default_rng(seed % 2**64).shuffle(names)  # numpy takes no negative seed
    a, b = int(0.8 * len(names)), int(0.9 * len(names))
    places = [np.flatnonzero(np.isin(groups_, part)) for part in (names[:a], names[a:b], names[b:])]
    return Split(*(torch.from_numpy(part) for part in places))


def vectors_of(features: Features, subset: str, fit_on: Tensor) -> Tensor:
    """The sum of a subset of the terms, (items, hidden), standardised on some items.

    Args:
        features: The terms.
        subset: Of the terms.
        fit_on: Places of the items over which every dimension has mean 0 and deviation 1; the others are
            moved and scaled as these.
    """
    return standardised(features.subset(subset), fit_on)


def standardised(x: Tensor, fit_on: Tensor) -> Tensor:
    """x with mean 0 and deviation 1 over some rows, dimension by dimension.

    So what a probe learns does not depend on how large a dimension is, nor on what is the same in all items.
    A dimension that varies by no more than rounding does (see `ROUNDING`) is 0 throughout. All is decided in
    float64, in which squares of any float32 neither under- nor overflow.

    Args:
        x: (items, hidden).
        fit_on: Rows.

    Returns:
        (items, hidden), float32.
    """
    mean, deviation = moments(x, fit_on)
    return torch.cat([((part.double() - mean) / deviation).float() for part in x.split(ROWS)])


def moments(x: Tensor, fit_on: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every dimension over some rows, each (hidden,), float64; see `standardised`.

    The deviation of a dimension that varies by no more than rounding is infinite.

    Args:
        x: (items, hidden).
        fit_on: Rows.
    """
    mean, variance = (x.new_zeros(x.shape[1], dtype=torch.float64) for _ in range(2))
    for n in fit_on.split(ROWS):
        mean += x[n].double().sum(0) / len(fit_on)
    for n in fit_on.split(ROWS):
        variance += (x[n].double() - mean).square().sum(0) / len(fit_on)
    deviation = variance.sqrt()
    deviation[deviation <= ROUNDING * mean.abs()] = torch.inf
    return mean, deviation


def trained(
    probe: Callable[[Tensor], dict[str, Tensor]],
    name: str,
    features: Features,
    subset: str,
    labels: Tensor,
    split: Split,
    training: Training,
    seed: int,
    **data: Tensor,
) -> dict[str, Tensor]:
    """What a probe trained on the vectors of a subset answers.

    Where features are in a store the answers are kept there, so that what was interrupted goes on
    with the next probe; they are taken from there when nothing that they depend on has changed.

    Args:
        probe: Vectors (items, hidden) -> its answers by name.
        name: Of its architecture.
        features: The terms of the items.
        subset: Of the terms.
        labels: (items,).
        split: Which items are learned from, and which tested.
        training: How.
        seed: Of what is drawn.
        **data: What it learns from beside the labels.
    """
    about = {
        "probe": name, "terms": subset, "seed": seed, "training": asdict(training),
        "data": learned_from(labels, split, **data), "device": pick_device().type,
        **made_by("experiments.probes"),
    }  # fmt: skip
    return remembered(features.folder, about, lambda: probe(vectors_of(features, subset, split.train)))


def learned_from(labels: Tensor, split: Split, **data: Tensor) -> str:
    """A hash of what probes learn from beside the terms, for a key.

    Args:
        labels: (items,).
        split: Which items are learned from, and which tested.
        **data: What probes learn from beside these.
    """
    parts = {"train": split.train, "dev": split.dev, "test": split.test}
    return checksum({"labels": labels, **parts, **data})


def fit(
    probe: nn.Module,
    x: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    train: Tensor,
    dev: Tensor,
    training: Training,
    watch: Watch | None = None,
    score: Score | None = None,
) -> Callable[[Tensor], Tensor]:
    """Train a probe on some rows; returns what gives its outputs for other rows.

    The weights with the best score on `dev` are kept, of equal ones those with the lowest loss. But none are
    that do not surely do better in loss than the untrained probe, which is to be the baseline: so where
    nothing can be learned the probe stays the baseline, and no luck on `dev` is chosen for what it costs
    elsewhere. Without `dev` the last weights are kept. Outputs are on the device that it is trained on.

    Args:
        probe: A module, which is changed.
        x: (items, hidden).
        loss: Outputs and the rows they belong to -> the loss of each.
        train: Rows to train on.
        dev: Rows to stop by.
        training: How.
        watch: Told of every epoch; may end the training by raising.
        score: What weights are chosen by; by default minus the loss.
    """
    device = pick_device()
    probe = probe.to(device)
    optimizer = torch.optim.AdamW(
        probe.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay,
        fused=device.type in ("cpu", "cuda"),
    )  # fmt: skip

    @torch.no_grad()
    def outputs(rows: Tensor) -> Tensor:
        probe.eval()
        return torch.cat([probe(x[n].to(device)) for n in rows.split(4096)])

    @torch.no_grad()
    def judged() -> tuple[Judged, Tensor]:
        out = outputs(dev)
        losses = loss(out, dev).cpu().double()  # Apple's GPUs have no float64
        mean = losses.mean().item()
        return Judged(-mean if score is None else score(out, dev), mean), losses

    best, untrained = judged() if len(dev) else (Judged(-math.inf, math.inf), dev)
    state, stale = copied(probe), 0
    for epoch in range(training.epochs):
        probe.train()
        for n in train[torch.randperm(len(train))].split(training.suited_to(len(train)).batch_size):
            optimizer.zero_grad()
            loss(probe(x[n].to(device)), n).mean().backward()
            optimizer.step()
        now, losses = judged() if len(dev) else (Judged(epoch, 0.0), dev)
        stale += 1
        learned = not len(dev) or surely_lower(losses, untrained)
        if learned and (now.score, -now.loss) > (best.score, -best.loss):
            best, state, stale = now, copied(probe), 0
        if watch:
            watch(epoch, now, best)
        if stale > training.patience:
            break
    probe.load_state_dict(state)
    return outputs


def surely_lower(losses: Tensor, others: Tensor) -> bool:
    """Whether losses are lower than others of the same items by more than chance.

    Their mean difference has to be more than `SURE` of its standard errors; that of one item says nothing.

    Args:
        losses: (items,).
        others: (items,).
    """
    gain = others - losses
    return len(gain) > 1 and bool(gain.mean() > SURE * gain.std() / len(gain) ** 0.5)


def copied(probe: nn.Module) -> dict[str, Tensor]:
    """The weights of a probe as they are now."""
    return {name: value.clone() for name, value in probe.state_dict().items()}


def frequencies(labels: Tensor, classes: int) -> Tensor:
    """The logarithm of how often each class is the label, (classes,): what a probe knows untrained.

    Of each there is a hundredth of an item more, so that one without an item is rare and not impossible.
    More would be taken from the frequent ones: of masked words most types are met once.

    Args:
        labels: Numbers of classes, (items,).
        classes: How many there are.
    """
    counts = torch.bincount(labels, minlength=classes) + 0.01
    return torch.log(counts / counts.sum())
