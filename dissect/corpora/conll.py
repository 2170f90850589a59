"""Words and tags, a word a line: WNUT 2016, WikiGold, the teaching corpus, and one's own files of columns."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dissect.corpora.columns import Columns, Line, of_any_tags, of_entities, rows, same_width
from dissect.corpora.items import TaggedSentence
from dissect.corpora.plain import lines
from dissect.corpora.schemes import KNOWN, Misfit, begun_otherwise, is_tag, to_iob2
from dissect.errors import DissectError, MissingCorpus
from dissect.progress import once

MOST = 500  # different tags; more are words
# Of CoNLL-2003, and of Universal Dependencies, which also have words of several, and words not said.
NEW_DOCUMENT = re.compile(r"\s*(\d+\s+)?-DOCSTART-(\s|$)|# ?newdoc\b")
WITHIN = re.compile(r"\d+[-.]\d+\t")
FOUND = Columns()


@dataclass(frozen=True)
class Block:
    """The lines of a sentence.

    Attributes:
        document: Its number in the file; "" where none is marked there.
    """

    lines: list[Line]
    document: str


def read_conll(path: Path, columns: Columns = FOUND) -> list[TaggedSentence]:
    """The sentences of a file with a word and its entity tag a line. Raises what `read_parts` raises."""
    return read_parts({"": path}, columns)[""]


def read_parts(paths: Mapping[str, Path], columns: Columns = FOUND) -> dict[str, list[TaggedSentence]]:
    """The sentences of files that belong together, with a word and its entity tag a line.

    A blank line stands after a sentence, and a line -DOCSTART- before a document; comments, which begin with
    # and have no tag, are left out. Columns are parted by tabs or blanks. Columns and the scheme of the tags
    are found over all files, and tags of any scheme become IOB2.

    Args:
        paths: By part.
        columns: Those that are named.

    Raises:
        MissingCorpus: A file is absent or empty, or a line is not as it should be.
        DissectError: It cannot be told which column the tags are in.
    """
    parts = {part: blocks(path) for part, path in paths.items()}
    every = [block for part in parts.values() for block in part]
    sure = rows([line for block in every for line in block.lines])
    word, tag = of_entities(sure, columns)
    if (word, tag, len(sure[0].cells)) != (1, 2, 2) and not all(columns):
        once(f"{sure[0].path}: words are read from column {word}, tags from column {tag}")
    kept = [words_of(block, sure[0], lambda line: is_tag(line.at(tag))) for block in every]
    given = [[line.at(tag) for line in words] for words in kept]
    tags = to_iob2(given)
    if isinstance(tags, Misfit):
        line = kept[tags.sentence][tags.word]
        raise line.unexpected(f"tags of one scheme, {KNOWN}, in which {tags.why}")
    if odd := begun_otherwise(given):
        once(f"{sure[0].path}: entities begin with B- and with I-, {odd} otherwise than most; both begin one")
    read = iter([sentence(*of, word) for of in zip(every, kept, tags, strict=True)])
    return {part: [one for _ in of if (one := next(read)).words] for part, of in parts.items()}


def read_column(
    path: Path, column: int | None = None, word_column: int | None = None
) -> list[TaggedSentence]:
    """The sentences of a file of several columns, with one of them as tags, just as it stands there.

    Lines are read as `read_parts` reads them.

    Args:
        path: Of the file; in a `.conllu` file, words within words are left out.
        column: That the tags are in, from 1; None is the last.
        word_column: That the words are in; None is the first that does not number them.

    Raises:
        MissingCorpus: The file is absent or empty, or has no such column.
        DissectError: The column holds words, not tags.
    """
    every = blocks(path)
    sure = rows([line for block in every for line in block.lines])
    word, tag = of_any_tags(sure, Columns(word_column, column))
    values = {line.at(tag) for line in sure}
    if len(values) > MOST:
        raise DissectError(
            f"the column of {path} has {len(values)} values, too many for tags: give another --column"
        )
    kept = [words_of(block, sure[0], lambda line: line.at(tag) in values) for block in every]
    read = [
        sentence(block, words, [line.at(tag) for line in words], word)
        for block, words in zip(every, kept, strict=True)
    ]
    return [one for one in read if one.words]


def blocks(path: Path) -> list[Block]:
    """The sentences of a file, line by line.

    Raises:
        MissingCorpus: The file is absent, no UTF-8 text, or holds no sentence.
    """
    found = list(_blocks(path))
    if not found:
        raise MissingCorpus(f"{path} holds no sentence: expected a word and its tag a line")
    marked = any(document for _, document in found)
    return [Block(of, str(document) if marked else "") for of, document in found]


def _blocks(path: Path) -> Iterator[tuple[list[Line], int]]:
    document, block = 0, list[Line]()
    for number, text in enumerate([*lines(path), ""], start=1):
        begins = NEW_DOCUMENT.match(text)
        if path.suffix == ".conllu" and WITHIN.match(text):
            continue
        if text.strip() and not begins:
            block.append(Line(path, number, text))
        elif block:
            yield block, document
            block = []
        document += bool(begins)


def words_of(block: Block, first: Line, is_word: Callable[[Line], bool]) -> list[Line]:
    """The lines of a sentence that have a word; comments stand before the first.

    Args:
        block: The sentence.
        first: A line with as many columns as all should have.
        is_word: Whether a line that begins with # is one of them.

    Raises:
        MissingCorpus: One has another number of columns, or none of a tag.
    """
    words: list[Line] = []
    for line in block.lines:
        comment = line.text.startswith("#") and not (len(line.cells) == len(first.cells) and is_word(line))
        if comment and words:
            same_width(line, first)
            raise line.unexpected("a word and its tag")
        words += [] if comment else [line]
    return words


def sentence(block: Block, words: Sequence[Line], tags: list[str], column: int) -> TaggedSentence:
    """A sentence of the words in a column.

    Args:
        block: That it was read from.
        words: The lines of its words.
        tags: Of its words.
        column: That the words are in.

    Raises:
        MissingCorpus: A word or tag is empty.
    """
    for line, tag in zip(words, tags, strict=True):
        if not line.at(column) or not tag:
            raise line.empty()
    return TaggedSentence([line.at(column) for line in words], tags, block.document)
