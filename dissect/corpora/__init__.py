"""Corpora: text, word senses and named entities, a reader a format."""

from dissect.corpora.items import SenseCorpus, SenseItem, TaggedSentence
from dissect.corpora.named import (
    KINDS,
    another_copy,
    documents,
    entities,
    fetch,
    rest_of_text,
    senses,
    text,
    tuning,
)

__all__ = [
    "KINDS", "SenseCorpus", "SenseItem", "TaggedSentence", "another_copy", "documents",
    "entities", "fetch", "rest_of_text", "senses", "text", "tuning",
]  # fmt: skip
