"""Europarl, the paper's text for the size of the terms: NLTK's `europarl_raw`, or its own release."""

import re
from pathlib import Path

from dissect.errors import MissingCorpus

MARKUP = re.compile(r"<[^>]*>")
CHAPTER = re.compile(r"^[^\S\n]*<CHAPTER ID=\W*(\w+)[^>\n]*>[^\S\n]*$", re.MULTILINE | re.IGNORECASE)
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


def release(folder: Path) -> Parted:
    """The sentences of a folder of Europarl's own release: `*.en`, or `en/*.txt`, one a line.

    A document is a chapter of a file, or a file in which none is marked.

    Raises:
        MissingCorpus: There is no such file in it.
    """
    files = sorted(folder.glob("*.en")) or sorted(folder.glob("en/*.txt")) or sorted(folder.glob("*.txt"))
    if not files:
        raise MissingCorpus(f"{folder} has no Europarl: expected files *.en, en/*.txt or *.txt in it")
    try:
        return [pair for file in files for pair in by_chapter(file.read_text(encoding="utf-8"), file.stem)]
    except UnicodeDecodeError as error:
        raise MissingCorpus(f"a file in {folder} is not UTF-8 text ({error}): fetch it again") from None


def by_chapter(lines: str, file: str) -> Parted:
    """The sentences of a file, each with its document: "FILE chapter ID", or "FILE" before the first."""
    pieces = CHAPTER.split(lines)
    names = [file, *(f"{file} chapter {number}" for number in pieces[1::2])]
    return [(name, one) for name, piece in zip(names, pieces[::2], strict=True) for one in sentences(piece)]


def sentences(lines: str) -> list[str]:
    """The lines that hold text; markup such as <CHAPTER ID=1>, a line of its own, is left out."""
    return [line.strip() for line in lines.split("\n") if MARKUP.sub("", line).strip()]
