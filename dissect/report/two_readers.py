"""Two readers of one term, the question of chapter 3, also where a model has no head for whole embeddings.

There the head that a run learns for whole embeddings takes the place of such a head. It was learned
afterwards, on the run's own targets, so it has a name of its own: no table keeps it and no claim rests on it.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dissect.decomposition import subsets
from dissect.experiments import masked_words
from dissect.experiments.certainty import Estimate, arrays, estimate
from dissect.experiments.hyperparameters import Trainings, trainings_for
from dissect.experiments.masked_words import MaskedTargets
from dissect.experiments.probes import Split, Training, moments, vectors_of
from dissect.experiments.probes.linear_head import heads
from dissect.experiments.reading import WHOLE
from dissect.experiments.units import Answers, Unit, results
from dissect.report.intervals import digits, number
from dissect.report.readings import LEARNED_FOR_WHOLE, called, whole_head
from dissect.tables import Results

LEARNED = "learned"  # the head of each subset, as tables have it
TERM = "f"  # of which the paper gives both numbers


class HeadForWhole(nn.Module):
    """The head that is learned for whole embeddings, to be read with as the head of a checkpoint is.

    It knows one mean and one deviation, those of whole embeddings: a subset is given to it as it is.

    Args:
        targets: The terms of the positions, and what is to be guessed there.
        split: Which targets are learned from, and which stop the training.
        training: How it is trained.
        seed: Of the batches and dropout.
    """

    def __init__(self, targets: MaskedTargets, split: Split, training: Training, seed: int):
        super().__init__()
        features, labels = targets.features, targets.labels
        self.types, self.vocabulary = labels[split.train].unique(), int(labels.max()) + 1
        self.mean, self.deviation = moments(features.subset(WHOLE), split.train)
        x = vectors_of(features, WHOLE, split.train)
        (learner,) = heads([x], labels, split, [training], seed, self.types)
        self.linear = learner.probe.get_submodule("linear").cpu()

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (items, vocabulary), for sums of terms, (items, hidden); -inf for types not seen."""
        logits = self.linear(((x - self.mean) / self.deviation).float())
        return logits.new_full((len(x), self.vocabulary), -torch.inf).index_copy(1, self.types, logits)


def read_by_whole(
    targets: MaskedTargets, subsets: Sequence[str], split: Split, training: Trainings, seed: int
) -> dict[str, Answers]:
    """What the head learned for whole embeddings says of the test targets, given subsets of the terms.

    Args:
        targets: All of them.
        subsets: Of the terms.
        split: Which targets are learned from, and which tested.
        training: Of learned heads; of all subsets, or by subset.
        seed: Of the batches and dropout.
    """
    head = HeadForWhole(targets, split, trainings_for([WHOLE], training)[WHOLE], seed)
    return masked_words.read(targets, subsets, split, head, seed)


def two_readers(
    targets: MaskedTargets,
    found: Results,
    seeds: Sequence[int],
    training: Trainings = masked_words.TRAINING,
    seed: int = 0,
) -> Results:
    """The heads learned for subsets beside one head for whole embeddings, which reads all of these.

    Args:
        targets: The terms of the positions, and what is to be guessed there.
        found: What `masked_words` found on them. Where it has a head for whole embeddings, that is taken;
            otherwise the head that is learned for these.
        seeds: Of what is learned.
        training: Of the learned heads; of all, or by subset.
        seed: Of the split.

    Returns:
        Scores, groups, intervals and pairs of two predictors, of which one is "learned" and the other
        "pretrained", "trained afterwards" or "learned for whole embeddings".
    """
    kind, other = whole_head(found.scores), found
    if kind is None:
        kind, split = LEARNED_FOR_WHOLE, targets.split(seed)
        experiment = masked_words.EXPERIMENTS[targets.asked]
        predict = partial(read_by_whole, training=training)
        asked = [subset for subset in subsets() if subset]
        other = results([Unit(experiment, kind, predict, targets, split, one, asked) for one in seeds])

    def both(table: str) -> pd.DataFrame:
        own, whole = getattr(found, table), getattr(other, table)
        return pd.concat([own[own["predictor"] == LEARNED], whole[whole["predictor"] == kind]])

    return Results(*(both(table) for table in ("scores", "groups", "intervals", "pairs")))


def readers_note(readers: Results) -> str:
    """How well the two heads read f alone, and what follows, in words.

    Args:
        readers: As `two_readers` gives them.
    """
    groups = readers.groups[readers.groups["score"] == "accuracy"]
    kind = next(name for name in groups["predictor"] if name != LEARNED)
    pseudo = arrays(groups, "predictor", "terms")
    own, whole, none = pseudo[LEARNED, TERM], pseudo[kind, TERM], pseudo[LEARNED, ""]
    told = (
        f"The head learned for **{TERM}** alone names {percent(own)} of the hidden words, the {called(kind)} "
        f"{percent(whole)} and the baseline, which reads nothing, {percent(none)}. "
    )
    told += verdict(estimate(own - whole), estimate(own - none))
    same = " On the whole embedding the two are the same head." if kind == LEARNED_FOR_WHOLE else ""
    return told + same


def verdict(gap: Estimate, lead: Estimate) -> str:
    """What follows from how far the head learned for f is above the other one, and above the baseline.

    Args:
        gap: The head learned for f less the head for whole embeddings.
        lead: The head learned for f less the baseline.
    """
    low, high = gap.interval()
    size = digits(100 * gap.reach())
    value, *ends = (number(100 * one, size, "+") for one in (gap.value, low, high))
    told = f"The two heads differ by {value} points [{', '.join(ends)}]"
    if low > 0 and lead.interval()[0] > 0:
        return (
            f"{told}: a linear head finds words in **{TERM}** that the head for whole embeddings misses. "
            "What a head does not read may be there all the same."
        )
    if low > 0:
        return (
            f"{told}, but the head learned for **{TERM}** is not surely above the baseline: "
            f"**{TERM}** may say nothing of the words to either."
        )
    if high < 0:
        return f"{told}: here the head for whole embeddings reads **{TERM}** better than its own head."
    return f"{told}: the data do not decide which of the two reads **{TERM}** better."


def percent(pseudo: np.ndarray) -> str:
    """A mean of pseudo-values in percent, with the digits that its interval gives it."""
    found = estimate(pseudo)
    return f"{100 * found.value:.{digits(100 * found.reach())}f} %"
