"""Nearest neighbours, which nothing is trained for."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dissect import reuse
from dissect.decomposition import sized
from dissect.experiments.probes.training import Split

TIED = 1e-5  # by how much two distances between vectors of length one differ by float32's rounding alone


@reuse.timed("nearest neighbours")
def nearest_neighbours(
    x: Tensor, labels: Sequence[str], lemmas: Sequence[str], split: Split, k: int = 5
) -> list[str]:
    """The sense that most of the k nearest training items of the same lemma have.

    Near is by cosine. Of training items equally near, but for rounding, those that stand first in the
    corpus count; of senses with equal votes the one with the nearest neighbour wins; of a lemma without
    training items the answer is "". Vectors of nothing but zeros (the empty subset) leave the most frequent
    sense.

    Args:
        x: (items, hidden).
        labels: The sense of each item.
        lemmas: The lemma of each item.
        split: Which items are neighbours, and which tested.
        k: How many vote.

    Returns:
        A sense for each test item.
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
    """For each vector the places of the k nearest among others, nearest first.

    Distances are those between the vectors divided by their lengths. One after another is taken: of those
    that are by at most `TIED` farther than the nearest left, the first.

    Args:
        x: (vectors, hidden).
        others: (others, hidden).
        k: How many.

    Returns:
        (vectors, k).
    """
    unit, other_unit = (F.normalize(sized(y.double())[1], dim=-1) for y in (x, others))
    distances = (2 - 2 * unit @ other_unit.T).clamp(min=0).sqrt()
    found = []
    for _ in range(k):
        near = distances <= distances.amin(-1, keepdim=True) + TIED
        found.append(near.int().argmax(-1, keepdim=True))
        distances.scatter_(-1, found[-1], torch.inf)
    return torch.cat(found, dim=-1)
