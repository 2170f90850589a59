"""Checks of the exercises on the derivation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from dissect.exercises import given
from dissect.exercises.checking import (
    NotYet,
    by_name,
    called,
    checks,
    near,
    need,
    numbers,
    report,
    signature_of,
)
from dissect.exercises.given import ToyLayer
from dissect.parts import TERMS

# Definitions: the four closed forms of the chapter, and of the paper's section 3.
WHERE = {
    "word vector": "i", "position vector": "i", "value bias": "c", "inner bias of a feed-forward": "f",
    "output bias of a feed-forward": "c", "bias of a norm": "c", "mean that a norm takes away": "c",
}  # fmt: skip


@checks("1.1")
def origins(answer: Any) -> None:
    said = by_name(answer, list(WHERE))
    strange = [where for where in WHERE if said[where] not in TERMS]
    need(not strange, f"A term is one of four letters; look at: {', '.join(strange)}.")
    off = [where for where in WHERE if said[where] != WHERE[where]]
    need(not off, f"{len(off)} of {len(WHERE)} end up elsewhere. Follow these once more: {', '.join(off)}.")


def closed_forms(layer: ToyLayer) -> np.ndarray:
    """The four terms of a toy layer by the chapter's closed forms, (4, n, d)."""
    x, m1, s1 = given.norm(layer.x + layer.attention(layer.x), layer.g_1, layer.b_1)
    _, m2, s2 = given.norm(x + layer.feedforward(x), layer.g_2, layer.b_2)
    late = layer.g_2 / s2
    early = layer.g_1 / s1 * late
    i = early * layer.x
    h = early * (layer.a @ layer.x @ layer.V @ layer.M)
    f = late * (layer.feedforward(x) - layer.b_W2)
    c = early * (layer.b_V @ layer.M + layer.b_M - m1) + late * (layer.b_1 + layer.b_W2 - m2) + layer.b_2
    return np.stack([i, h, f, c])


@checks("1.2")
def one_layer(answer: Any) -> None:
    layer = given.toy_layer()
    right = closed_forms(layer)
    said = numbers(answer, right.shape, "four arrays, i, h, f and c, each (tokens, d)")
    e = layer.embedding()
    error = np.abs(e - said.sum(0)).max() / np.abs(e).max()
    off = [term for term, a, b in zip(TERMS, said, right, strict=True) if not near(a, b)]
    need(
        len(off) < 4,
        "None of the four is right"
        + (", though they add up" if error < 1e-3 else "")
        + ": is each rescaled by every norm that comes after it?",
    )
    need(
        error < 1e-3,
        f"The four miss the embedding by {error:.0%} of its largest number; look at: {', '.join(off)}.",
    )
    need(
        off != ["h", "c"],
        "The sum is right, but part of h belongs to c, or the other way round: which part of the "
        "attention does not look at the input?",
    )
    need(
        off != ["f", "c"],
        "The sum is right, but part of f belongs to c, or the other way round: which bias has "
        "no nonlinear function after it?",
    )
    need(not off, f"The sum is right, the parting is not: look at {', '.join(off)}.")


def spread(x: torch.Tensor) -> float:
    """The largest distance between two rows, relative to their mean length."""
    return (torch.cdist(x, x).max() / x.norm(dim=-1).mean()).item()


@checks("1.3")
def not_constant(answer: Any) -> None:
    said = float(numbers(answer, (), "one number"))
    parts = given.dissected()
    right = spread(parts.c[0])
    if near(said, right, 1e-2):
        return
    need(said != 0, "If that were so, every token would have the same c: compare two different tokens.")
    for term in "ihf":
        need(not near(said, spread(parts[term][0])), "That is how far another of the terms varies.")
    length = parts.c[0].norm(dim=-1).mean().item()
    need(not near(said, right * length, 1e-2), "That is a distance; it is not yet relative to c's length.")
    raise NotYet(
        f"Your number is too {'large' if said > right else 'small'}: take the largest Euclidean distance "
        "over all pairs of tokens, [CLS] and [SEP] included, and divide by the mean length of c.",
    )


def biases(norms: Sequence[given.Norm], e: torch.Tensor, first: int = 1) -> np.ndarray:
    """The share of the embedding e, (tokens, hidden), that each norm's bias brings, mean over tokens.

    first: from how many norms later on they rescale it.
    """
    shares = []
    for n, norm in enumerate(norms):
        x = norm.bias.expand_as(e)
        for later in norms[n + first :]:
            x = x * later.gain / later.deviation
        shares.append(((e * x).sum(-1) / (e * e).sum(-1)).mean().item())
    return np.array(shares)


@checks("1.4")
def norm_biases(answer: Any) -> None:
    norms, e = given.norms(), given.dissected().embedding[0]
    said = numbers(answer, (len(norms),), f"{len(norms)} numbers, a share for each norm")
    right = biases(norms, e)
    need(
        not near(said, biases(norms, e, first=len(norms))),
        "The last one is right, the others are not: what happens to a vector that joined the stream earlier?",
    )
    need(
        not near(said, biases(norms, e, first=0)),
        "Each bias is rescaled once too often: does a norm's own gain act on its own bias?",
    )
    off = [str(n) for n, (a, b) in enumerate(zip(said, right, strict=True)) if not near(a, b, 1e-2)]
    need(not off, f"The shares of these norms are off: {', '.join(off)}. Which norms come after each?")


@checks("1.5")
def scaled_gain(answer: Any) -> None:
    signature_of(answer, "i", "h", "f", "c", "b", "a")
    layer = given.toy_layer(seed=1)
    for a in (1.0, 0.5, 3.0):
        e, (i, h, f, c) = layer.embedding(), closed_forms(layer)
        scaled = layer.with_last_gain(a)
        new = scaled.embedding()
        right = np.einsum("nd,xnd->xn", new, closed_forms(scaled)) / (new * new).sum(-1)
        old = np.einsum("nd,xnd->xn", e, np.stack([i, h, f, c])) / (e * e).sum(-1)
        rows = [called(answer, i[n], h[n], f[n], c[n], layer.b_2, a) for n in range(len(e))]
        said = numbers(rows, (len(e), 4), "a function that returns four numbers").T
        need(
            a == 1 or not near(said, old),
            "Your importances do not move at all. Is every part of c multiplied by the last gain?",
        )
        need(
            near(said.sum(0), np.ones(len(e))),
            f"With a = {a} your four importances do not add up to one: is the embedding the new one?",
        )
        need(near(said, right), f"With a = {a} the importances are not those of the layer with that gain.")


@checks("1.6")
def intervention(answer: Any) -> None:
    report(answer, least=given.loaded().model.config.num_hidden_layers)
