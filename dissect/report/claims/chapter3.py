"""Chapter 3: which terms guess masked words, by which head."""

from dataclasses import replace

import pandas as pd

from dissect.report import readings
from dissect.report.claims.claim import Verdict, claim, verdict
from dissect.report.claims.comparing import Scores
from dissect.report.readings import whole_head

NO_HEAD = Verdict("not testable", "the model has no head for whole embeddings")


@claim("M1", "masked_words")
def learned_head(table: pd.DataFrame) -> Verdict:
    kind = whole_head(table)
    if kind is None:
        return NO_HEAD
    whole, of_learned = readings.percent(table, kind)["f"], readings.percent(table, "learned")
    learned, baseline = of_learned["f"], of_learned[""]
    holds = [learned >= 2 * whole, learned > baseline]
    return verdict(holds, f"f: head {kind} {whole:.1f} %, learned {learned:.1f} %, baseline {baseline:.1f} %")


@claim("M2", "masked_words", wants=("masked_words_pairs",))
def bias_needed(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    kind = whole_head(table)
    if kind is None:
        return NO_HEAD
    with_c = ("f+c", "i+f+c", "h+f+c", "i+h+f+c")
    said = Scores.of(kind, "accuracy", table, pairs).compared([(a, a.removesuffix("+c")) for a in with_c])
    return replace(said, numbers=f"head {kind}: {said.numbers}")


@claim("M3", "masked_words", wants=("masked_words_pairs",))
def feedforward_predicts(table: pd.DataFrame, pairs: pd.DataFrame | None) -> Verdict:
    return Scores.of("learned", "accuracy", table, pairs).compared([("f", t) for t in "hic"])
