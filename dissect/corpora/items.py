"""What corpora are made of, once read."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace


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


@dataclass(frozen=True)
class TaggedSentence:
    """Words with their entity tags in BIO form: O, B-PER, I-PER and so on.

    Attributes:
        document: The text that the sentence stands in; "" where the corpus is of single sentences.
    """

    words: list[str]
    tags: list[str]
    document: str = field(default="", repr=False)  # a corpus is told from another by its words and tags

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
