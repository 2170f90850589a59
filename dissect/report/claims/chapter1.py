"""Chapter 1: how far the four terms can be told from one another."""

import numpy as np

from dissect.experiments.certainty import Estimate
from dissect.report import published
from dissect.report.claims.claim import claim, numbers
from dissect.report.claims.evidence import Evidence
from dissect.report.claims.parts import Known, Part, Some


def r_squared(label: str, r2: float, pieces: float, bound: float, above: bool, effect: float) -> Known:
    """That R² is below a bound, or above it; its error is that of a large sample of word pieces.

    The variance of R² is about 4 R² (1 − R²)² / n (Olkin and Finn 1995, equation 1 for many inputs). Word
    pieces of a sentence count as independent, which they are not: the error is a lower bound.

    Args:
        label: What is compared.
        r2: Adjusted.
        pieces: n.
        bound: What it is held against.
        above: Whether it is to be above.
        effect: How far beyond the bound the paper has it.
    """
    sign = 1 if above else -1
    error = 2 * np.sqrt(max(r2, 0)) * (1 - min(r2, 1)) / np.sqrt(pieces)
    found = Estimate(sign * (r2 - bound), float(max(error, 1 / pieces)), float(pieces - 2))
    return Known(label, effect=effect, unit="", estimate=found)


@claim("L1", "feedforward_r2")
def linear_map(run: Evidence) -> list[Part]:
    table, below = run.table("feedforward_r2"), numbers("L1")["below"]
    theirs = published.feedforward_r2()["r2"].max()
    return [
        r_squared(f"{below} − R² of layer {layer}", r2, pieces, below, False, below - theirs)
        for layer, r2, pieces in table[["layer", "adjusted_r2", "pieces"]].itertuples(index=False)
    ]


@claim("L2", "dependence")
def dependent(run: Evidence) -> list[Part]:
    above = numbers("L2")["above"]
    pieces = float(run.table("feedforward_r2")["pieces"].min())  # the same text
    table = run.table("dependence")[["source", "target", "r2"]]
    pairs = [
        r_squared(f"R² of {target} by {source} − {above}", r2, pieces, above, True, 0.1)
        for source, target, r2 in table.itertuples(index=False)
    ]
    return [Some(pairs)]
