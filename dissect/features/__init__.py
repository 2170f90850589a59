"""The terms of words and of masked positions, gathered from text and kept on disk."""

from dissect.features.gathering import (
    Features,
    batches,
    over_text,
    padded,
    target_terms,
    tokenized,
    word_targets,
    word_terms,
)
from dissect.features.store import EPOCHS, AnswerStore, checksum

__all__ = [
    "EPOCHS",
    "AnswerStore",
    "Features",
    "batches",
    "checksum",
    "over_text",
    "padded",
    "target_terms",
    "tokenized",
    "word_targets",
    "word_terms",
]
