"""The head for masked words: one linear layer, which begins as the baseline."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dissect.experiments.probes.fit import Learner, Probe, fit
from dissect.experiments.probes.training import Answers, Split, Training, Watch, frequencies


class LinearHead(Probe):
    """One linear layer without weights, whose bias is how often each type is the target, and stays so.

    So all that is learned is what the vectors add to that, and a head that is given nothing is the baseline
    to the last digit. What is dropped out is part of the vectors.

    Args:
        d: The width of the vectors.
        often: The bias, (types,); see `frequencies`.
    """

    def __init__(self, d: int, often: Tensor):
        super().__init__()
        self.linear = nn.Linear(d, len(often))
        nn.init.zeros_(self.linear.weight)
        self.linear.bias = nn.Parameter(often.clone(), requires_grad=False)

    def forward(self, x: Tensor, n: Tensor, kept: Tensor | None) -> Tensor:
        """Logits, (items, types); see `fit.Learner`.

        Args:
            x: Vectors, (items, d).
            n: The rows that they belong to, (items,).
            kept: What they are multiplied by, (items, d), or None.
        """
        return self.linear(x if kept is None else x * kept)


def masked_heads(
    xs: Sequence[Tensor],
    labels: Tensor,
    split: Split,
    trainings: Sequence[Training],
    seed: int,
    types: Tensor | None = None,
    watch: Watch | None = None,
) -> list[Answers]:
    """Dropout and one linear layer to the word pieces seen in training, or to those of `types`.

    It is chosen by its loss on the development items: at rates such as the recorded one accuracy has settled
    there as well, and goes on to rise by little where the loss grows.

    Args:
        xs: Of each head its vectors, (items, hidden).
        labels: Token ids, (items,).
        split: Which items are learned from, and which tested.
        trainings: How each is trained.
        seed: Of the batches and dropout; the first weights are 0.
        types: Token ids, sorted; by default those seen in training.
        watch: Told of every epoch; may end the training by raising.

    Returns:
        Of each head, for the test items, the predicted ids and the log_chance of the right one, minus
        infinity where it was never seen in training; each (items,). And the epochs that it took, (1,).
    """
    types = torch.unique(labels[split.train]) if types is None else types
    known = torch.isin(labels, types)
    learners = heads(xs, labels, split, trainings, seed, types, watch)
    answers = []
    for learner in learners:
        logits = learner.outputs(split.test).cpu()
        right = logits.log_softmax(-1).gather(1, learner.target[split.test, None])[:, 0]
        right[~known[split.test]] = -torch.inf
        answers.append({"predicted": types[logits.argmax(-1)], "log_chance": right, **learner.told()})
    return answers


def heads(
    xs: Sequence[Tensor],
    labels: Tensor,
    split: Split,
    trainings: Sequence[Training],
    seed: int,
    types: Tensor,
    watch: Watch | None = None,
) -> list[Learner]:
    """The trained heads themselves; see `masked_heads`.

    Args:
        xs: Of each head its vectors, (items, hidden).
        labels: Token ids, (items,).
        split: Which items are learned from, and which stop the training.
        trainings: How each is trained.
        seed: Of the batches and dropout.
        types: Token ids, sorted.
        watch: Told of every epoch; may end the training by raising.
    """
    target = torch.searchsorted(types, labels).clamp_max(len(types) - 1)
    often = frequencies(target[split.train], len(types))
    learners = [
        Learner(LinearHead(x.shape[1], often), x, target, training)
        for x, training in zip(xs, trainings, strict=True)
    ]
    dev = split.dev[torch.isin(labels, types)[split.dev]]
    fit(learners, split.train, dev, seed, watch)
    return learners


def masked_head(
    x: Tensor,
    labels: Tensor,
    split: Split,
    training: Training,
    seed: int,
    types: Tensor | None = None,
    watch: Watch | None = None,
) -> Answers:
    """One of `masked_heads`.

    Args:
        x: Its vectors, (items, hidden).
        labels: Token ids, (items,).
        split: Which items are learned from, and which tested.
        training: How.
        seed: Of the batches and dropout.
        types: Token ids, sorted; by default those seen in training.
        watch: Told of every epoch; may end the training by raising.
    """
    return masked_heads([x], labels, split, [training], seed, types, watch)[0]
