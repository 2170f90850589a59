"""What claims are judged by: the pseudo-values of a run's tables, and what is not testable without them."""

from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
import pandas as pd

from dissect.experiments.certainty import arrays
from dissect.models import KINDS
from dissect.report.claims.verdict import NotTestable

STEADY = {"knn", *KINDS}  # predictors in which nothing is drawn
Scores = dict[str, np.ndarray]  # by subset of the terms, (seeds, groups)


class Evidence:
    """The tables of a run, as claims ask for them.

    Args:
        tables: By name, as `results.read` gives them.
    """

    def __init__(self, tables: Mapping[str, pd.DataFrame]):
        self.tables = tables
        self.arrays = cache(self._arrays)

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run.

        Raises:
            NotTestable: The run has none of that name, or an empty one.
        """
        if name not in self.tables or self.tables[name].empty:
            raise NotTestable(f"this run has no table {name}")
        return self.tables[name]

    def _arrays(self, name: str, *keys: str) -> dict[tuple, np.ndarray]:
        found = arrays(self.table(name), *keys)
        if any(pseudo.shape[-1] < 2 for pseudo in found.values()):
            raise NotTestable("the claim needs test items of two sentences or more")
        return found

    def scores(self, experiment: str, predictor: str, score: str = "accuracy") -> Scores:
        """A predictor's pseudo-values by subset; the baseline is "".

        Args:
            experiment: The name of its table.
            predictor: Its name in the table.
            score: That of the score.

        Raises:
            NotTestable: The run has no such predictor, or one seed of a probe, which says nothing of others.
        """
        of_all = self.arrays(f"{experiment}_groups", "predictor", "score", "terms")
        return steady(predictor, {key[2]: x for key, x in of_all.items() if key[:2] == (predictor, score)})

    def consistency(self, experiment: str, predictor: str) -> Scores:
        """Of each subset the mean kappa with the others. Raises what `scores` raises."""
        of_all = self.arrays(f"{experiment}_consistency", "predictor", "terms")
        return steady(predictor, {key[1]: x for key, x in of_all.items() if key[0] == predictor})

    def importance(self, model: int = 0) -> dict[str, np.ndarray]:
        """Mean importance by term, (layers, 1, groups), from layer 1 on; 0 where a layer lacks a term.

        Args:
            model: Its place in the table; the pretrained one is the first.
        """
        of_all = self.arrays("importance_groups", "model", "layer", "term")
        name = list(dict.fromkeys(self.table("importance_groups")["model"]))[model]
        return by_layer({key[1:]: x for key, x in of_all.items() if key[0] == name})

    def models(self) -> tuple[str, dict[str, str]]:
        """The pretrained model's name, and the fine-tuned ones with their tasks.

        Raises:
            NotTestable: There is no fine-tuned model.
        """
        tasks = self.table("models").set_index("model")["task"].to_dict()
        if "siblings" in self.tables:  # which tell tags that are entities from others
            own = self.tables["siblings"].set_index("model")["task"]
            tasks |= dict.fromkeys(own[own == "tags"].index, "tags")
        first, *tuned = dict.fromkeys(self.table("importance_groups")["model"])
        if not tuned:
            raise NotTestable("the claim needs a fine-tuned model (dissect tune)")
        return first, {name: tasks.get(name, "") for name in tuned}

    def correlation(self, a: str, b: str) -> dict[str, np.ndarray]:
        """Spearman's correlation of two models by term, (layers, 1, groups), from layer 1 on."""
        of_all = self.arrays("correlation_groups", "model_a", "model_b", "layer", "term")
        return by_layer({key[2:]: x for key, x in of_all.items() if key[:2] in ((a, b), (b, a))})


def steady(predictor: str, scores: Scores) -> Scores:
    """The same scores. Raises `NotTestable` where there are none, or those of one seed of a probe."""
    if not scores:
        raise NotTestable(f"this run has no predictor {predictor}")
    if predictor not in STEADY and any(len(pseudo) < 2 for pseudo in scores.values()):
        raise NotTestable(
            "one seed says nothing of others: the claim needs two or more, better five (--seeds)"
        )
    return scores


def mean_of(pseudos: Iterable[np.ndarray], takes: str) -> np.ndarray:
    """The mean of some pseudo-values, (seeds, groups) each.

    Args:
        pseudos: Of layers, say.
        takes: What it takes that there are any, in words.

    Raises:
        NotTestable: There are none.
    """
    given = list(pseudos)
    if not given:
        raise NotTestable(f"the claim needs {takes}")
    return np.mean(given, axis=0)


def by_layer(of: Mapping[tuple, np.ndarray]) -> dict[str, np.ndarray]:
    """{(layer, term): (1, groups)} -> {term: (layers, 1, groups)}, without the embedding layer.

    A term that a layer lacks is 0 there: it varies by no more than rounding.
    """
    layers = sorted({layer for layer, _ in of if layer > 0})
    nothing = np.zeros_like(next(iter(of.values())))
    terms = dict.fromkeys(term for layer, term in of if layer > 0)
    return {term: np.stack([of.get((layer, term), nothing) for layer in layers]) for term in terms}
