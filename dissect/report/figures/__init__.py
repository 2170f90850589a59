"""Every plot of the chapters: one function each, given a data frame, returning a figure.

A module a kind of picture. All are as wide as `style.WIDTH`, so that type can be read on a phone; where
colours tell things apart, markers or lines do so too; and what scores are drawn by stands in rows.
"""

from dissect.report.figures.by_layer import (
    causes,
    feedforward_r2,
    layer_order,
    lines_by_layer,
    trained_and_random,
    updates,
)
from dissect.report.figures.finer import (
    logits_by_layer,
    shares_by_head,
    shares_by_layer,
    shares_by_source,
    units,
)
from dissect.report.figures.importance import (
    importance_beside_paper,
    importance_between,
    importance_by_layer,
    importance_correlation,
    sentence_importance,
)
from dissect.report.figures.matrices import agreement, agreement_beside_paper, term_dependence
from dissect.report.figures.plane import head_to_tail
from dissect.report.figures.runs import (
    along_runs,
    cost_by_tokens,
    runs_one_below_another,
    senses_beside_paper,
)
from dissect.report.figures.scores import dots, scores_by_subset
from dissect.report.figures.style import BASELINE, COLOURS, NAMES

__all__ = [
    "BASELINE", "COLOURS", "NAMES",
    "agreement", "agreement_beside_paper", "along_runs", "causes", "cost_by_tokens", "dots",
    "feedforward_r2", "head_to_tail", "importance_between", "importance_beside_paper", "importance_by_layer",
    "importance_correlation", "layer_order", "lines_by_layer", "logits_by_layer", "runs_one_below_another",
    "scores_by_subset", "senses_beside_paper", "sentence_importance", "shares_by_head", "shares_by_layer",
    "shares_by_source", "term_dependence", "trained_and_random", "units", "updates",
]  # fmt: skip
