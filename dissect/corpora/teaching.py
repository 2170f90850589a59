"""The teaching corpus: written for this project, CC0, part of the package."""

import re
from importlib.resources import files
from pathlib import Path

from dissect.corpora.conll import read_conll
from dissect.corpora.items import SenseCorpus, SenseItem, TaggedSentence

FOLDER = Path(str(files("dissect") / "data" / "teaching"))
HEADER = re.compile(r"# (\w+) (\w+) (\w+) : (.+)")


def senses() -> SenseCorpus:
    """Ambiguous words in sentences; a sense is named lemma.pos.label, as in bank.noun.money.

    The sentences were written one by one: there are no documents, and each counts as its own.
    """
    sentences: list[str] = []
    items: list[SenseItem] = []
    glosses: dict[str, str] = {}
    lemma = sense = ""
    for line in (FOLDER / "senses.txt").read_text(encoding="utf-8").splitlines():
        if header := HEADER.fullmatch(line):
            word, pos, label, gloss = header.groups()
            lemma, sense = f"{word}.{pos}", f"{word}.{pos}.{label}"
            glosses[sense] = gloss
        elif line:
            before, target, after = line.split("*")
            items.append(SenseItem(len(sentences), len(before), len(before) + len(target), lemma, sense))
            sentences.append(before + target + after)
    return SenseCorpus(sentences, items, glosses)


def entities() -> list[TaggedSentence]:
    """Sentences with persons, organisations, locations and products (PER, ORG, LOC, PROD)."""
    return read_conll(FOLDER / "entities.conll")


def text() -> list[str]:
    """All sentences of the corpus."""
    return senses().sentences + [sentence.text for sentence in entities()]
