"""The two-layer probe: for entities, whose tags all compete, and for senses, which do within a lemma.

Both begin as the baseline: to the logits is added, and not trained, how often each class is the label, and
the second layer's weights are 0 at first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dissect.experiments.probes.fit import Learner, Probe, fit
from dissect.experiments.probes.training import Answers, Split, Training, Watch, frequencies
from dissect.experiments.statistics import macro_f1, tag_counts


class TwoLayers(Probe):
    """Linear(d, d), ReLU, dropout, Linear(d, classes).

    Args:
        d: The width of the vectors, and of the hidden layer.
        often: How often each class is the label, (classes,); see `frequencies`.
    """

    often: Tensor

    def __init__(self, d: int, often: Tensor):
        super().__init__()
        self.first = nn.Linear(d, d)
        self.second = nn.Linear(d, len(often), bias=False)
        nn.init.zeros_(self.second.weight)
        self.register_buffer("often", often)

    def hidden(self, x: Tensor, kept: Tensor | None) -> Tensor:
        """The hidden layer, (items, d).

        Args:
            x: (items, d).
            kept: What its units are multiplied by, or None.
        """
        hidden = self.first(x).relu()
        return hidden if kept is None else hidden * kept

    def forward(self, x: Tensor, n: Tensor, kept: Tensor | None) -> Tensor:
        """Logits, (items, classes); see `fit.Learner`.

        Args:
            x: Vectors, (items, d).
            n: The rows that they belong to, (items,).
            kept: What the hidden layer is multiplied by, (items, d), or None.
        """
        return self.second(self.hidden(x, kept)) + self.often


def entity_probes(
    xs: Sequence[Tensor],
    labels: Tensor,
    classes: int,
    split: Split,
    trainings: Sequence[Training],
    seed: int,
    watch: Watch | None = None,
) -> list[Answers]:
    """Two-layer probes for entities: of each what is predicted of the test items, (items,), and its epochs.

    Each is chosen by macro-F1 on the development items.

    Args:
        xs: Of each probe its vectors, (items, d).
        labels: Numbers of classes, (items,).
        classes: How many there are.
        split: Which items are learned from, and which tested.
        trainings: How each is trained.
        seed: Of the first weights, the batches and dropout.
        watch: Told of every epoch; may end the training by raising.
    """
    often = frequencies(labels[split.train], classes)
    learners = []
    for x, training in zip(xs, trainings, strict=True):
        torch.manual_seed(seed)
        learners.append(Learner(TwoLayers(x.shape[1], often), x, labels, training))

    def score(out: Tensor, n: Tensor) -> float:
        named = out.argmax(-1).cpu().numpy()[None]
        return float(macro_f1(tag_counts(named, labels[n].numpy(), classes).sum(1))[0])

    fit(learners, split.train, split.dev, seed, watch, score)
    return [
        {"predicted": learner.outputs(split.test).argmax(-1).cpu(), **learner.told()} for learner in learners
    ]


def two_layer(
    x: Tensor,
    labels: Tensor,
    classes: int,
    split: Split,
    training: Training,
    seed: int,
    watch: Watch | None = None,
) -> Answers:
    """One of `entity_probes`.

    Args:
        x: Its vectors, (items, d).
        labels: Numbers of classes, (items,).
        classes: How many there are.
        split: Which items are learned from, and which tested.
        training: How.
        seed: Of the first weights, the batches and dropout.
        watch: Told of every epoch; may end the training by raising.
    """
    return entity_probes([x], labels, classes, split, [training], seed, watch)[0]


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
        table = hidden.new_full((len(n), int(count.max())), -torch.inf, dtype=senses.dtype)
        # embedding, not indexing: its gradient is added up three times as fast on a processor; and a sparse
        # one has a row for each sense that was asked for, where all the others would be zeros
        of_senses = F.embedding(own, senses, sparse=isinstance(senses, nn.Parameter))
        logits = (F.embedding(item, hidden) * of_senses).sum(-1) + often[own]
        return table.index_put((item, place), logits)


class SenseProbe(TwoLayers):
    """A hidden layer that all lemmas share, and one vector for each sense.

    Args:
        d: The width of the vectors, and of the hidden layer.
        often: How often each sense is the label, (senses,).
        choices: The senses of each row's lemma.
    """

    sparse = ("second.weight",)

    def __init__(self, d: int, often: Tensor, choices: Choices):
        super().__init__(d, often)
        self.choices = choices

    def forward(self, x: Tensor, n: Tensor, kept: Tensor | None) -> Tensor:
        """Logits of the senses of each item's lemma, (items, most senses); see `fit.Learner`.

        Args:
            x: Vectors, (items, d).
            n: The rows that they belong to, (items,).
            kept: What the hidden layer is multiplied by, (items, d), or None.
        """
        return self.choices.logits(self.hidden(x, kept), self.second.weight, self.often, n)


def sense_probes(
    xs: Sequence[Tensor],
    labels: Tensor,
    senses: int,
    choices: Choices,
    split: Split,
    trainings: Sequence[Training],
    seed: int,
    watch: Watch | None = None,
) -> list[Answers]:
    """Two-layer probes for senses: of each what is predicted of the test items, (items,), and its epochs.

    Only the senses of an item's own lemma compete, and only their logits are computed; loss and
    gradient are those of a softmax over all senses in which the others are masked. Each is chosen by accuracy
    on the development items.

    Args:
        xs: Of each probe its vectors, (items, d).
        labels: Numbers of senses, (items,).
        senses: How many there are.
        choices: Those of each item's lemma.
        split: Which items are learned from, and which tested.
        trainings: How each is trained.
        seed: Of the first weights, the batches and dropout.
        watch: Told of every epoch; may end the training by raising.
    """
    often = frequencies(labels[split.train], senses)
    target = labels - choices.first
    learners = []
    for x, training in zip(xs, trainings, strict=True):
        torch.manual_seed(seed)
        learners.append(Learner(SenseProbe(x.shape[1], often, choices), x, target, training))

    def score(out: Tensor, n: Tensor) -> float:
        return (out.argmax(-1).cpu() == target[n]).double().mean().item()

    fit(learners, split.train, split.dev, seed, watch, score)
    first, test = choices.first[split.test], split.test
    return [
        {"predicted": first + learner.outputs(test).argmax(-1).cpu(), **learner.told()}
        for learner in learners
    ]


def sense_probe(
    x: Tensor,
    labels: Tensor,
    senses: int,
    choices: Choices,
    split: Split,
    training: Training,
    seed: int,
    watch: Watch | None = None,
) -> Answers:
    """One of `sense_probes`.

    Args:
        x: Its vectors, (items, d).
        labels: Numbers of senses, (items,).
        senses: How many there are.
        choices: Those of each item's lemma.
        split: Which items are learned from, and which tested.
        training: How.
        seed: Of the first weights, the batches and dropout.
        watch: Told of every epoch; may end the training by raising.
    """
    return sense_probes([x], labels, senses, choices, split, [training], seed, watch)[0]
