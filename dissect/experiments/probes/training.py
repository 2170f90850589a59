"""How probes are trained, whatever their kind: on what, by which steps, until when, and with kept answers."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from dissect.features import Features, checksum, remembered
from dissect.hashing import made_by
from dissect.models import pick_device

Watch = Callable[[int, float], None]  # told the epoch and the loss on the development items


@dataclass(frozen=True)
class Training:
    """How a probe is trained: AdamW, with early stopping on the development items.

    Attributes:
        epochs: At most.
        batch_size: In items.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        dropout: The share of numbers that are left out.
        patience: Epochs without a lower loss on the development items.
        gain: By what share the loss has to fall to count as lower.
    """

    epochs: int = 30
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    dropout: float = 0.1
    patience: int = 3
    gain: float = 0.0

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
    """The sum of a subset of the terms, (items, hidden), scaled to unit size on some items.

    Args:
        features: The terms.
        subset: Of the terms.
        fit_on: Places of the items that are scaled to unit size, as the others then are.
    """
    x = features.subset(subset)
    x = near_one(x, x[fit_on].abs().max())
    size = x[fit_on].square().mean().sqrt()
    return x / size if size > 0 else x


def near_one(x: Tensor, largest: Tensor) -> Tensor:
    """x times a power of two, which rounds nothing.

    Then its largest element is just below one, and its squares neither under- nor overflow.
    """
    return torch.ldexp(x, -torch.frexp(largest).exponent.clamp(-126, 126))


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
) -> Callable[[Tensor], Tensor]:
    """Train a probe on some rows; returns what gives its outputs for other rows.

    The weights with the lowest loss on `dev` are kept. Outputs are on the device that it is trained on.

    Args:
        probe: A module, which is changed.
        x: (items, hidden).
        loss: Outputs and the rows they belong to -> mean loss.
        train: Rows to train on.
        dev: Rows to stop by.
        training: How.
        watch: Told of every epoch; may end the training by raising.
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
    def loss_on(rows: Tensor) -> float:
        return loss(outputs(rows), rows).item()

    best, state, stale = float("inf"), probe.state_dict(), 0
    for epoch in range(training.epochs):
        probe.train()
        for n in train[torch.randperm(len(train))].split(training.suited_to(len(train)).batch_size):
            optimizer.zero_grad()
            loss(probe(x[n].to(device)), n).backward()
            optimizer.step()
        dev_loss = loss_on(dev) if len(dev) else 0.0
        if watch:
            watch(epoch, dev_loss)
        if dev_loss < best * (1 - training.gain):
            best, stale = dev_loss, 0
            state = {name: value.clone() for name, value in probe.state_dict().items()}
        else:
            stale += 1
            if stale > training.patience:
                break
    probe.load_state_dict(state)
    return outputs
