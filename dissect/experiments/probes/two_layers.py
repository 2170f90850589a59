"""The two-layer probe: for entities, whose tags all compete, and for senses, which do within a lemma.

Both begin as the baseline: to the logits is added, and not trained, how often each class is the label, and
the second layer's weights are 0 at first.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dissect.experiments.probes.training import Split, Training, Watch, fit, frequencies
from dissect.experiments.statistics import macro_f1, tag_counts
from dissect.models import pick_device


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

    Linear(d, d), ReLU, dropout, Linear(d, classes). It is chosen by macro-F1 on the development items.

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
    probe.append(without_weights(x.shape[1], classes))
    often = frequencies(labels[split.train], classes).to(pick_device())

    def loss(out: Tensor, n: Tensor) -> Tensor:
        return F.cross_entropy(out + often, labels[n].to(out.device), reduction="none")

    def named(out: Tensor) -> Tensor:
        return (out + often).argmax(-1).cpu()

    def score(out: Tensor, n: Tensor) -> float:
        return float(macro_f1(tag_counts(named(out).numpy()[None], labels[n].numpy(), classes).sum(1))[0])

    outputs = fit(probe, x, loss, split.train, split.dev, training, watch, score)
    return {"predicted": named(outputs(split.test))}


def hidden_layer(d: int, training: Training) -> nn.Sequential:
    """What both begin with: as wide as the vectors are."""
    return nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Dropout(training.dropout))


def without_weights(d: int, classes: int) -> nn.Linear:
    """The second layer, whose weights are 0 at first; it has no bias."""
    linear = nn.Linear(d, classes, bias=False)
    nn.init.zeros_(linear.weight)
    return linear


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

    def logits(self, hidden: Tensor, senses: Tensor, often: Tensor, n: Tensor) -> Tensor:
        """Logits of the items' own senses only, minus infinity where fewer.

        Args:
            hidden: The items' vectors, (items, d).
            senses: (all senses, d).
            often: What is added to each sense's logit, (all senses,).
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
        logits = (F.embedding(item, hidden) * F.embedding(own, senses)).sum(-1) + often[own]
        return table.index_put((item, place), logits)


class SenseProbe(nn.Module):
    """A hidden layer that all lemmas share, and one vector for each sense."""

    def __init__(self, d: int, senses: int, training: Training):
        super().__init__()
        self.hidden = hidden_layer(d, training)
        self.senses = without_weights(d, senses)

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
    gradient are those of a softmax over all senses in which the others are masked. It is chosen by accuracy
    on the development items.

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
    often = frequencies(labels[split.train], senses).to(pick_device())

    def logits(out: Tensor, n: Tensor) -> Tensor:
        return choices.logits(out, probe.senses.weight, often, n)

    def loss(out: Tensor, n: Tensor) -> Tensor:
        return F.cross_entropy(
            logits(out, n), (labels[n] - choices.first[n]).to(out.device), reduction="none"
        )

    @torch.no_grad()
    def named(out: Tensor, n: Tensor) -> Tensor:
        return choices.first[n] + logits(out, n).argmax(-1).cpu()

    def score(out: Tensor, n: Tensor) -> float:
        return (named(out, n) == labels[n]).double().mean().item()

    outputs = fit(probe, x, loss, split.train, split.dev, training, watch, score)
    return {"predicted": named(outputs(split.test), split.test)}
