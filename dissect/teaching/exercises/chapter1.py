"""Checks of the exercises on the derivation."""

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import torch

from dissect.decomposition import TERMS
from dissect.teaching.exercises import materials
from dissect.teaching.exercises.checking import (
    NotYet,
    by_name,
    checks,
    need,
    numbers,
    report,
    same,
    signature_of,
)
from dissect.teaching.exercises.mistakes import kept
from dissect.teaching.exercises.one_layer import Forward, mistakes

# Definitions: the four closed forms of the chapter, and of the paper's section 3.
WHERE = {
    "word vector": "i", "position vector": "i", "value bias": "c", "inner bias of a feed-forward": "f",
    "output bias of a feed-forward": "c", "bias of a norm": "c", "mean that a norm takes away": "c",
}  # fmt: skip


@checks("1.1")
def origins(answer: Any) -> None:
    said = {where: str(term).strip().lower() for where, term in by_name(answer, list(WHERE)).items()}
    strange = [where for where in WHERE if said[where] not in TERMS]
    need(not strange, f"A term is one of four letters; look at: {', '.join(strange)}.")
    off = [where for where in WHERE if said[where] != WHERE[where]]
    need(not off, f"{len(off)} of {len(WHERE)} end up elsewhere. Follow these once more: {', '.join(off)}.")


@checks("1.2")
def one_layer(answer: Any, seed: int = 0) -> None:
    layer = materials.toy_layer(seed)
    right = Forward(layer).terms()
    said = numbers(answer, right.shape, "four arrays, i, h, f and c, each (tokens, d)")
    off = [term for term, a, b in zip(TERMS, said, right, strict=True) if not same(a, b)]
    if not off:
        return
    need(not same(said, right, 1), "That is rounded too far: give two decimals at least.")
    orders = (right[list(order)] for order in permutations(range(4)))
    need(not any(map(lambda x: same(said, x), orders)), "The four are there, and stand in another order.")
    where = f"Off are: {', '.join(off)}."
    for term, words, wrong in mistakes(Forward(layer)):
        need(term not in off or not same(said[TERMS.index(term)], wrong), f"{where} {words}")
    error = np.abs(layer.embedding() - said.sum(0)).max() / np.abs(layer.embedding()).max()
    need(error < 0.02, f"{where} The four together miss the embedding by {error:.0%} of its largest number.")
    raise NotYet(f"{where} The sum is near the embedding, but the parting is not that of the closed forms.")


def spread(x: torch.Tensor) -> torch.Tensor:
    """The largest distance between two rows, relative to their mean length."""
    return torch.cdist(x, x).max() / x.norm(dim=-1).mean()


def other_spreads(sentence: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Typical mistakes of 1.3: what to say, and the number that they lead to."""
    parts = materials.dissected(sentence)
    c = parts.c[0].detach()
    apart, lengths = torch.cdist(c, c), c.norm(dim=-1)
    pairs = apart[~torch.eye(len(c), dtype=torch.bool)]
    for term in "ihf":
        yield "That is how far another of the terms varies.", spread(parts[term][0])
    yield "That is how far the embedding varies; c is asked for.", spread(parts.embedding[0])
    yield "That is a distance; it is not yet relative to c's length.", apart.max()
    for some in (apart, pairs):
        yield "That is the mean distance; the largest is asked for.", some.mean()
        yield "That is the mean distance; the largest is asked for.", some.mean() / lengths.mean()
    for inner in (apart[1:-1, 1:-1].max() / lengths[1:-1].mean(), apart[1:-1, 1:-1].max() / lengths.mean()):
        yield "The special tokens are left out: they count here.", inner
    yield "You divide by the largest length; the mean length is asked for.", apart.max() / lengths.max()
    yield "You divide by the smallest length; the mean length is asked for.", apart.max() / lengths.min()
    yield (
        "You divide by the length of the mean; the mean length is asked for.",
        apart.max() / c.mean(0).norm(),
    )
    yield (
        "You divide by the embedding's length; c's own is asked for.",
        (apart.max() / parts.embedding[0].norm(dim=-1).mean()),
    )
    yield "You divide by the sum of the lengths; their mean is asked for.", apart.max() / lengths.sum()
    yield "The distance is not to be squared.", apart.max() ** 2 / lengths.mean()
    yield "The distance is not to be squared.", apart.max() ** 2
    yield (
        "That is how much the lengths differ; tokens also differ in direction.",
        ((lengths.max() - lengths.min()) / lengths.mean()),
    )
    yield "That is in percent: leave the factor of a hundred out.", 100 * spread(c)


@checks("1.3")
def not_constant(answer: Any, sentence: str = materials.CRANE) -> None:
    said = float(numbers(answer, (), "one number"))
    c = materials.dissected(sentence).c[0].detach()
    right = spread(c).item()
    if same(said, right):
        return
    need(not same(said, right, 1), "That is rounded too far: give two decimals at least.")
    need(said != 0, "If that were so, every token would have the same c: compare two different tokens.")
    for words, wrong in other_spreads(sentence):
        need(not same(said, wrong.item()), words)
    raise NotYet(
        f"Your number is too {'large' if said > right else 'small'}: take the largest Euclidean distance "
        "over all pairs of tokens, [CLS] and [SEP] included, and divide by the mean length of c.",
    )


Arrive = Callable[[torch.Tensor, materials.Norm], torch.Tensor]


def arrived(
    norms: Sequence[materials.Norm],
    e: torch.Tensor,
    first: int = 1,
    step: Arrive = lambda x, norm: x * norm.gain / norm.deviation,
) -> list[torch.Tensor]:
    """What is left of each norm's bias in the embedding.

    Args:
        norms: Those of the stream, in order.
        e: The embedding, (tokens, hidden).
        first: From how many norms later on they rescale it.
        step: How one does.

    Returns:
        A norm each, (tokens, hidden).
    """
    result = []
    for n, norm in enumerate(norms):
        x = norm.bias.expand_as(e)
        for later in norms[n + first :]:
            x = step(x, later)
        result.append(x)
    return result


def biases(arrive: Sequence[torch.Tensor], e: torch.Tensor) -> np.ndarray:
    """The share of the embedding e, (tokens, hidden), that each brings, mean over tokens."""
    return np.array([((e * x).sum(-1) / (e * e).sum(-1)).mean().item() for x in arrive])


def other_biases(norms: Sequence[materials.Norm], e: torch.Tensor) -> Iterator[tuple[str, np.ndarray]]:
    """Typical mistakes of 1.4: what to say, and the shares that they lead to."""
    right, x = biases(arrived(norms, e), e), arrived(norms, e)
    yield "They stand the other way round: the first is to be norm 0.", right[::-1]
    yield (
        "The last one is right, the others are not: what happens to a vector that joined the stream earlier?",
        biases(arrived(norms, e, first=len(norms)), e),
    )
    yield (
        "Each bias is rescaled once too often: does a norm's own gain act on its own bias?",
        biases(arrived(norms, e, first=0), e),
    )
    yield "Each bias misses the norm right after it.", biases(arrived(norms, e, first=2), e)
    yield (
        "Each bias is multiplied by the gains, and not divided by the deviations.",
        biases(arrived(norms, e, step=lambda x, norm: x * norm.gain), e),
    )
    yield (
        "Each bias is divided by the deviations, and not multiplied by the gains.",
        biases(arrived(norms, e, step=lambda x, norm: x / norm.deviation), e),
    )
    yield (
        "You divide by variances; a norm divides by the standard deviation.",
        biases(arrived(norms, e, step=lambda x, norm: x * norm.gain / norm.deviation**2), e),
    )
    yield (
        "You multiply by the deviations; a norm divides by them.",
        biases(arrived(norms, e, step=lambda x, norm: x * norm.gain * norm.deviation), e),
    )
    earlier = biases(arrived(norms[::-1], e), e)[::-1]
    yield "Each bias is rescaled by the norms before it, and not by those after it.", earlier
    yield "These are sums over the tokens; their mean is asked for.", right * len(e)
    yield "The special tokens are left out: they count here.", biases([y[1:-1] for y in x], e[1:-1])
    yield "That is one token; the mean over all tokens is asked for.", biases([y[:1] for y in x], e[:1])
    over = (e * e).sum()
    yield (
        "Take each token's share first and the mean afterwards.",
        np.array([((e * y).sum() / over) for y in x]),
    )
    sizes = e.norm(dim=-1)
    yield (
        "These are ratios of lengths, and no shares.",
        np.array([(y.norm(dim=-1) / sizes).mean() for y in x]),
    )
    yield "These are lengths, and no shares.", np.array([y.norm(dim=-1).mean() for y in x])
    yield "These are dot products, not yet divided by e · e.", np.array([(e * y).sum(-1).mean() for y in x])
    yield (
        "You divide by the length of e; a share divides by e · e.",
        np.array([((e * y).sum(-1) / sizes).mean() for y in x]),
    )
    yield (
        "These are cosines, and no shares.",
        np.array([torch.cosine_similarity(e, y, dim=-1).mean() for y in x]),
    )
    yield "The signs are gone: a share may be negative.", abs(right)


@checks("1.4")
def norm_biases(answer: Any, sentence: str = materials.CRANE) -> None:
    norms, e = materials.norms(sentence), materials.dissected(sentence).embedding[0].detach()
    said = numbers(answer, (len(norms),), f"{len(norms)} numbers, a share for each norm")
    right = biases(arrived(norms, e), e)
    scale, decimals = (1, 3) if np.abs(said - right).max() < np.abs(said - 100 * right).max() else (100, 1)
    pairs = enumerate(zip(said, scale * right, strict=True))
    off = [str(n) for n, (a, b) in pairs if not same(a, b, decimals)]
    if not off:
        return
    need(said.any(), "All are zero. The shares are small: keep four decimals.")
    for words, wrong in other_biases(norms, e):
        need(not same(said, wrong, 3) and not same(said, 100 * wrong, 1), words)
    raise NotYet(f"The shares of these norms are off: {', '.join(off)}. Which norms come after each?")


def importances(*terms: np.ndarray, e: np.ndarray | None = None) -> np.ndarray:
    """e·x / e·e of four terms, each (d,); e: their sum, unless it is another."""
    e = np.sum(terms, axis=0) if e is None else e
    return np.stack(terms) @ e / (e @ e)


# Typical mistakes of 1.5: what to say, and the function of i, h, f, c, b, a.
OTHER_GAINS: dict[str, Callable[..., np.ndarray]] = {
    "Your importances do not move at all. Is every part of c multiplied by the last gain?": (
        lambda i, h, f, c, b, a: importances(i, h, f, c)
    ),
    "Your importances do not add up to one: is the embedding the new one?": (
        lambda i, h, f, c, b, a: importances(a * i, a * h, a * f, c, e=i + h + f + c)
    ),
    "c is as it was; is b the whole of it?": lambda i, h, f, c, b, a: importances(a * i, a * h, a * f, c),
    "Your c lost the last bias.": lambda i, h, f, c, b, a: importances(a * i, a * h, a * f, a * (c - b)),
    "The last bias is counted twice: c holds it already.": (
        lambda i, h, f, c, b, a: importances(a * i, a * h, a * f, a * c + b)
    ),
    "c alone moves; what of the other three?": lambda i, h, f, c, b, a: importances(i, h, f, a * (c - b) + b),
    "Of c you rescale the bias, and the rest you leave.": (
        lambda i, h, f, c, b, a: importances(a * i, a * h, a * f, c - b + a * b)
    ),
    "You divide by a where the gain multiplies.": (
        lambda i, h, f, c, b, a: importances(i / a, h / a, f / a, (c - b) / a + b)
    ),
}


@checks("1.5")
def scaled_gain(answer: Any) -> None:
    signature_of(answer, "i", "h", "f", "c", "b", "a")
    asked, right = [], []
    for seed, a in ((1, 0.5), (2, 3.0), (3, 1.0)):
        layer = materials.toy_layer(seed=seed)
        old, new = (Forward(one).terms() for one in (layer, layer.with_last_gain(a)))
        for n in range(old.shape[1]):
            asked.append((*old[:, n], layer.b_2, a))
            right.append(importances(*new[:, n]))
    said = numbers(
        [numbers(kept(answer, *args), (4,), "a function that returns four numbers") for args in asked],
        (len(asked), 4),
        "a function that returns four numbers",
    )
    if same(said, right):
        return
    for words, wrong in OTHER_GAINS.items():
        need(not same(said, [wrong(*args) for args in asked]), words)
    need(
        same(said.sum(1), np.ones(len(said))),
        "Your four importances do not add up to one: is the embedding that you divide by the new one?",
    )
    off = next(a for (*_, a), x, y in zip(asked, said, right, strict=True) if not same(x, y))
    raise NotYet(f"With a = {off} the importances are not those of the layer with that gain.")


@checks("1.6")
def intervention(answer: Any) -> None:
    report(answer, least=materials.loaded().model.config.num_hidden_layers)
