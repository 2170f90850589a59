"""Europarl, the paper's text for the size of the terms: NLTK's `europarl_raw`, and its own mark-up."""

import re
from pathlib import Path

MARKUP = re.compile(r"<[^>]*>")
CHAPTER = re.compile(r"^[^\S\n]*<CHAPTER ID=\W*(\w+)[^>\n]*>[^\S\n]*$", re.MULTILINE | re.IGNORECASE)
# A line of its own release that is mark-up alone.
MARKED = re.compile(r"^[^\S\n]*</?(CHAPTER|SPEAKER|P)\b[^>\n]*>[^\S\n]*$", re.MULTILINE | re.IGNORECASE)
Parted = list[tuple[str, str]]  # (document, sentence)


def packaged() -> Parted:
    """The English sentences that NLTK packages, one a line of their files; a document is a file, a session.

    Raises:
        MissingCorpus: NLTK does not find them, or they are damaged.
    """
    from nltk.corpus.reader import EuroparlCorpusReader

    from dissect.corpora.nltk_data import COPIES, complete, reading

    with reading("europarl_raw") as root:
        reader = EuroparlCorpusReader(root, COPIES["europarl_raw"].files, encoding="utf-8")
        complete("europarl_raw", reader)
        return [pair for name in reader.fileids() for pair in by_chapter(reader.raw(name), Path(name).stem)]


def by_chapter(lines: str, file: str) -> Parted:
    """The sentences of a file, each with its document: "FILE chapter ID", or "FILE" before the first."""
    pieces = CHAPTER.split(lines)
    names = [file, *(f"{file} chapter {number}" for number in pieces[1::2])]
    return [(name, one) for name, piece in zip(names, pieces[::2], strict=True) for one in sentences(piece)]


def sentences(lines: str) -> list[str]:
    """The lines that hold text; markup such as <CHAPTER ID=1>, a line of its own, is left out."""
    return [line.strip() for line in lines.split("\n") if MARKUP.sub("", line).strip()]
