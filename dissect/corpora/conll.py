"""Words and tags, a word a line: WNUT 2016, WikiGold, the teaching corpus, and files of several columns."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from dissect.corpora.items import TaggedSentence
from dissect.errors import DissectError, MissingCorpus

MOST = 500  # different tags; more are words

DOCSTART = "-DOCSTART-"


def read_conll(path: Path) -> list[TaggedSentence]:
    """The sentences of a file with a word and its tag a line, and a blank line after a sentence.

    Word and tag are parted by a tab or a space. IOB1 tags become BIO.

    Raises:
        MissingCorpus: The file is absent, or a line has no legal tag.
    """
    sentences: list[TaggedSentence] = []
    for lines in blocks(path):
        words: list[str] = []
        tags: list[str] = []
        for number, line in lines:
            word, _, tag = line.rpartition("\t") if "\t" in line else line.rpartition(" ")
            if not word.strip() or not (tag == "O" or tag[:2] in ("B-", "I-") and len(tag) > 2):
                raise MissingCorpus(
                    f"{path}, line {number}: expected a word and a tag such as O or B-person, "
                    f"found {line[:60]!r}; fetch the file again"
                )
            words.append(word.strip())
            tags.append(tag)
        sentences.append(TaggedSentence(words, to_bio(tags)))
    return sentences


def read_column(path: Path, column: int | None = None) -> list[TaggedSentence]:
    """The sentences of a file of several columns, with one of them as tags, just as it stands there.

    Words are in the first column, or in the second of a `.conllu` file, whose comments and words within
    words are left out, as lines that begin with -DOCSTART- are. Columns are parted by tabs, or by blanks.

    Args:
        path: Of the file.
        column: The number of the column, from 1; None is the last.

    Raises:
        MissingCorpus: The file is absent.
        DissectError: A line has no such column, or the column holds words, not tags.
    """
    universal = path.suffix == ".conllu"
    of_words = 2 if universal else 1
    if column is not None and column <= of_words:
        raise DissectError(f"column {column} of {path} is not one of tags: give one from {of_words + 1} on")
    sentences: list[TaggedSentence] = []
    for lines in blocks(path):
        words: list[str] = []
        tags: list[str] = []
        for number, line in lines:
            cells = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]
            if line.startswith("-DOCSTART-") or universal and not cells[0].isdecimal():
                continue
            if len(cells) < max(column or 0, of_words + 1):
                asked = "column of tags" if column is None else f"column {column}"
                raise DissectError(
                    f"{path}, line {number}: there is no {asked} among {len(cells)} columns: "
                    "give another --column, or another file"
                )
            word, tag = cells[of_words - 1], cells[(column or len(cells)) - 1]
            if not word or not tag:
                raise DissectError(f"{path}, line {number}: the word or its tag is empty; mend the line")
            words.append(word)
            tags.append(tag)
        if words:
            sentences.append(TaggedSentence(words, tags))
    values = {tag for sentence in sentences for tag in sentence.tags}
    if len(values) > MOST:
        raise DissectError(
            f"the column of {path} has {len(values)} values, too many for tags: give another --column"
        )
    return sentences


def blocks(path: Path) -> Iterator[list[tuple[int, str]]]:
    """The lines of each sentence with their numbers; a blank line stands after a sentence.

    Raises:
        MissingCorpus: The file is absent, or no UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError:
        raise MissingCorpus(f"{path.name} is not in {path.parent}") from None
    except UnicodeDecodeError as error:
        raise MissingCorpus(f"{path} is not UTF-8 text ({error}); fetch it again") from None
    lines: list[tuple[int, str]] = []
    # not splitlines(): words of tweets hold characters that it takes for line ends
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line.strip():
            lines.append((number, line))
        elif lines:
            yield lines
            lines = []


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
