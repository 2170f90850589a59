"""What corpora are made of, once read."""

from dataclasses import dataclass


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


@dataclass(frozen=True)
class TaggedSentence:
    """Words with their entity tags in BIO form: O, B-PER, I-PER and so on."""

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
