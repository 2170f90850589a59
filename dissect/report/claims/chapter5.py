"""Chapter 5: which terms name entities, before and after fine-tuning."""

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from dissect.experiments.certainty import estimate
from dissect.report.answers import WITHOUT_SUBLAYERS
from dissect.report.claims.claim import claim, numbers
from dissect.report.claims.evidence import Evidence
from dissect.report.claims.parts import Difference, Equivalence, Lowest, Part, by_name
from dissect.report.claims.verdict import NotTestable

MODELS = ("base", "finetuned")
F_ADDED = [("h+f", "h"), ("i+h+f", "i+h"), ("h+f+c", "h+c"), ("i+h+f+c", "i+h+c")]


@claim("N1", "entities_groups")
def entities_vary(run: Evidence) -> list[Part]:
    points, runs = numbers("N1")["points"], int(numbers("N1")["runs"])
    width = expected_range(runs)
    parts: list[Part] = []
    for name in MODELS:
        scores = run.scores("entities", name, "macro_f1")
        deviations = [of.mean(1).std(ddof=1) for terms, of in scores.items() if terms]
        label = f"from the worst to the best of {runs} seeds − {points} points, {name}"
        spread = width * np.array(deviations)[None] - points / 100
        parts.append(Difference(label, spread))
    return parts


def expected_range(count: int) -> float:
    """From the least to the largest of so many normal numbers, in deviations (Tippett 1925)."""
    return quad(lambda x: 1 - norm.cdf(x) ** count - norm.sf(x) ** count, -np.inf, np.inf)[0]


@claim("N2", "entities_groups")
def feedforward_not_needed(run: Evidence) -> list[Part]:
    margin = numbers("N2")["margin"] / 100
    for name in MODELS:
        scores = run.scores("entities", name, "macro_f1")
        if estimate(scores["i+h+f+c"] - scores[""]).interval()[0] <= 0:
            raise NotTestable(
                f"a probe on the whole embedding ({name}) does not certainly beat the baseline, so there is "
                "nothing to miss: the claim needs one that does"
            )
    return [
        Equivalence(f"{a} − {b}, {name}", scores[a] - scores[b], bound=margin)
        for name in MODELS
        for scores in [run.scores("entities", name, "macro_f1")]
        for a, b in F_ADDED
    ]


@claim("N3", "entities_consistency")
def entities_odd_ones(run: Evidence) -> list[Part]:
    return [
        Lowest(f"kappa, {name}", by_name(of), list(of), WITHOUT_SUBLAYERS)
        for name in MODELS
        for of in [run.consistency("entities", name)]
    ]
