"""What a head for words makes of embeddings that are altered, or lack what a sublayer wrote."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dissect.decomposition import Decomposer
from dissect.experiments import masked_words
from dissect.experiments.ablation import ALL, contents
from dissect.experiments.controls import Task, of_answers
from dissect.experiments.measured import Measured, joined, means
from dissect.experiments.probes import moments
from dissect.experiments.probes.linear_head import heads
from dissect.experiments.reading import WHOLE, Text, read, vectors_at
from dissect.features import Features
from dissect.models import PRETRAINED, Loaded

LEARNED = "learned"
ROUNDING = 1e-5  # of the mean size of a dimension: one that is smaller holds nothing
AT_ONCE = masked_words.AT_ONCE
Head = Callable[[Tensor], Tensor]  # embeddings (items, hidden) -> logits (items, types)


# ---- c, length and scale taken away ----


def rescaled(task: Task, seeds: Sequence[int], head: nn.Module | None = None) -> Measured:
    """Masked or next words on the embedding, without c, its length, or its dimensions' scales.

    Args:
        task: Masked or next words.
        seeds: Of what is learned.
        head: The head for whole embeddings; without it the learned one reads alone.

    Returns:
        Columns predictor, score, altered.
    """
    vectors = alterations(task)
    rows = [read(task, vectors, seed) for seed in seeds]
    if head is not None:
        rows.append(read_with(head, task, vectors))
    return joined(rows, "predictor", "score", "altered")


def alterations(task: Task) -> dict[str, Tensor]:
    """The embeddings of the test items as they are, and with something taken away; each (items, hidden).

    One length is the mean length of the training items, one scale the mean over dimensions of their root
    mean square: what is left is of a size that the head knows.

    Args:
        task: Whose items have terms.
    """
    x, test = task.items.features.subset(WHOLE), task.split.test
    seen = x[task.split.train]
    sizes = seen.square().mean(0).sqrt()
    sizes = sizes.where(sizes > ROUNDING * sizes.mean(), sizes.mean())
    return {
        "nothing": x[test],
        "c": task.items.features.subset("i+h+f")[test],
        "length": F.normalize(x[test], dim=-1) * seen.norm(dim=-1).mean(),
        "scale": x[test] * (sizes.mean() / sizes),
    }


def read_with(head: nn.Module, task: Task, vectors: Mapping[str, Tensor]) -> pd.DataFrame:
    """`reading.read`, by a head for whole embeddings.

    Args:
        head: (items, hidden) to logits, (items, vocabulary).
        task: Masked or next words.
        vectors: Of the test items, by what was done to them.
    """
    labels = task.items.labels[task.split.test]
    said = [masked_words.read_by(head, x, labels) for x in vectors.values()]
    return of_answers(task, {getattr(head, "kind", PRETRAINED): said}, list(vectors), 0, "altered")


# ---- what a sublayer changes in the distribution ----


def updates(
    loaded: Loaded, task: Task, text: Text, seeds: Sequence[int], head: nn.Module | None = None
) -> Measured:
    """How far what a sublayer wrote moves the distribution over words, and over how many words.

    With p the distribution of the head on the embedding and q on the embedding less what the sublayer wrote:
    the Kullback-Leibler divergence of q from p in nats; and the exponential of the entropy of `|p − q|`, its
    sum made one, which is n where n words change by as much and the others not at all (after Geva et al.
    2022, "Transformer feed-forward layers build predictions by promoting concepts in the vocabulary space").

    Args:
        loaded: The model.
        task: Masked or next words.
        text: Where the targets are.
        seeds: Of the learned head.
        head: The head for whole embeddings; without it the learned one reads alone.

    Returns:
        Columns predictor, quantity ("divergence", in nats; "words", how many), term, layer. Layer 0 stands
        for a whole term; the term "" for the distribution p itself, which has words alone.
    """
    tested = text.of(task.split.test.tolist())
    written, _ = contents(loaded, tested)
    for term in dict.fromkeys(term for term, _ in written):
        layers = [x for (name, layer), x in written.items() if name == term and layer]
        written[term, ALL] = torch.stack(layers).sum(0)
    e = vectors_at(loaded, tested, Decomposer(loaded.model).embedding)
    heads: list[tuple[str, int, Head]] = [(LEARNED, seed, learned_head(task, seed)) for seed in seeds]
    if head is not None:
        heads.append((getattr(head, "kind", PRETRAINED), 0, head))
    sentences = [task.items.source[n] for n in task.split.test.tolist()]
    rows = []
    for predictor, seed, one in heads:
        of = [("words", "", ALL)]
        values = [spread(one, e)]
        for (term, layer), x in written.items():
            of += [("divergence", term, layer), ("words", term, layer)]
            values += moved(one, e, e - x)
        names = pd.DataFrame(of, columns=["quantity", "term", "layer"])
        found = means(names, torch.stack(values).double().numpy(), sentences)
        rows.append(found.assign(predictor=predictor, seed=seed))
    return joined(rows, "predictor", "quantity", "term", "layer")


@torch.no_grad()
def spread(head: Head, x: Tensor) -> Tensor:
    """Over how many words the distribution is spread, (items,)."""
    return torch.cat([perplexity(head(part).log_softmax(-1).exp()) for part in x.split(AT_ONCE)])


@torch.no_grad()
def moved(head: Head, e: Tensor, less: Tensor) -> list[Tensor]:
    """How far the distribution is moved, in nats, and over how many words; each (items,).

    Args:
        head: Embeddings to logits.
        e: (items, hidden).
        less: The same less what a sublayer wrote.
    """
    divergence, words = [], []
    for one, other in zip(e.split(AT_ONCE), less.split(AT_ONCE), strict=True):
        p, q = head(one).log_softmax(-1), head(other).log_softmax(-1)
        divergence.append((p.exp() * (p - q)).sum(-1))
        words.append(perplexity((p.exp() - q.exp()).abs()))
    return [torch.cat(divergence), torch.cat(words)]


def perplexity(weights: Tensor) -> Tensor:
    """The exponential of the entropy of weights whose sum is made one, (items, types) -> (items,)."""
    share = weights.double() / weights.double().sum(-1, keepdim=True).clamp(min=1e-300)
    return torch.special.entr(share).sum(-1).exp()


def learned_head(task: Task, seed: int) -> Head:
    """The head that `masked_words.learned` learns for whole embeddings, to be read with.

    Args:
        task: Masked or next words.
        seed: Of its first weights and of the batches.
    """
    split, labels, training = task.split, task.items.labels, masked_words.TRAINING
    features: Features = task.items.features
    raw = features.subset(WHOLE)
    mean, deviation = moments(raw, split.train)
    x = ((raw - mean) / deviation).float()
    types = torch.unique(labels[split.train])
    head = heads([x], labels, split, [training], seed, types)[0].probe.get_submodule("linear")
    head = head.cpu()
    return lambda y: head(((y - mean) / deviation).float())
