"""Predictors of senses that see no vector: what a score on vectors has to beat."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

from dissect.experiments.probes import Split


def most_frequent(lemmas: Sequence[str], senses: Sequence[str], split: Split) -> list[str]:
    """The sense of the lemma that is most frequent in training; "" for a lemma that is not there.

    Of senses equally frequent, the one that comes first in the corpus.

    Args:
        lemmas: Of all items.
        senses: Of all items.
        split: Which of them are counted, and which are asked for.

    Returns:
        A sense for each test item.
    """
    return [sense or "" for sense in majority(lemmas, senses, split)]


def documents_majority(
    documents: Sequence[int], lemmas: Sequence[str], senses: Sequence[str], split: Split
) -> list[str]:
    """The sense that most training items of the lemma in the same document have; else the most frequent one.

    A word mostly keeps its sense within a text ("one sense per discourse", Gale et al. 1992), so this says
    how much a predictor may owe to having seen other parts of the texts that it is tested on.

    Args:
        documents: Of all items.
        lemmas: Of all items.
        senses: Of all items.
        split: Which of them are counted, and which are asked for.

    Returns:
        A sense for each test item.
    """
    within = majority(list(zip(documents, lemmas, strict=True)), senses, split)
    overall = most_frequent(lemmas, senses, split)
    return [one or other for one, other in zip(within, overall, strict=True)]


def majority(groups: Sequence[Hashable], senses: Sequence[str], split: Split) -> list[str | None]:
    """The sense that most training items of a group have; of equals, the one that comes first in the corpus.

    Args:
        groups: Of all items.
        senses: Of all items.
        split: Which of them are counted, and which are asked for.

    Returns:
        A sense for each test item; None where no training item is of its group.
    """
    counts: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for n in sorted(split.train.tolist()):
        counts[groups[n]][senses[n]] += 1
    most = {group: count.most_common(1)[0][0] for group, count in counts.items()}
    return [most.get(groups[n]) for n in split.test.tolist()]
