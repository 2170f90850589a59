"""Corpora: text, word senses, named entities, tags and questions, a reader a format."""

from dissect.corpora.items import SenseCorpus, SenseItem, TaggedSentence
from dissect.corpora.named import (
    KINDS,
    NAMES,
    another_copy,
    documents,
    entities,
    fetch,
    questions,
    rest_of_text,
    senses,
    tags,
    text,
    tuning,
)
from dissect.corpora.squad import Question
from dissect.corpora.squad import at_hand as squad_at_hand

__all__ = [
    "KINDS", "NAMES", "Question", "SenseCorpus", "SenseItem", "TaggedSentence", "another_copy", "documents",
    "entities", "fetch", "questions", "rest_of_text", "senses", "squad_at_hand", "tags", "text", "tuning",
]  # fmt: skip
