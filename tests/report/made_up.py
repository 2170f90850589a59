"""Tables as a run has them, of made-up numbers around means that a test sets."""

import numpy as np
import pandas as pd

from dissect.decomposition import TERMS, subsets
from dissect.experiments.certainty import GROUPS, grouped

LAYERS = 6
SEEDS = 5
NAMES = {"pretrained": "", "names": "token classification", "names 2": "token classification",
         "questions": "question answering"}  # fmt: skip


class World:
    """Makes tables whose numbers vary by seed, by group of test items, and by both.

    Args:
        seed: Of the noise.
        noise: How much numbers vary: a standard deviation over groups.
    """

    def __init__(self, seed=0, noise=0.02):
        self.rng = np.random.default_rng(seed)
        self.noise = noise

    def pseudo(self, seeds=SEEDS, groups=GROUPS):
        """Numbers around 0, (seeds, groups)."""
        normal = self.rng.standard_normal
        return self.noise * (
            0.1 * normal((seeds, 1)) * (seeds > 1) + normal((1, groups)) + 0.5 * normal((seeds, groups))
        )

    def scores(self, means, default=0.5, seeds=SEEDS, names=None):
        """Pseudo-values of a predictor on subsets: `means`, or the default; predictor by predictor."""
        names = subsets() if names is None else names
        return {name: means.get(name, default) + self.pseudo(seeds) for name in names}

    def groups(self, of):
        """The table of pseudo-values of {(predictor, score): {subset: (seeds, groups)}}."""
        parts = []
        for (predictor, score), by_subset in of.items():
            for seed in range(len(next(iter(by_subset.values())))):
                rows = np.stack([pseudo[seed] for pseudo in by_subset.values()])
                parts.append(grouped(list(by_subset), rows, predictor=predictor, score=score, seed=seed))
        table = pd.concat(parts, ignore_index=True)
        return table[["predictor", "score", "terms", "seed", "group", "value"]]

    def consistency(self, predictors, odd=("i", "c", "i+c"), less=0.3):
        """Mean kappa of each subset with the others; of the odd ones so much less."""
        of = {
            (name, ""): self.scores(
                dict.fromkeys(odd, 0.6 - less), 0.6, 1 if name == "knn" else SEEDS, subsets()[1:]
            )
            for name in predictors
        }
        return self.groups(of).drop(columns="score")

    def importance(self, shares=None, models=("pretrained",)):
        """Importance: `shares` is a function of (model's place, layer, term), a quarter each by default."""
        shares = shares or (lambda model, layer, term: 0.25)
        rows = [
            (model, layer, term, group, value)
            for place, model in enumerate(models)
            for layer in range(1, LAYERS + 1)
            for term in TERMS
            for group, value in enumerate(shares(place, layer, term) + self.pseudo(1)[0])
        ]
        return pd.DataFrame(rows, columns=["model", "layer", "term", "group", "value"])

    def correlation(self, rho, models=tuple(NAMES)):
        """Correlation: `rho` is a function of (model a, model b, layer, term)."""
        rows = [
            (a, b, layer, term, group, value)
            for n, a in enumerate(models)
            for b in models[n + 1 :]
            for layer in range(1, LAYERS + 1)
            for term in TERMS
            for group, value in enumerate(rho(a, b, layer, term) + self.pseudo(1, 20)[0])
        ]
        return pd.DataFrame(rows, columns=["model_a", "model_b", "layer", "term", "group", "value"])


MODELS = pd.DataFrame({"model": list(NAMES), "task": list(NAMES.values()), "checkpoint": "x"})
