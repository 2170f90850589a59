"""What the paper itself reports on each claim, computed anew where its published figures allow."""

from collections.abc import Callable

from dissect.report import published, readings
from dissect.report.answers import H_FOR_F
from dissect.report.claims import paper
from dissect.report.intervals import number

NO_FIGURE = "no figure among those that may be quoted"


def reported(name: str) -> str:
    """The paper's numbers on a claim, in words."""
    return NUMBERS[name]() if name in NUMBERS else NO_FIGURE


def _linear() -> str:
    low, high = readings.lowest_highest(published.feedforward_r2()["r2"])
    return f"R² {low:.2f} to {high:.2f}"


def _terms(layer: int | None, model: int = 0) -> str:
    return ", ".join(f"{term} {paper.share(term, layer, model):.2f}" for term in "ihfc")


def _tuned() -> str:
    return "; ".join(
        f"{term} {paper.share(term, -1):.3f} → {paper.share(term, -1, 1):.3f}, {paper.share(term, -1, 2):.3f}"
        for term in "ic"
    )


def _senses() -> str:
    return (
        "; ".join(f"{a} − {b} {number(100 * paper.senses(a, b), 1, '+')}" for a, b in H_FOR_F)
        + " points, probe"
    )


def _odd_ones(table, predictors: tuple[str, str]) -> str:
    return "; ".join(f"{name}: {', '.join(readings.odd_ones(table, name))}" for name in predictors)


def _masked() -> str:
    head, learned = published.F_ALONE_PRETRAINED_HEAD, published.F_ALONE_LEARNED_HEAD
    return f"f {head} % by the pretrained head, {learned} % by a learned one"


NUMBERS: dict[str, Callable[[], str]] = {
    "L1": _linear,
    "V1": lambda: f"i {paper.share('i', 1):.2f} in layer 1, {paper.share('i', -1):.3f} in the last",
    "V2": lambda: f"mean over layers: h {paper.share('h'):.2f}, c {paper.share('c'):.2f}",
    "V3": lambda: f"mean over layers: {_terms(None)}; last layer: {_terms(-1)}",
    "V4": lambda: f"c {paper.share('c'):.2f} in the mean over layers, {paper.share('c', -1):.2f} in the last",
    "V5": _tuned,
    "V6": lambda: f"last layer, entities: {_terms(-1, 1)}; questions: {_terms(-1, 2)}",
    "M1": _masked,
    "W1": _senses,
    "W2": lambda: f"{number(100 * paper.senses('i+h+c', 'i+h+f+c'), 1, '+')} points, probe",
    "W3": lambda: _odd_ones(published.senses_agreement(), ("knn", "classifier")),
    "N3": lambda: _odd_ones(published.entities_agreement(), ("base", "finetuned")),
}
