"""Chapter 5: which terms name entities, before and after fine-tuning."""

import pandas as pd

from dissect.report import readings
from dissect.report.claims.claim import Verdict, claim, verdict
from dissect.report.claims.comparing import Scores, odd_ones_are

F_ADDED = [("h+f", "h"), ("i+h+f", "i+h"), ("h+f+c", "h+c"), ("i+h+f+c", "i+h+c")]


@claim("N1", "entities")
def entities_vary(table: pd.DataFrame) -> Verdict:
    spread = {}
    for name in dict.fromkeys(table["predictor"]):
        if table.loc[table["predictor"] == name, "seed"].nunique() < 2:
            return Verdict("not testable", "there is one run only")
        spread[name] = readings.from_worst_to_best(table, name, "macro_f1").median()
    numbers = "; ".join(f"{name} {points:.1f} points" for name, points in spread.items())
    return verdict([points >= 3 for points in spread.values()], numbers)


@claim("N2", "entities", wants=("entities_pairs",))
def feedforward_not_needed(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    behind, gains = {}, {}
    for name in dict.fromkeys(table["predictor"]):
        with_f, without = readings.with_and_without_f(table, name, "macro_f1")
        behind[name] = with_f - without
        gains[name] = sum(Scores.of(name, "macro_f1", table, pairs).surely(F_ADDED))
    numbers = "; ".join(
        f"{name} {-points:+.1f} points without f, a significant gain by f in {gains[name]} of {len(F_ADDED)}"
        for name, points in behind.items()
    )
    return verdict([points <= 2 for points in behind.values()], numbers)


@claim("N3", "entities_agreement")
def entities_odd_ones(table: pd.DataFrame) -> Verdict:
    return odd_ones_are(table)
