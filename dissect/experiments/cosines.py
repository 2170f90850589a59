"""How alike embeddings of different tokens are, and whether like tokens are nearest to one another.

Both with and without a term: what a term adds to all tokens alike makes them point the same way (Ethayarajh
2019, "How contextual are contextualized word representations?"; Timkey and van Schijndel 2021, "All bark and
no bite").
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from dissect.decomposition import Decomposer, sized
from dissect.experiments.certainty import about, parted
from dissect.experiments.measured import Measured, joined, means
from dissect.experiments.pieces import in_order, of_words, shown
from dissect.features import over_text
from dissect.models import Loaded

WHOLE = "i+h+f+c"
LESS_ONE = (WHOLE, "h+f+c", "i+f+c", "i+h+c", "i+h+f")
PIECES = 6000  # so many are compared with one another, at most


def anisotropy(loaded: Loaded, sentences: Sequence[str], subsets: Sequence[str] = LESS_ONE) -> Measured:
    """The mean cosine between vectors of different word pieces, by layer and subset of the terms.

    With u the n vectors divided by their lengths, the mean over all pairs is `(|Σu|² − n) / (n (n − 1))`.

    Args:
        loaded: The model.
        sentences: The text.
        subsets: Of the terms, whose sums are compared; the whole is the embedding.

    Returns:
        Columns layer, terms.
    """
    rows = shown(loaded, sentences)
    group_of = parted(np.array(rows))
    groups = max(group_of.values()) + 1
    decomposer = Decomposer(loaded.model)

    def of_batch(batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        words = of_words(loaded, batch)
        layers = decomposer.each_layer(**batch)
        sums = [torch.stack([summed(parts[name], words) for name in subsets]) for parts in layers]
        return torch.stack(sums).double().cpu(), words.sum(-1).cpu()

    total: Tensor | None = None
    pieces = torch.zeros(groups, dtype=torch.float64)
    at = 0
    for sums, count in over_text(loaded, sentences, f"cosines, {loaded.label}", of_batch):
        if total is None:
            total = sums.new_zeros(*sums.shape[:2], groups, sums.shape[-1])
        of = torch.tensor([group_of[row] for row in rows[at : at + len(count)]])
        total.index_add_(2, of, sums)
        pieces.index_add_(0, of, count.double())
        at += len(count)
    assert total is not None
    whole = mean_cosine(total.sum(2), pieces.sum())
    without = mean_cosine(total.sum(2, keepdim=True) - total, pieces.sum() - pieces)
    pseudo = about(whole.numpy(), without.numpy())
    return joined([table_of(pseudo, subsets)], "layer", "terms")


def summed(x: Tensor, words: Tensor) -> Tensor:
    """The sum over a sentence's words of their vectors divided by their lengths; (batch, hidden)."""
    return (F.normalize(sized(x)[1], dim=-1) * words[..., None]).sum(-2)


def mean_cosine(total: Tensor, pieces: Tensor) -> Tensor:
    """The mean over all pairs of different vectors of length one.

    Args:
        total: Their sum, (…, hidden).
        pieces: How many there are, (…) or a number for all.
    """
    return (total.square().sum(-1) - pieces) / (pieces * (pieces - 1))


def table_of(pseudo: np.ndarray, subsets: Sequence[str]) -> pd.DataFrame:
    """Pseudo-values (layers, subsets, groups) as rows: layer, terms, seed, group, value."""
    names = [range(len(pseudo)), subsets, range(pseudo.shape[-1])]
    index = pd.MultiIndex.from_product(names, names=["layer", "terms", "group"])
    return pd.Series(pseudo.ravel(), index, name="value").reset_index().assign(seed=0)


# ---- word types ----


def word_types(loaded: Loaded, sentences: Sequence[str], pieces: int = PIECES) -> Measured:
    """How often the nearest piece of another sentence is of the same word type, by layer.

    Of the embedding, and of it without the input term; only pieces whose type stands in another sentence
    count. The empty subset stands for chance: a piece of another sentence, drawn at random.

    Args:
        loaded: The model.
        sentences: The text; as many from its beginning as have so many word pieces together.
        pieces: How many are compared, at most.

    Returns:
        Columns layer, terms; a number is a share of pieces.
    """
    some = first(loaded, sentences, pieces)
    where, ids = in_order(loaded, some)
    other = where[:, None] != where
    same = (ids[:, None] == ids) & other
    counts = same.any(1)
    chance = (same.sum(1) / other.sum(1).clamp(min=1))[counts]
    sentence = where[counts].numpy()
    found = []
    for layer, vectors in enumerate(layers_of(loaded, some)):
        shares = [nearest_is(x, same, other)[counts].double() for x in vectors]
        of = pd.DataFrame({"layer": layer, "terms": [WHOLE, "h+f+c", ""]})
        found.append(means(of, torch.stack([*shares, chance.double()]).numpy(), sentence).assign(seed=0))
    return joined(found, "layer", "terms")


def first(loaded: Loaded, sentences: Sequence[str], pieces: int) -> list[str]:
    """As many sentences from the beginning as have so many word pieces together; at least two.

    Args:
        loaded: The model, whose tokenizer counts.
        sentences: The text.
        pieces: How many, at most.
    """
    ids = loaded.tokenizer(list(sentences), add_special_tokens=False, truncation=False, verbose=False)
    so_far = list(accumulate(map(len, ids["input_ids"])))
    return list(sentences[: max(2, sum(total <= pieces for total in so_far))])


def layers_of(loaded: Loaded, sentences: Sequence[str]) -> Tensor:
    """The vectors of word pieces, with i and without it, by layer: (layers + 1, 2, pieces, hidden)."""
    decomposer = Decomposer(loaded.model)

    def of_batch(batch: dict[str, Any]) -> Tensor:
        words = of_words(loaded, batch)
        found = [
            torch.stack([parts[name][words] for name in (WHOLE, "h+f+c")])
            for parts in decomposer.each_layer(**batch)
        ]
        return torch.stack(found).float().cpu()

    found = over_text(loaded, sentences, f"nearest pieces, {loaded.label}", of_batch)
    return torch.cat(list(found), dim=2)


def nearest_is(x: Tensor, same: Tensor, other: Tensor) -> Tensor:
    """Of each vector whether the nearest by cosine among the others is of its kind.

    Args:
        x: (pieces, hidden).
        same: Which are of its kind, (pieces, pieces).
        other: Which are compared with it, (pieces, pieces).

    Returns:
        (pieces,).
    """
    unit = F.normalize(sized(x)[1], dim=-1)
    found = [
        (rows @ unit.T).masked_fill(~may, -torch.inf).argmax(-1)
        for rows, may in zip(unit.split(1024), other.split(1024), strict=True)
    ]
    return same.gather(1, torch.cat(found)[:, None])[:, 0]
