"""Cause beside content: what the output loses without a sublayer, and what the sum has of it.

A term says what a sublayer wrote, not what would be missing without it: later layers read what earlier
ones wrote. Mean ablation puts the mean over tokens in the place of what a sublayer adds, and lets all that
comes after it work on that (as Wang et al. 2023, "Interpretability in the wild", do). Content does the same
in the sum alone: what the sublayer wrote into the last embedding is replaced there by its mean, and nothing
after it reacts.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dissect.decomposition import Decomposer
from dissect.experiments.controls import Task
from dissect.experiments.interventions import Sublayer, changed, instead, mean_additions
from dissect.experiments.measured import OF_GROUP, Measured, joined
from dissect.experiments.reading import Text, in_batches, read, vectors_at
from dissect.models import Loaded
from dissect.progress import track

CAUSE, CONTENT, INTACT = "cause", "content", "intact"
ALL = 0  # in the place of a layer: all of them


def ablated(loaded: Loaded, text: Text) -> dict[str, dict[Sublayer, Tensor]]:
    """The embeddings of targets where sublayers add their mean over the text's tokens.

    Args:
        loaded: The model.
        text: Sentences and targets.

    Returns:
        By "cause" and "content", and by sublayer; layer 0 stands for those of all layers; each
        (targets, hidden).
    """
    decomposer = Decomposer(loaded.model)
    means = mean_additions(decomposer, in_batches(loaded, text))
    groups = {sublayer: [sublayer] for sublayer in means}
    for term in dict.fromkeys(term for term, _ in means):
        groups[term, ALL] = [sublayer for sublayer in means if sublayer[0] == term]
    cause = {}
    for name in track(list(groups), "sublayers replaced by their mean"):
        with changed(decomposer, {one: instead(means[one]) for one in groups[name]}):
            cause[name] = vectors_at(loaded, text, decomposer.embedding)
    written, mean = contents(loaded, text)
    content = {name: sum((mean[one] - written[one] for one in some), torch.tensor(0.0))
               for name, some in groups.items()}  # fmt: skip
    embedding = vectors_at(loaded, text, decomposer.embedding)
    return {CAUSE: cause, CONTENT: {name: embedding + change for name, change in content.items()}}


def contents(loaded: Loaded, text: Text) -> tuple[dict[Sublayer, Tensor], dict[Sublayer, Tensor]]:
    """What each sublayer wrote into the last embedding of targets, and the mean over tokens of that.

    A target of several positions has several times the mean.

    Args:
        loaded: The model.
        text: Sentences and targets.

    Returns:
        By sublayer, each (targets, hidden).
    """
    decomposer = Decomposer(loaded.model)
    names: list[Sublayer] = []
    sums: list[Tensor] = []
    tokens: list[int] = []

    def split(**batch: Any) -> Tensor:
        parts = decomposer(by="layer", **batch)
        names[:] = [(term, n) for term, of in parts.split.items() for n in range(1, len(of) + 1)]
        written = torch.cat(list(parts.split.values()))
        sums.append(written[:, parts.mask].double().sum(1).cpu())
        tokens.append(int(parts.mask.sum()))
        return written

    written = vectors_at(loaded, text, split)
    mean = (torch.stack(sums).sum(0) / sum(tokens)).float()
    positions = torch.tensor([len(positions) for _, positions in text.targets])[:, None]
    return (
        dict(zip(names, written, strict=True)),
        {name: positions * of for name, of in zip(names, mean, strict=True)},
    )


KEYS = ["experiment", "predictor", "score", "effect", "term", "layer"]


def causes(loaded: Loaded, tasks: Sequence[tuple[Task, Text]], seeds: Sequence[int]) -> Measured:
    """What scores of tasks lose without each sublayer; see `causes_of`.

    Args:
        loaded: The model.
        tasks: Each with where its items are.
        seeds: Of what predictors draw.

    Returns:
        Columns experiment, predictor, score, effect, term, layer.
    """
    return joined([causes_of(loaded, task, text, seeds) for task, text in tasks], *KEYS)


def causes_of(loaded: Loaded, task: Task, text: Text, seeds: Sequence[int]) -> pd.DataFrame:
    """What a task's scores lose without each sublayer, as cause and as content.

    Args:
        loaded: The model.
        task: Items, predictors and split.
        text: Where the items are.
        seeds: Of what predictors draw.

    Returns:
        Columns experiment, predictor, score, effect ("intact", the score itself; "cause" and "content",
        what is lost of it), term, layer (0: all), seed, group, value.
    """
    tested = text.of(task.split.test.tolist())
    found = ablated(loaded, tested)
    kinds = [(effect, *sublayer) for effect, of in found.items() for sublayer in of]
    vectors = {"": vectors_at(loaded, tested, Decomposer(loaded.model).embedding)}
    vectors |= {str(n): found[effect][term, layer] for n, (effect, term, layer) in enumerate(kinds)}
    return pd.concat([lost(read(task, vectors, seed), kinds) for seed in seeds], ignore_index=True)


def lost(scores: pd.DataFrame, kinds: Sequence[tuple[str, str, int]]) -> pd.DataFrame:
    """By how much scores fall short of those of what is not altered.

    Args:
        scores: As `reading.read` gives them; `altered` is "" or a place in `kinds`.
        kinds: Effect, term and layer.

    Returns:
        The columns of `causes`; a loss is positive where less is right, or the cross-entropy is higher.
    """
    keys = ["experiment", "predictor", "score", "seed", "group"]
    whole = scores[scores["altered"] == ""].drop(columns="altered")
    rest = scores[scores["altered"] != ""].merge(whole, on=keys, suffixes=("", "_intact"))
    sign = rest["score"].map(lambda score: -1 if score == "cross_entropy" else 1)
    rest["value"] = sign * (rest["value_intact"] - rest["value"])
    of = pd.DataFrame(kinds, columns=["effect", "term", "layer"])
    rest = rest.join(of, on=rest["altered"].astype(int))
    table = pd.concat([whole.assign(effect=INTACT, term="", layer=ALL), rest], ignore_index=True)
    return table[[*KEYS, *OF_GROUP]]
