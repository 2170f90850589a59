"""Chapter 1: how far the four terms can be told from one another."""

import pandas as pd

from dissect.report import readings
from dissect.report.claims.claim import Verdict, claim, verdict


@claim("L1", "feedforward_r2")
def linear_map(table: pd.DataFrame) -> Verdict:
    known = "adjusted_r2" in table
    r2 = table["adjusted_r2" if known else "r2"]
    low, high = readings.lowest_highest(r2)
    return verdict(r2 < 0.99, f"{'adjusted ' * known}R² {low:.2f} to {high:.2f}")


@claim("L2", "dependence")
def dependent(table: pd.DataFrame) -> Verdict:
    most = readings.most_dependent(table)
    return verdict([most["r2"] > 0.1], f"{most['source']} predicts {most['target']} with R² {most['r2']:.2f}")
