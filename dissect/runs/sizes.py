"""How large the corpora of a run are, for what is estimated of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from dissect.corpora import SenseCorpus

TARGETS = 0.15  # of a text's word pieces, as experiments.masking draws them
SPECIAL = 2  # word pieces of a sentence that are no part of its text, in most models


@dataclass(frozen=True)
class Size:
    """Of a corpus.

    Attributes:
        tokens: Of its sentences.
        items: Whose terms are taken.
        sentences: How many.
        classes: How many labels the items have; of text, how many word pieces would be met among targets.
    """

    tokens: int = 0
    items: int = 0
    sentences: int = 0
    classes: int = 0

    def targets(self, maskings: int) -> int:
        """How many word pieces are guessed of a text that is masked so many times."""
        return int(TARGETS * maskings * max(0, self.tokens - SPECIAL * self.sentences))


def classes_of(read: Any, ids: Sequence[Sequence[int]], maskings: int) -> int:
    """How many labels there are to learn.

    Args:
        read: What was read from a corpus of any kind.
        ids: Its sentences, as token ids.
        maskings: How often a text is masked.
    """
    if isinstance(read, SenseCorpus):
        return len({(item.lemma, item.sense) for item in read.items})
    if isinstance(read, dict):
        return len({tag for part in read.values() for sentence in part for tag in sentence.tags})
    return met(torch.tensor([piece for row in ids for piece in row], dtype=torch.long), TARGETS * maskings)


def met(pieces: torch.Tensor, share: float) -> int:
    """How many different ones would be met among a share of them, drawn at random.

    Args:
        pieces: Their numbers.
        share: As many are drawn; above 1 several times.

    >>> met(torch.tensor([5, 5, 5, 7]), 1e9), met(torch.tensor([5, 5, 5, 7]), 0.0)
    (2, 0)
    """
    often = torch.bincount(pieces).double()
    return round(float((1 - torch.exp(-share * often)).sum())) if len(pieces) else 0
