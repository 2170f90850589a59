"""Scores as functions of counts, which add up over test items and the sentences or documents they are in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Score = Callable[[np.ndarray], np.ndarray]  # counts (…, k) -> score (…)


@dataclass(frozen=True)
class Counted:
    """What predictors counted on their test items, cluster by cluster: a sentence, or a document.

    Attributes:
        sentences: (clusters,), which sentence or document of the corpus each cluster is.
        counts: (subsets, clusters, k).
    """

    sentences: np.ndarray
    counts: np.ndarray


def count(sentences: Sequence[int] | np.ndarray, by_item: np.ndarray) -> Counted:
    """Add the counts of items, (subsets, items, k), up over their sentences or documents, (items,)."""
    names, group = np.unique(np.asarray(sentences), return_inverse=True)
    counts = np.zeros((len(by_item), len(names), by_item.shape[-1]))
    for of_subset, items in zip(counts, by_item, strict=True):
        np.add.at(of_subset, group, items)
    return Counted(names, counts)


def accuracy_counts(right: np.ndarray) -> np.ndarray:
    """right: (subsets, items) -> (subsets, items, 2): right ones, all."""
    return np.stack([right, np.ones_like(right)], axis=-1)


def share(counts: np.ndarray) -> np.ndarray:
    """Right ones among all; or a mean, where the counts are a sum and a number."""
    with np.errstate(invalid="ignore"):  # a resample of few sentences may hold none
        return counts[..., 0] / counts[..., 1]


def tag_counts(answers: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """For each class hits, answers, truths.

    Args:
        answers: Numbers of classes, (subsets, items).
        truth: Numbers of classes, (items,).
        classes: How many there are.

    Returns:
        (subsets, items, 3 · classes).
    """
    eye = np.eye(classes, dtype=np.int8)
    said, true = eye[answers], np.broadcast_to(eye[truth], (*answers.shape, classes))
    return np.concatenate([said & true, said, true], axis=-1)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of each class, then the plain mean over the classes that occur."""
    hits, said, true = np.split(counts, 3, axis=-1)
    with np.errstate(invalid="ignore"):
        return np.nanmean(2 * hits / (said + true), axis=-1)
