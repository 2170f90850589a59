"""Chapter 4: which terms tell word senses apart."""

import pandas as pd

from dissect.report.answers import H_FOR_F
from dissect.report.claims.claim import Verdict, claim
from dissect.report.claims.comparing import Scores, odd_ones_are


@claim("W1", "senses", wants=("senses_pairs",))
def attention_tells_senses(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    return Scores.of("classifier", "accuracy", table, pairs).compared(H_FOR_F)


@claim("W2", "senses", wants=("senses_pairs",))
def feedforward_no_help(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    scores = Scores.of("classifier", "accuracy", table, pairs)
    said = scores.compared([("i+h+c", "i+h+f+c")])
    _, chance = scores.beats("i+h+c", "i+h+f+c")
    undecided = said.verdict == "not replicated" and chance >= 0.05
    return Verdict("partly", said.numbers) if undecided else said


@claim("W3", "senses_agreement")
def senses_odd_ones(table: pd.DataFrame) -> Verdict:
    return odd_ones_are(table)
