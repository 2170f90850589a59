"""The teaching corpus: written for this project, CC0, part of the package."""

from importlib.resources import files
from pathlib import Path

from dissect.corpora.conll import read_conll
from dissect.corpora.items import SenseCorpus, TaggedSentence
from dissect.corpora.marked import read_marked

FOLDER = Path(str(files("dissect") / "data" / "teaching"))


def senses() -> SenseCorpus:
    """Ambiguous words in sentences; a sense is named lemma.pos.label, as in bank.noun.money.

    The sentences were written one by one: there are no documents, and each counts as its own.
    """
    return read_marked(FOLDER / "senses.txt")


def entities() -> list[TaggedSentence]:
    """Sentences with persons, organisations, locations and products (PER, ORG, LOC, PROD)."""
    return read_conll(FOLDER / "entities.conll")


def text() -> list[str]:
    """All sentences of the corpus."""
    return senses().sentences + [sentence.text for sentence in entities()]
