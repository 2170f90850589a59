"""What corpora are made of, once read."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class SenseItem:
    """One occurrence of an ambiguous word.

    Attributes:
        sentence: Its place in the corpus's list of sentences.
        start: Its first character in the sentence.
        end: The first character after it.
        lemma: The word as dictionaries have it.
        sense: Its sense, as the corpus names it.
        document: The text that its sentence stands in; "" where the corpus is of single sentences, each of
            which then counts as a document.
    """

    sentence: int
    start: int
    end: int
    lemma: str
    sense: str
    document: str = ""


@dataclass(frozen=True)
class SenseCorpus:
    """Sentences, and the words in them whose sense is known.

    Attributes:
        glosses: By sense; empty where the corpus has none.
    """

    sentences: list[str]
    items: list[SenseItem]
    glosses: dict[str, str]


def ambiguous(items: Sequence[SenseItem]) -> list[SenseItem]:
    """The items whose lemma has two senses or more among them."""
    senses_of = defaultdict(set)
    for item in items:
        senses_of[item.lemma].add(item.sense)
    return [item for item in items if len(senses_of[item.lemma]) > 1]


def drawn(corpus: SenseCorpus, limit: int | None, seed: int) -> SenseCorpus:
    """So many sentences of a corpus at most, and their words of lemmas that have two senses or more in them.

    Args:
        corpus: With all its words of known sense.
        limit: How many sentences, drawn at random; None keeps all.
        seed: Of the draw.
    """
    sentences, items = corpus.sentences, corpus.items
    if limit is not None and limit < len(sentences):
        places = sorted(random.Random(seed).sample(range(len(sentences)), limit))
        now = {old: new for new, old in enumerate(places)}
        sentences = [sentences[n] for n in places]
        items = [replace(item, sentence=now[item.sentence]) for item in items if item.sentence in now]
    return SenseCorpus(sentences, ambiguous(items), corpus.glosses)


@dataclass(frozen=True, repr=False)
class TaggedSentence:
    """Words with their entity tags in BIO form: O, B-PER, I-PER and so on.

    Attributes:
        document: The text that the sentence stands in; "" where the corpus is of single sentences.
    """

    words: list[str]
    tags: list[str]
    document: str = ""

    def __repr__(self) -> str:
        """All that tells the sentence from another, its document where it has one."""
        document = f", document={self.document!r}" if self.document else ""
        return f"TaggedSentence(words={self.words!r}, tags={self.tags!r}{document})"

    @property
    def text(self) -> str:
        """The words joined by blanks."""
        return " ".join(self.words)

    def spans(self) -> list[tuple[int, int]]:
        """Where each word stands in `text`, in characters."""
        found, at = [], 0
        for word in self.words:
            found.append((at, at + len(word)))
            at += len(word) + 1
        return found


def counted(read: Any) -> tuple[list[str], int]:
    """The sentences of what was read from a corpus of any kind, and how many items of it have terms."""
    if isinstance(read, SenseCorpus):
        return read.sentences, len(read.items)
    if isinstance(read, dict):
        tagged: list[TaggedSentence] = [sentence for part in read.values() for sentence in part]
        return [sentence.text for sentence in tagged], sum(len(sentence.tags) for sentence in tagged)
    return [getattr(one, "text", one) for one in read], 0
