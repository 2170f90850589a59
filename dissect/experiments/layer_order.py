"""Layers that change places, and layers and sublayers that work twice.

If a sum were all that a model is, the order of what is added would not matter, and adding it once more
would be harmless. Each sublayer reads what was added before it, so it is measured how far that holds: how
much embeddings turn, and what masked or next words can still be told of them (Zhao et al. 2021, "Of
non-linearity and commutativity in BERT").
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dissect.decomposition import Decomposer
from dissect.experiments.controls import Task
from dissect.experiments.head_reads import read_with
from dissect.experiments.interventions import changed, reordered, twice
from dissect.experiments.measured import Measured, joined, means
from dissect.experiments.reading import Text, read, vectors_at
from dissect.models import Loaded
from dissect.progress import track

Change = tuple[str, int, int]  # what was done, and the two layers, from 1, or the same layer twice
NONE: Change = ("none", 0, 0)


def layer_order(
    loaded: Loaded, task: Task, text: Text, seeds: Sequence[int], head: nn.Module | None = None
) -> Measured:
    """How embeddings and masked-word scores change when layers change places, or work twice.

    Args:
        loaded: The model.
        task: Masked or next words.
        text: Where the targets are.
        seeds: Of the learned head.
        head: The head for whole embeddings; without it the learned one reads alone.

    Returns:
        Columns predictor, score, change, first, second. The predictor "embedding" has the score
        "cosine_distance", the mean of 1 − cos between an embedding and what it was; the others have theirs.
    """
    tested = text.of(task.split.test.tolist())
    vectors = changed_embeddings(loaded, tested)
    names = {str(change): change for change in vectors}
    altered = {str(change): x for change, x in vectors.items()}
    tables = [read(task, altered, seed) for seed in seeds]
    if head is not None:
        tables.append(read_with(head, task, altered))
    away = torch.stack([1 - F.cosine_similarity(x, vectors[NONE], dim=-1) for x in vectors.values()])
    sentences = [task.items.source[n] for n in task.split.test.tolist()]
    turned = means(pd.DataFrame({"altered": list(altered)}), away.double().numpy(), sentences)
    tables.append(turned.assign(predictor="embedding", score="cosine_distance", seed=0))
    table = pd.concat(tables, ignore_index=True)
    of = pd.DataFrame([names[name] for name in table["altered"]], columns=["change", "first", "second"])
    return joined([table.join(of)], "predictor", "score", "change", "first", "second")


def changed_embeddings(loaded: Loaded, text: Text) -> dict[Change, Tensor]:
    """The embeddings of targets after each change, each (targets, hidden)."""
    decomposer = Decomposer(loaded.model)
    found = {NONE: vectors_at(loaded, text, decomposer.embedding)}
    for change in track(changes(decomposer), f"layers changed, {loaded.label}"):
        with made(decomposer, change):
            found[change] = vectors_at(loaded, text, decomposer.embedding)
    return found


def changes(decomposer: Decomposer) -> list[Change]:
    """What is tried: layers that are next to one another, half the model or all of it apart; each twice.

    A model whose layers are all the same one has none to swap.

    Args:
        decomposer: Of the model.
    """
    layers = len(decomposer.sites().layers)
    swaps: list[Change] = [
        ("swap", first, first + apart)
        for apart in sorted({1, layers // 2, layers - 1} - {0})
        for first in range(1, layers - apart + 1)
    ]
    again: list[Change] = [(what, n, n) for what in ("layer twice", *TWICE) for n in range(1, layers + 1)]
    return swaps + again


TWICE = {"h twice": "h", "f twice": "f"}  # what is added is added once more


def made(decomposer: Decomposer, change: Change) -> AbstractContextManager[None]:
    """The change, for as long as the block lasts."""
    what, first, second = change
    if what == "swap":
        order = list(range(len(decomposer.sites().layers)))
        order[first - 1], order[second - 1] = order[second - 1], order[first - 1]
        return reordered(decomposer, order)
    if what in TWICE:
        return changed(decomposer, {(TWICE[what], first): lambda out: 2 * out})
    return twice(decomposer, first - 1)
