"""The head for masked words: one linear layer, which begins as the baseline."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dissect.experiments.probes.training import Split, Training, Watch, fit, frequencies


def masked_head(
    x: Tensor,
    labels: Tensor,
    split: Split,
    training: Training,
    seed: int,
    types: Tensor | None = None,
    watch: Watch | None = None,
) -> dict[str, Tensor]:
    """Dropout and one linear layer to the word pieces seen in training, or to those of `types`.

    It is chosen by its loss on the development items: at rates such as the recorded one accuracy has settled
    there as well, and goes on to rise by little where the loss grows.

    Args:
        x: (items, hidden).
        labels: Token ids, (items,).
        split: Which items are learned from, and which tested.
        training: How.
        seed: Of the batches and dropout; the first weights are 0.
        types: Token ids, sorted; by default those seen in training.
        watch: Told of every epoch; may end the training by raising.

    Returns:
        For the test items, the predicted ids and the log_chance of the right one, minus infinity where it
        was never seen in training; each (items,).
    """
    types = torch.unique(labels[split.train]) if types is None else types
    known = torch.isin(labels, types)
    target = torch.searchsorted(types, labels).clamp_max(len(types) - 1)
    torch.manual_seed(seed)
    head = nn.Sequential(
        nn.Dropout(training.dropout), linear_from(target[split.train], x.shape[1], len(types))
    )
    dev = split.dev[known[split.dev]]

    def loss(out: Tensor, n: Tensor) -> Tensor:
        return F.cross_entropy(out, target[n].to(out.device), reduction="none")

    logits = fit(head, x, loss, split.train, dev, training, watch)(split.test).cpu()
    right = logits.log_softmax(-1).gather(1, target[split.test, None])[:, 0]
    right[~known[split.test]] = -torch.inf
    return {"predicted": types[logits.argmax(-1)], "log_chance": right}


def linear_from(target: Tensor, d: int, types: int) -> nn.Linear:
    """A linear layer that begins as the baseline: without weights, and with `frequencies` as its bias.

    The bias stays as it is. So all that is learned is what the vectors add to how often each type is the
    target, and a head that is given nothing is the baseline to the last digit.

    Args:
        target: Numbers of types, (items,).
        d: The width of the vectors.
        types: How many there are.
    """
    linear = nn.Linear(d, types)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.copy_(frequencies(target, types))
    linear.bias.requires_grad_(False)
    return linear
