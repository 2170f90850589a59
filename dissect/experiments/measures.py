"""Numbers that describe the terms: importance, correlation, agreement, linear R²."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor

from dissect import reuse
from dissect.decomposition import TERMS, TOLERANCE, Decomposer, Parts
from dissect.errors import DissectError
from dissect.experiments.certainty import GROUPS, about, parted
from dissect.experiments.least_squares import LeastSquares
from dissect.features import over_text
from dissect.features.gathering import batches, tokenized
from dissect.models import Loaded

RANKED = 20  # groups in which ranks are taken anew, which takes long


def importance(loaded: Loaded, sentences: Sequence[str]) -> np.ndarray:
    """e·x / e·e of every word piece (Mickus et al. 2022, Figure 1).

    Layer 0 is the embedding layer. Special tokens such as [CLS] are left out. Two models with the
    same tokenizer give their pieces in the same order.

    Raises what `decompose` raises.

    Returns:
        (layers + 1, 4, pieces).
    """
    decomposer = Decomposer(loaded.model)
    special = torch.tensor(loaded.tokenizer.all_special_ids)

    def of_batch(batch: dict[str, Any]) -> Tensor:
        words = batch["attention_mask"].bool() & ~torch.isin(
            batch["input_ids"], special.to(batch["input_ids"].device)
        )
        layers = decomposer.each_layer(**batch)
        return torch.stack([parts.importance()[:, words] for parts in layers]).cpu()

    found = over_text(loaded, sentences, f"importance, {loaded.label}", of_batch)
    return torch.cat(list(found), dim=-1).numpy()


def importance_table(values: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Mean and spread over word pieces: model, layer, term, mean, std (as the paper's Figure 1)."""
    rows = [
        (model, layer, term, of_term.mean(), of_term.std())
        for model, array in values.items()
        for layer, of_layer in enumerate(array.astype(np.float64))
        for term, of_term in zip(TERMS, of_layer, strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "layer", "term", "mean", "std"])


def sentence_of_pieces(loaded: Loaded, sentences: Sequence[str]) -> np.ndarray:
    """Which sentence each word piece of `importance` stands in: (pieces,).

    Raises what `tokenized` raises.

    Args:
        loaded: The model.
        sentences: The text.
    """
    ids = tokenized(loaded, sentences)
    special = set(loaded.tokenizer.all_special_ids)
    order = [n for batch in batches([len(row) for row in ids]) for n in batch]
    return np.repeat(order, [sum(token not in special for token in ids[n]) for n in order])


@reuse.timed("statistics")
def importance_groups(values: Mapping[str, np.ndarray], sentence: np.ndarray) -> pd.DataFrame:
    """Mean importance as pseudo-values of groups of sentences; see `certainty`.

    Args:
        values: By model, as `importance` gives them.
        sentence: Which each word piece stands in, (pieces,).

    Returns:
        Columns model, layer, term, group, value; the mean over groups is the mean over word pieces.
    """
    group = grouped_by(sentence)
    pieces = np.bincount(group)
    rows = []
    for model, array in values.items():
        for layer, of_layer in enumerate(array.astype(np.float64)):
            for term, x in zip(TERMS, of_layer, strict=True):
                sums = np.bincount(group, x)
                without = (sums.sum() - sums) / (len(x) - pieces)
                rows += [(model, layer, term, *row) for row in enumerate(about(x.mean(), without))]
    return pd.DataFrame(rows, columns=["model", "layer", "term", "group", "value"])


def grouped_by(sentence: np.ndarray, groups: int = GROUPS) -> np.ndarray:
    """The group of each word piece: whole sentences, dealt out as `certainty.parted` does."""
    group_of = parted(sentence, groups)
    names, place = np.unique(sentence, return_inverse=True)
    return np.array([group_of[int(name)] for name in names])[place]


@reuse.timed("statistics")
def importance_correlation(values: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Spearman's correlation of importance between models, over word pieces.

    Where all that differs is rounding there is no row: the embedding layer has no h and f, and may be
    nothing but i.

    Args:
        values: By model, as `importance` gives them.

    Returns:
        Columns model_a, model_b, layer, term, spearman.

    Raises:
        DissectError: The models did not see the same word pieces.
    """
    rows = [
        (a, b, layer, term, spearmanr(x, y).statistic)
        for layer, term, of_models in varying(values)
        for (a, x), (b, y) in combinations(of_models.items(), 2)
    ]
    return in_order(pd.DataFrame(rows, columns=["model_a", "model_b", "layer", "term", "spearman"]), values)


def varying(values: Mapping[str, np.ndarray]) -> Iterator[tuple[int, str, dict[str, np.ndarray]]]:
    """Layer by layer and term by term, the importances in those models in which they are not all the same.

    Args:
        values: By model, as `importance` gives them.

    Raises:
        DissectError: The models did not see the same word pieces.
    """
    for a, b in combinations(values, 2):
        if values[a].shape != values[b].shape:
            raise DissectError(f"{a} and {b} differ in layers or word pieces: not comparable")
    for layer in range(len(next(iter(values.values())))):
        for t, term in enumerate(TERMS):
            of_models = {name: array[layer, t] for name, array in values.items()}
            yield (
                layer, term,
                {name: x for name, x in of_models.items() if np.ptp(x) > TOLERANCE[torch.float32]},
            )  # fmt: skip


def in_order(table: pd.DataFrame, values: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A table of pairs of models, pair by pair as the models stand, each from the first layer on."""
    place = {name: n for n, name in enumerate(values)}
    order = table[["model_a", "model_b"]].map(place.__getitem__).assign(layer=table["layer"])
    return table.loc[order.sort_values(list(order), kind="stable").index].reset_index(drop=True)


@reuse.timed("statistics")
def correlation_groups(values: Mapping[str, np.ndarray], sentence: np.ndarray) -> pd.DataFrame:
    """The same as pseudo-values of groups of sentences: ranks, too, are taken without each group.

    Raises what `importance_correlation` raises.

    Args:
        values: By model, as `importance` gives them.
        sentence: Which each word piece stands in, (pieces,).

    Returns:
        Columns model_a, model_b, layer, term, group, value.
    """
    group = grouped_by(sentence, RANKED)
    rows = []
    for layer, term, of_models in varying(values):
        without = {name: list(ranks_without(x, group)) for name, x in of_models.items()}
        for (a, x), (b, y) in combinations(of_models.items(), 2):
            left = [pearson(*both) for both in zip(without[a], without[b], strict=True)]
            pseudo = about(np.array(spearmanr(x, y).statistic), np.array(left))
            rows += [(a, b, layer, term, *row) for row in enumerate(pseudo)]
    table = pd.DataFrame(rows, columns=["model_a", "model_b", "layer", "term", "group", "value"])
    return in_order(table, values)


def ranks_without(x: np.ndarray, group: np.ndarray) -> Iterator[np.ndarray]:
    """The ranks of numbers, less their mean, without one group after another; ties share their mean rank.

    Sorted once: what is left of a sorted list is sorted.

    Args:
        x: (numbers,).
        group: Of each, (numbers,), from 0.
    """
    _, place = np.unique(x, return_inverse=True)
    for one in range(int(group.max()) + 1):
        left = place[group != one]
        many = np.bincount(left)
        ranks = (many.cumsum() - (many - 1) / 2)[left]
        yield ranks - ranks.mean()


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """The correlation of numbers whose means are 0."""
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


@reuse.timed("statistics")
def agreement(predictions: Mapping[str, np.ndarray], average: str) -> pd.DataFrame:
    """How often two subsets' predictors say the same: F1 of one against the other.

    Args:
        predictions: By subset, (items,).
        average: "micro" (word senses) or "macro" (entities).

    Returns:
        Columns terms_a, terms_b, agreement; between 0 and 1.
    """
    names, answers = np.unique(np.stack(list(predictions.values())), return_inverse=True)
    numbers = dict(zip(predictions, answers.reshape(len(predictions), -1), strict=True))
    rows = [(a, b, f1(x, y, len(names), average)) for (a, x), (b, y) in combinations(numbers.items(), 2)]
    return pd.DataFrame(rows, columns=["terms_a", "terms_b", "agreement"])


def f1(x: np.ndarray, y: np.ndarray, classes: int, average: str) -> float:
    """F1 of one against the other, over the classes that either names; scikit-learn's, but sorted before.

    Args:
        x: Classes by number, (items,).
        y: Others, likewise.
        classes: How many there are.
        average: "micro" or "macro".
    """
    same, of_x, of_y = (np.bincount(of, minlength=classes) for of in (x[x == y], x, y))
    if average == "micro":
        return float(same.sum() / len(x))
    named = of_x + of_y > 0
    return float(np.mean(2 * same[named] / (of_x + of_y)[named]))


def adjusted(r2: float, rows: int, inputs: int) -> float:
    """R² less what `inputs` unrelated columns would explain of so many rows by chance.

    Args:
        r2: As it was fitted.
        rows: How many it was fitted to.
        inputs: How many columns it was fitted with.
    """
    return 1 - (1 - r2) * (rows - 1) / (rows - inputs - 1)


def feedforward_r2(loaded: Loaded, sentences: Sequence[str]) -> pd.DataFrame:
    """How well a linear map stands in for each feed-forward (Mickus et al. 2022, Figure 2).

    Returns:
        Columns model, layer (from 1), r2, adjusted_r2, pieces.
    """
    decomposer = Decomposer(loaded.model)
    fits: dict[int, LeastSquares] = {}

    def of_batch(batch: dict[str, Any]) -> Iterator[tuple[int, Tensor, Tensor]]:
        return decomposer.feedforwards(**batch)

    for found in over_text(loaded, sentences, "feed-forwards as linear maps", of_batch):
        fit_feedforwards(fits, found)
    rows = [
        (loaded.label, n, r2, adjusted(r2, fit.rows, fit.inputs), fit.rows)
        for n, fit in fits.items()
        for r2 in [fit.r2()]
    ]
    return pd.DataFrame(rows, columns=["model", "layer", "r2", "adjusted_r2", "pieces"])


@reuse.timed("least squares")
def fit_feedforwards(fits: dict[int, LeastSquares], found: Iterable[tuple[int, Tensor, Tensor]]) -> None:
    """Add what `Decomposer.feedforwards` gave for a batch to the fits, {layer: fit}."""
    for layer, x, y in found:
        fits.setdefault(layer, LeastSquares()).add(x, y)


def term_dependence(loaded: Loaded, sentences: Sequence[str]) -> pd.DataFrame:
    """How far each term of the last layer follows linearly from each other one.

    Returns:
        Columns source, target, r2 (adjusted; near 0 for unrelated terms, 1 for a linear map).
    """
    decomposer = Decomposer(loaded.model)
    fits = {(a, b): LeastSquares() for a in TERMS for b in TERMS if a != b}

    def of_batch(batch: dict[str, Any]) -> Parts:
        return decomposer(**batch)

    for parts in over_text(loaded, sentences, "one term from another", of_batch):
        with reuse.timed("least squares"):
            for (a, b), fit in fits.items():
                fit.add(parts[a][parts.mask], parts[b][parts.mask])
    rows = [(a, b, adjusted(fit.r2(), fit.rows, fit.inputs)) for (a, b), fit in fits.items()]
    return pd.DataFrame(rows, columns=["source", "target", "r2"])
