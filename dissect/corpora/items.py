"""What corpora are made of, once read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SenseItem:
    """One occurrence of an ambiguous word."""

    sentence: int  # its place in the corpus's list of sentences
    start: int  # characters of the sentence
    end: int
    lemma: str
    sense: str


@dataclass(frozen=True)
class SenseCorpus:
    """Sentences, and the words in them whose sense is known."""

    sentences: list[str]
    items: list[SenseItem]
    glosses: dict[str, str]  # by sense; empty where the corpus has none


@dataclass(frozen=True)
class TaggedSentence:
    """Words with their entity tags in BIO form: O, B-PER, I-PER, …"""

    words: list[str]
    tags: list[str]

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
