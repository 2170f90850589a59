"""Predictors learned from the terms: linear heads, the two-layer probe, and kNN.

Each takes vectors of one subset of the terms, (items, hidden). Vectors are divided by one number
per subset, their root mean square, so that one learning rate suits terms of any size.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dissect.decomposition import sized
from dissect.features import Features, checksum, remembered
from dissect.hashing import made_by
from dissect.models import pick_device

TIED = 1e-5  # by how much two distances between vectors of length one differ by float32's rounding alone
Watch = Callable[[int, float], None]  # told the epoch and the loss on the development items


@dataclass(frozen=True)
class Training:
    """How a probe is trained: AdamW, with early stopping on the development items."""

    epochs: int = 30
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    dropout: float = 0.1
    patience: int = 3  # epochs without a lower loss on the development items
    gain: float = 0.0  # by what share the loss has to fall to count as lower

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
    np.random.default_rng(seed).shuffle(names)
    a, b = int(0.8 * len(names)), int(0.9 * len(names))
    places = [np.flatnonzero(np.isin(groups_, part)) for part in (names[:a], names[a:b], names[b:])]
    return Split(*(torch.from_numpy(part) for part in places))


def vectors_of(features: Features, subset: str, fit_on: Tensor) -> Tensor:
    """The sum of a subset of the terms, (items, hidden), scaled to unit size on `fit_on`."""
    x = features.subset(subset)
    x = near_one(x, x[fit_on].abs().max())
    size = x[fit_on].square().mean().sqrt()
    return x / size if size > 0 else x


def near_one(x: Tensor, largest: Tensor) -> Tensor:
    """x times a power of two, which rounds nothing: then its largest element is just below one, and its
    squares neither under- nor overflow."""
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

    probe: vectors (items, hidden) -> its answers by name; name: of its architecture. data: what it learns
    from beside the labels.
    """
    about = {
        "probe": name, "terms": subset, "seed": seed, "training": asdict(training),
        "data": learned_from(labels, split, **data), "device": pick_device().type,
        **made_by("experiments.probes"),
    }  # fmt: skip
    return remembered(features.folder, about, lambda: probe(vectors_of(features, subset, split.train)))


def learned_from(labels: Tensor, split: Split, **data: Tensor) -> str:
    """A hash of what probes learn from beside the terms, for a key."""
    parts = {"train": split.train, "dev": split.dev, "test": split.test}
    return checksum({"labels": labels, **parts, **data})


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

    x: (items, hidden); labels: (items,) token ids; types: sorted token ids.
    Returns, for the test items, the predicted ids and the log_chance of the right one, minus
    infinity where it was never seen in training; each (items,).
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
        return F.cross_entropy(out, target[n].to(out.device))

    logits = fit(head, x, loss, split.train, dev, training, watch)(split.test).cpu()
    right = logits.log_softmax(-1).gather(1, target[split.test, None])[:, 0]
    right[~known[split.test]] = -torch.inf
    return {"predicted": types[logits.argmax(-1)], "log_chance": right}


def linear_from(target: Tensor, d: int, types: int) -> nn.Linear:
    """A linear layer that begins as the baseline does: with no weights it names types by how often
    they are the target, so that training only has to learn what the vectors add to that.
    """
    linear = nn.Linear(d, types)
    with torch.no_grad():
        linear.bias.copy_(
            torch.log((torch.bincount(target, minlength=types) + 0.5) / (len(target) + 0.5 * types))
        )
    return linear


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
    """
    torch.manual_seed(seed)
    probe = hidden_layer(x.shape[1], training)
    probe.append(nn.Linear(x.shape[1], classes, bias=False))

    def loss(out: Tensor, n: Tensor) -> Tensor:
        return F.cross_entropy(out, labels[n].to(out.device))

    outputs = fit(probe, x, loss, split.train, split.dev, training, watch)
    return {"predicted": outputs(split.test).argmax(-1).cpu()}


def hidden_layer(d: int, training: Training) -> nn.Sequential:
    return nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Dropout(training.dropout))


@dataclass(frozen=True)
class Choices:
    """The senses among which each item has to choose: those of its own lemma.

    Senses are numbered so that those of a lemma follow one another.
    """

    first: Tensor  # (items,), the number of the lemma's first sense
    count: Tensor  # (items,), how many it has

    def logits(self, hidden: Tensor, senses: Tensor, n: Tensor) -> Tensor:
        """Logits of the items' own senses only, (items, most senses), minus infinity where fewer.

        hidden: (items, d), the items' vectors; senses: (all senses, d); n: (items,), their places.
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


def fit(
    probe: nn.Module,
    x: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    train: Tensor,
    dev: Tensor,
    training: Training,
    watch: Watch | None = None,
) -> Callable[[Tensor], Tensor]:
    """Train a probe on rows `train` of x; returns what gives its outputs for other rows.

    loss: outputs and the rows they belong to -> mean loss. The weights with the lowest loss on
    `dev` are kept; `watch` may end it by raising. Outputs are on the device that it is trained on.
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


def nearest_neighbours(
    x: Tensor, labels: Sequence[str], lemmas: Sequence[str], split: Split, k: int = 5
) -> list[str]:
    """The sense that most of the k nearest training items of the same lemma have.

    x: (items, hidden). Near is by cosine. Of training items equally near, but for rounding, those
    that stand first in the corpus count; of senses with equal votes the one with the nearest neighbour
    wins; of a lemma without training items the answer is "". Vectors of nothing but zeros (the
    empty subset) leave the most frequent sense.
    """
    blind = not x.any()
    train_of, test_of = defaultdict(list), defaultdict(list)
    for n in split.train.tolist():
        train_of[lemmas[n]].append(n)
    for n in split.test.tolist():
        test_of[lemmas[n]].append(n)
    answers: dict[int, str] = {}
    for lemma, rows in test_of.items():
        neighbours = train_of[lemma]
        if not neighbours:
            answers |= dict.fromkeys(rows, "")
            continue
        if blind:
            nearest = torch.arange(len(neighbours)).expand(len(rows), -1)
        else:
            nearest = nearest_of(x[rows], x[neighbours], min(k, len(neighbours)))
        for row, places in zip(rows, nearest.tolist(), strict=True):
            # Counter keeps the order of arrival among equals: nearest first
            counts = Counter(labels[neighbours[place]] for place in places)
            answers[row] = counts.most_common(1)[0][0]
    return [answers[n] for n in split.test.tolist()]


def nearest_of(x: Tensor, others: Tensor, k: int) -> Tensor:
    """For each vector of x the places of the k nearest among the others, nearest first, (vectors, k).

    Distances are those between the vectors divided by their lengths. One after another is taken: of those
    that are by at most `TIED` farther than the nearest left, the first.
    """
    unit, other_unit = (F.normalize(sized(y.double())[1], dim=-1) for y in (x, others))
    distances = (2 - 2 * unit @ other_unit.T).clamp(min=0).sqrt()
    found = []
    for _ in range(k):
        near = distances <= distances.amin(-1, keepdim=True) + TIED
        found.append(near.int().argmax(-1, keepdim=True))
        distances.scatter_(-1, found[-1], torch.inf)
    return torch.cat(found, dim=-1)
