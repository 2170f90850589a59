"""Words and entity tags, one a line: WNUT 2016, WikiGold and the teaching corpus."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from dissect.corpora.items import TaggedSentence
from dissect.errors import MissingCorpus

DOCSTART = "-DOCSTART-"


def read_conll(path: Path) -> list[TaggedSentence]:
    """The sentences of a file with a word and its tag a line, and a blank line after a sentence.

    Word and tag are parted by a tab or a space. IOB1 tags become BIO.

    Raises:
        MissingCorpus: The file is absent, or a line has no legal tag.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingCorpus(f"{path.name} is not in {path.parent}") from None
    except UnicodeDecodeError as error:
        raise MissingCorpus(f"{path} is not UTF-8 text ({error}); fetch it again") from None
    sentences: list[TaggedSentence] = []
    words: list[str] = []
    tags: list[str] = []
    # not splitlines(): words of tweets hold characters that it takes for line ends
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if not line.strip():
            if words:
                sentences.append(TaggedSentence(words, to_bio(tags)))
            words, tags = [], []
            continue
        word, _, tag = line.rpartition("\t") if "\t" in line else line.rpartition(" ")
        if not word.strip() or not (tag == "O" or tag[:2] in ("B-", "I-") and len(tag) > 2):
            raise MissingCorpus(
                f"{path}, line {number}: expected a word and a tag such as O or B-person, "
                f"found {line[:60]!r}; fetch the file again"
            )
        words.append(word.strip())
        tags.append(tag)
    return sentences


def articles(sentences: Sequence[TaggedSentence]) -> list[str]:
    """The document of each sentence: what lies between two lines -DOCSTART-, as WikiGold parts its articles.

    Without such a line, as in tweets, each sentence is one.
    """
    starts = [int(sentence.words == [DOCSTART]) for sentence in sentences]
    parts = accumulate(starts) if any(starts) else range(len(sentences))
    return [str(part) for part in parts]


def to_bio(tags: list[str]) -> list[str]:
    """The same entities with B- on each first word.

    >>> to_bio(["I-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    ['B-PER', 'I-PER', 'O', 'B-LOC', 'B-LOC']
    """
    result, before = [], "O"
    for tag in tags:
        begins = tag[:2] == "I-" and before[2:] != tag[2:]
        result.append("B-" + tag[2:] if begins else tag)
        before = tag
    return result
