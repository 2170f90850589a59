"""What a probe's training is told: how long, by which steps, on which items, and who watches it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Judged(NamedTuple):
    """How well weights do on the development items.

    Attributes:
        score: What they are chosen by, higher is better.
        loss: The mean loss, in nats.
    """

    score: float
    loss: float


Answers = dict[
    str, Tensor
]  # of one probe, by name; each (test items,), but for the epochs that it took, (1,)
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
