"""Across chapters: whether what serves depends on the task."""

from dissect.experiments.certainty import Estimate, estimate
from dissect.report.claims.chapter3 import masked_scores
from dissect.report.claims.claim import claim
from dissect.report.claims.evidence import Evidence
from dissect.report.claims.parts import Known, Part


@claim("H1", "entities_groups")
def tasks_ask_for_others(run: Evidence) -> list[Part]:
    words = masked_scores(run, "learned")
    lead = estimate(words["f"] - words["h"])
    others = {
        "senses by neighbours": run.scores("senses_documents", "knn"),
        "senses by the probe": run.scores("senses_documents", "classifier"),
        "named entities": run.scores("entities", "base", "macro_f1"),
    }
    return [
        Known(f"f − h, masked words − {name}", estimate=less(lead, estimate(of["f"] - of["h"])))
        for name, of in others.items()
    ]


def less(a: Estimate, b: Estimate) -> Estimate:
    """The difference of two numbers from different items, by Welch's rule."""
    variance = a.error**2 + b.error**2
    parts = a.error**4 / a.freedom + b.error**4 / b.freedom
    return Estimate(a.value - b.value, variance**0.5, variance**2 / parts if parts else a.freedom)
