"""How sure a score is: intervals and paired tests by a bootstrap over test sentences.

A score is a function of counts that add up over sentences. Drawing sentences anew, with
replacement, then is weighting the counts of each; Poisson(1) weights are the usual stand-in for
drawing exactly as many (Hanley and MacGibbon 2006). The same weights serve all subsets and runs,
which makes differences between subsets paired.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

TIMES = 1000
CHUNK = 50  # resamples at once
Score = Callable[[np.ndarray], np.ndarray]  # counts (…, k) -> score (…)


@dataclass(frozen=True)
class Counted:
    """What the predictors of one run counted on their test items, sentence by sentence.

    Attributes:
        sentences: (groups,), which sentence of the corpus each group is.
        counts: (subsets, groups, k).
    """

    sentences: np.ndarray
    counts: np.ndarray


def count(sentences: Sequence[int] | np.ndarray, by_item: np.ndarray) -> Counted:
    """Add the counts of items, (subsets, items, k), up over their sentences, (items,)."""
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


def replicates(runs: Sequence[Counted], score: Score, times: int = TIMES, seed: int = 0) -> np.ndarray:
    """Scores of resampled test sentences, mean over runs.

    Args:
        runs: What each counted.
        score: Of counts that are added up.
        times: How often sentences are drawn.
        seed: Of the draws.

    Returns:
        (times, subsets).
    """
    rng = np.random.default_rng(seed)
    last = max(int(run.sentences.max()) for run in runs)
    found = []
    for start in range(0, times, CHUNK):
        weights = rng.poisson(1, (min(CHUNK, times - start), last + 1))
        by_run = [
            score(np.einsum("wg,sgk->wsk", weights[:, r.sentences], r.counts, optimize=True)) for r in runs
        ]
        found.append(np.mean(by_run, axis=0))
    return np.concatenate(found)


def intervals(
    names: Sequence[str], runs: Sequence[Counted], score: Score, resampled: np.ndarray
) -> pd.DataFrame:
    """A row a subset: terms, mean and std over runs, low and high of the 95 % interval.

    Args:
        names: Of the subsets.
        runs: What each counted.
        score: Of counts that are added up.
        resampled: As `replicates` gives them, (times, subsets).
    """
    points = np.array([score(run.counts.sum(1)) for run in runs])  # (runs, subsets)
    low, high = np.nanpercentile(resampled, [2.5, 97.5], axis=0)
    columns = {"terms": names, "mean": points.mean(0), "std": points.std(0), "low": low, "high": high}
    return pd.DataFrame(columns)


def pairs(names: Sequence[str], runs: Sequence[Counted], score: Score, resampled: np.ndarray) -> pd.DataFrame:
    """A row a pair of subsets: terms_a, terms_b, difference (a − b), low, high, p (two-sided).

    p is not corrected for the number of pairs: that depends on how many a claim compares.

    Args:
        names: Of the subsets.
        runs: What each counted.
        score: Of counts that are added up.
        resampled: As `replicates` gives them, (times, subsets).
    """
    point = np.mean([score(run.counts.sum(1)) for run in runs], axis=0)
    rows = []
    for a, name_a in enumerate(names):
        for b in range(a + 1, len(names)):
            drawn = resampled[:, a] - resampled[:, b]
            low, high = np.nanpercentile(drawn, [2.5, 97.5])
            tail = 1 + min((drawn <= 0).sum(), (drawn >= 0).sum())
            p = min(1.0, 2 * tail / (1 + len(drawn)))
            rows.append((name_a, names[b], point[a] - point[b], low, high, p))
    return pd.DataFrame(rows, columns=["terms_a", "terms_b", "difference", "low", "high", "p"])


def compared(
    predictor: str, score_name: str, names: Sequence[str], runs: Sequence[Counted], score: Score
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`intervals` and `pairs` of one predictor, with the columns predictor and score in front.

    Args:
        predictor: Its name in the tables.
        score_name: That of the score.
        names: Of the subsets.
        runs: What each counted.
        score: Of counts that are added up.
    """
    drawn = replicates(runs, score)
    tables = intervals(names, runs, score, drawn), pairs(names, runs, score, drawn)
    for table in tables:
        table.insert(0, "predictor", predictor)
        table.insert(1, "score", score_name)
    return tables
