"""Chapter 4: which terms tell word senses apart."""

from dissect.report.answers import H_FOR_F, WITHOUT_SUBLAYERS
from dissect.report.claims import paper
from dissect.report.claims.claim import claim
from dissect.report.claims.evidence import Evidence
from dissect.report.claims.parts import Difference, Lowest, Part, by_name

PREDICTORS = {"knn": "neighbours", "classifier": "probe"}


@claim("W1", "senses_documents_groups")
def attention_tells_senses(run: Evidence) -> list[Part]:
    return [
        Difference(f"{a} − {b}, {words}", scores[a] - scores[b], effect=paper.senses(a, b))
        for predictor, words in PREDICTORS.items()
        for scores in [run.scores("senses_documents", predictor)]
        for a, b in H_FOR_F
    ]


@claim("W2", "senses_documents_groups")
def feedforward_no_help(run: Evidence) -> list[Part]:
    a, b = "i+h+c", "i+h+f+c"
    return [
        Difference(f"{a} − {b}, {words}", scores[a] - scores[b], effect=paper.senses(a, b))
        for predictor, words in PREDICTORS.items()
        for scores in [run.scores("senses_documents", predictor)]
    ]


@claim("W3", "senses_documents_consistency")
def senses_odd_ones(run: Evidence) -> list[Part]:
    return [
        Lowest(f"kappa, {words}", by_name(of), list(of), WITHOUT_SUBLAYERS)
        for predictor, words in PREDICTORS.items()
        for of in [run.consistency("senses_documents", predictor)]
    ]
