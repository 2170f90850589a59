"""How far predictors are right on the same items, beyond what their accuracies alone make of it.

Two weak predictors agree less than two strong ones whatever they know, so agreement of answers mostly
tells accuracy. Cohen's kappa of being right, 0 where two predictors are right independently of one
another and 1 where always together, takes that out (Geirhos, Meding and Wichmann 2020, "Beyond accuracy:
quantifying trial-by-trial behaviour of CNNs and humans by measuring error consistency").
"""

import numpy as np

from dissect import reuse
from dissect.experiments.certainty import about


def kappa(both: np.ndarray, right: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Cohen's kappa of being right, for every pair; 0 where a predictor is always right, or never.

    Args:
        both: On how many items both are right, (..., predictors, predictors).
        right: On how many each is, (..., predictors).
        items: How many there are, (...).

    Returns:
        (..., predictors, predictors).
    """
    with np.errstate(invalid="ignore", divide="ignore"):  # without items, and without room
        p = right / items[..., None]
        a, b = p[..., :, None], p[..., None, :]
        observed = 1 - a - b + 2 * both / items[..., None, None]  # both right, or both wrong
        chance = a * b + (1 - a) * (1 - b)
        room = 1 - chance
        return np.where(room > 1e-12, (observed - chance) / room, 0.0)


@reuse.timed("statistics")
def with_others(right: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Of each predictor the mean kappa with the others, as pseudo-values: (predictors, groups).

    Args:
        right: Whether each is right on each item, (predictors, items).
        group: Of each item, (items,), from 0.
    """
    groups = int(group.max()) + 1
    parts = [right[:, group == n].astype(float) for n in range(groups)]
    both = np.stack([part @ part.T for part in parts])
    own = np.stack([part.sum(1) for part in parts])
    items = np.array([part.shape[1] for part in parts], float)

    def mean(both: np.ndarray, own: np.ndarray, items: np.ndarray) -> np.ndarray:
        between = kappa(both, own, items)
        others = between.sum(-1) - np.diagonal(between, axis1=-2, axis2=-1)
        return others / (between.shape[-1] - 1)

    whole = mean(both.sum(0), own.sum(0), items.sum())
    without = mean(both.sum(0) - both, own.sum(0) - own, items.sum() - items)
    return about(whole, without.T)
