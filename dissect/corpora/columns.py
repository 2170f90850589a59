"""Files of columns, a word a line: what a line holds, and in which columns words and tags stand."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from dissect.corpora.plain import unexpected
from dissect.corpora.schemes import is_tag
from dissect.errors import DissectError, MissingCorpus

# Of CoNLL-2000, and of the German part of CoNLL-2003: a column of these beside another holds no entities.
PHRASES = {"NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP", "NC", "VC", "PC"}


class Columns(NamedTuple):
    """The numbers, from 1, of the columns that words and tags are in; None: it is to be found."""

    word: int | None = None
    tag: int | None = None


@dataclass(frozen=True)
class Line:
    """A line of a file that is not blank."""

    path: Path
    number: int
    text: str

    @cached_property
    def cells(self) -> list[str]:
        """What stands between tabs, or, where there are none, between blanks."""
        if "\t" in self.text.strip(" \t"):
            return [cell.strip() for cell in self.text.rstrip(" \t").split("\t")]
        return [cell.strip() for cell in re.split(" +", self.text.strip(" \t"))]

    def at(self, column: int) -> str:
        """What a column holds, by its number."""
        return self.cells[column - 1]

    def unexpected(self, expected: str) -> MissingCorpus:
        """The error that says what should stand here."""
        return unexpected(self.path, self.number, expected, self.text)

    def empty(self) -> MissingCorpus:
        """The error that says that something is missing here."""
        return MissingCorpus(f"{self.path}, line {self.number}: the word or its tag is empty; mend the line")

    def without(self, what: str) -> MissingCorpus:
        """The error that says that there are too few columns here."""
        return MissingCorpus(
            f"{self.path}, line {self.number}: there is no {what} among {len(self.cells)} columns: name "
            "another, or give another file"
        )


def rows(lines: Sequence[Line]) -> list[Line]:
    """The lines that are certainly no comments: those that do not begin with #, or all where none is left.

    Raises:
        MissingCorpus: They have different numbers of columns.
    """
    certain = [line for line in lines if not line.text.startswith("#")] or list(lines)
    for line in certain:
        same_width(line, certain[0])
    return certain


def same_width(line: Line, first: Line) -> None:
    """Raise `MissingCorpus` for a line that has not as many columns as the first."""
    many, width = len(line.cells), len(first.cells)
    if (many, width) == (1, 2):
        raise line.empty()
    if many != width:
        raise line.unexpected(f"{width} columns, as in line {first.number} of {first.path.name}")


def of_entities(rows: Sequence[Line], asked: Columns) -> tuple[int, int]:
    """The numbers of the columns of words and of entity tags.

    Args:
        rows: Lines with equally many columns.
        asked: Those that are named.

    Raises:
        MissingCorpus: There is no such column, or none of tags.
        DissectError: There are several of tags.
    """
    every = _every(rows, asked)
    if asked.tag:
        for row in rows:
            if not is_tag(row.at(asked.tag)):
                raise row.unexpected(f"a tag such as O or B-PER in column {asked.tag}")
    tag = asked.tag or _of_tags(rows, [column for column in every if column != asked.word])
    return asked.word or _of_words(rows, [column for column in every if column != tag]), tag


def of_any_tags(rows: Sequence[Line], asked: Columns) -> tuple[int, int]:
    """The numbers of the columns of words and of tags of any kind; these are in the last unless it is named.

    Raises:
        MissingCorpus: There is no such column.
        DissectError: The column that is named is one of words.
    """
    every = _every(rows, asked)
    if len(every) < 2:
        raise rows[0].without("column of tags")
    first = asked.word or _of_words(rows, every)
    if asked.tag and (asked.tag == first or asked.tag < first and not asked.word):
        raise DissectError(
            f"column {asked.tag} of {rows[0].path} is not one of tags: give one from {first + 1} on"
        )
    return first, asked.tag or every[-1]


def _every(rows: Sequence[Line], asked: Columns) -> list[int]:
    """The numbers of all columns, those among them that are named."""
    every = list(range(1, len(rows[0].cells) + 1))
    for column in asked:
        if column is not None and column not in every:
            raise rows[0].without(f"column {column}")
    return every


def _of_tags(rows: Sequence[Line], columns: Sequence[int]) -> int:
    """The one column that holds nothing but tags; the first, one of O alone and one of phrases give way."""
    held = {column: [row.at(column) for row in rows] for column in columns}
    fit = [column for column in columns if all(map(is_tag, held[column]))]
    if not fit:
        nearest = max(columns, key=lambda column: sum(map(is_tag, held[column])), default=1)
        wrong = next(row for row in rows if not is_tag(row.at(nearest)) or len(row.cells) < 2)
        raise wrong.unexpected("a word and a tag such as O or B-PER")
    gives_way: list[Callable[[int], bool]] = [
        lambda column: column == 1,
        lambda column: set(held[column]) == {"O"},
        lambda column: {tag[2:] for tag in held[column]} - {""} <= PHRASES,
    ]
    for less_likely in gives_way:
        fit = [column for column in fit if not less_likely(column)] or fit
    if len(fit) > 1:
        raise DissectError(
            f"the tags of {rows[0].path} may be in column {' or '.join(map(str, fit))}: name one with "
            "--tag-column"
        )
    return fit[0]


def _of_words(rows: Sequence[Line], columns: Sequence[int]) -> int:
    """The first column, but for one that counts the words of a sentence where there is another."""
    if not columns:
        raise rows[0].unexpected("a word and a tag such as O or B-PER")
    return next((column for column in columns if not _counts(rows, column)), columns[0])


def _counts(rows: Sequence[Line], column: int) -> bool:
    """Whether a column numbers words, from 0 or 1 in each sentence."""
    before = 0
    for row in rows:
        cell = row.at(column)
        if cell not in ("0", "1", str(before + 1)):
            return False
        before = int(cell)
    return True
