"""The two-layer probe: for entities, whose tags all compete, and for senses, which do within a lemma."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dissect.experiments.probes.training import Split, Training, Watch, fit


def two_layer(
    x: Tensor,
    labels: Tensor,
    classes: int,
    split: Split,
    training: Training,
    seed: int,
    watch: Watch | None = None,
) -> dict[str, Tensor]:
    """The two-layer probe for entities: what is predicted of test items, (items,).

    Linear(d, d), ReLU, dropout, Linear(d, classes, no bias).

    Args:
        x: (items, d).
        labels: Numbers of classes, (items,).
        classes: How many there are.
        split: Which items are learned from, and which tested.
        training: How.
        seed: Of the first weights, the batches and dropout.
        watch: Told of every epoch; may end the training by raising.
    """
    torch.manual_seed(seed)
    probe = hidden_layer(x.shape[1], training)
    probe.append(nn.Linear(x.shape[1], classes, bias=False))

    def loss(out: Tensor, n: Tensor) -> Tensor:
        return F.cross_entropy(out, labels[n].to(out.device))

    outputs = fit(probe, x, loss, split.train, split.dev, training, watch)
    return {"predicted": outputs(split.test).argmax(-1).cpu()}


def hidden_layer(d: int, training: Training) -> nn.Sequential:
    """What both begin with: as wide as the vectors are."""
    return nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Dropout(training.dropout))


@dataclass(frozen=True)
class Choices:
    """The senses among which each item has to choose: those of its own lemma.

    Senses are numbered so that those of a lemma follow one another.

    Attributes:
        first: (items,), the number of the lemma's first sense.
        count: (items,), how many it has.
    """

    first: Tensor
    count: Tensor

    def logits(self, hidden: Tensor, senses: Tensor, n: Tensor) -> Tensor:
        """Logits of the items' own senses only, minus infinity where fewer.

        Args:
            hidden: The items' vectors, (items, d).
            senses: (all senses, d).
            n: The items' places, (items,).

        Returns:
            (items, most senses).
        """
        count, first = self.count[n], self.first[n]
        item = torch.arange(len(n)).repeat_interleave(count)
        place = torch.arange(len(item)) - (count.cumsum(0) - count).repeat_interleave(count)
        own = (first.repeat_interleave(count) + place).to(hidden.device)
        item, place = item.to(hidden.device), place.to(hidden.device)
        table = hidden.new_full((len(n), int(count.max())), -torch.inf)
        # embedding, not indexing: its gradient is added up three times as fast on a processor
        logits = (F.embedding(item, hidden) * F.embedding(own, senses)).sum(-1)
        return table.index_put((item, place), logits)


class SenseProbe(nn.Module):
    """A hidden layer that all lemmas share, and one vector for each sense."""

    def __init__(self, d: int, senses: int, training: Training):
        super().__init__()
        self.hidden = hidden_layer(d, training)
        self.senses = nn.Linear(d, senses, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """What the hidden layer makes of x, (items, d)."""
        return self.hidden(x)


def sense_probe(
    x: Tensor,
    labels: Tensor,
    senses: int,
    choices: Choices,
    split: Split,
    training: Training,
    seed: int,
    watch: Watch | None = None,
) -> dict[str, Tensor]:
    """The two-layer probe for senses: what is predicted of test items, (items,).

    Only the senses of an item's own lemma compete, and only their logits are computed; loss and
    gradient are those of a softmax over all senses in which the others are masked.

    Args:
        x: (items, d).
        labels: Numbers of senses, (items,).
        senses: How many there are.
        choices: Those of each item's lemma.
        split: Which items are learned from, and which tested.
        training: How.
        seed: Of the first weights, the batches and dropout.
        watch: Told of every epoch; may end the training by raising.
    """
    torch.manual_seed(seed)
    probe = SenseProbe(x.shape[1], senses, training)

    def loss(out: Tensor, n: Tensor) -> Tensor:
        own = choices.logits(out, probe.senses.weight, n)
        return F.cross_entropy(own, (labels[n] - choices.first[n]).to(out.device))

    hidden = fit(probe, x, loss, split.train, split.dev, training, watch)(split.test)
    with torch.no_grad():
        own = choices.logits(hidden, probe.senses.weight, split.test)
    return {"predicted": choices.first[split.test] + own.argmax(-1).cpu()}
