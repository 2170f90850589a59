"""Chapter 3: which terms guess masked words, by which head; nothing is concluded from next words."""

from dissect.experiments.certainty import estimate
from dissect.report import published, readings
from dissect.report.claims.claim import claim, numbers
from dissect.report.claims.evidence import Evidence, Scores
from dissect.report.claims.parts import Difference, Part
from dissect.report.claims.verdict import NotTestable
from dissect.report.intervals import number

MASKED = "accuracy_masked"  # of targets in whose place [MASK] stood
WITH_F_AND_C = ("f+c", "i+f+c", "h+f+c", "i+h+f+c")


def refuse_next_words(run: Evidence) -> None:
    """Raise `NotTestable` where the model was asked for next words."""
    if readings.next_words(run.tables):
        raise NotTestable(
            "the claim needs a model that guesses masked words: this one was asked for the next "
            "word, a similar question but not the one that the claim is about"
        )


def masked_scores(run: Evidence, predictor: str) -> Scores:
    """A predictor's scores on masked words. Raises `NotTestable` where there are none."""
    refuse_next_words(run)
    return run.scores("masked_words", predictor)


def whole_head(run: Evidence) -> tuple[str, Scores]:
    """The kind of the head for whole embeddings, and its scores.

    Raises:
        NotTestable: The model has none, or one that is not surely better than the baseline where [MASK]
            stood: it may copy words that were left as they were. Or it was asked for next words.
    """
    refuse_next_words(run)
    kind = readings.whole_head(run.table("masked_words"))
    if kind is None:
        raise NotTestable("the claim needs a model with a head for masked words (dissect tune --task mlm)")
    masked = run.scores("masked_words", kind, MASKED)["i+h+f+c"]
    lead = estimate(masked - run.scores("masked_words", "learned", MASKED)[""])
    if lead.interval()[0] <= 0:
        points = number(100 * lead.value, 1, "+")
        raise NotTestable(
            f"the {kind} head does not guess: where [MASK] stood it is {points} points from the most "
            "frequent word piece; the claim needs one that does (dissect tune --task mlm, --head)"
        )
    return kind, run.scores("masked_words", kind)


@claim("M1", "masked_words_groups")
def learned_head(run: Evidence) -> list[Part]:
    kind, whole = whole_head(run)
    learned, times = masked_scores(run, "learned"), numbers("M1")["times"]
    theirs = [published.F_ALONE_LEARNED_HEAD / 100, published.F_ALONE_PRETRAINED_HEAD / 100]
    return [
        Difference(f"f by a learned head − {times:.0f} times f by the {kind} head",
                   learned["f"] - times * whole["f"], effect=theirs[0] - times * theirs[1]),
        Difference("f − the baseline, learned heads", learned["f"] - learned[""], effect=theirs[0] / 2),
    ]  # fmt: skip


@claim("M2", "masked_words_groups")
def bias_needed(run: Evidence) -> list[Part]:
    kind, whole = whole_head(run)
    pairs = [(name, name.removesuffix("+c")) for name in WITH_F_AND_C]
    return [Difference(f"{a} − {b}, {kind} head", whole[a] - whole[b]) for a, b in pairs]


@claim("M3", "masked_words_groups")
def feedforward_predicts(run: Evidence) -> list[Part]:
    learned = masked_scores(run, "learned")
    return [Difference(f"f − {term}, learned heads", learned["f"] - learned[term]) for term in "hic"]
