"""Europarl, the paper's text for the size of the terms: NLTK's `europarl_raw`, or its own release."""

import re
from pathlib import Path

from dissect.errors import MissingCorpus

MARKUP = re.compile(r"<[^>]*>")


def text() -> list[str]:
    """The English sentences of the sessions that NLTK packages, one a line of their files.

    Raises:
        MissingCorpus: NLTK does not find them, or they are damaged.
    """
    from nltk.corpus.reader import EuroparlCorpusReader

    from dissect.corpora.nltk_data import COPIES, complete, reading

    with reading("europarl_raw") as root:
        reader = EuroparlCorpusReader(root, COPIES["europarl_raw"].files, encoding="utf-8")
        complete("europarl_raw", reader)
        return sentences("\n".join(reader.raw(name) for name in reader.fileids()))


def release(folder: Path) -> list[str]:
    """The sentences of a folder of Europarl's own release: `*.en`, or `en/*.txt`, one a line.

    Raises:
        MissingCorpus: There is no such file in it.
    """
    files = sorted(folder.glob("*.en")) or sorted(folder.glob("en/*.txt")) or sorted(folder.glob("*.txt"))
    if not files:
        raise MissingCorpus(f"{folder} has no Europarl: expected files *.en, en/*.txt or *.txt in it")
    try:
        return sentences("\n".join(file.read_text(encoding="utf-8") for file in files))
    except UnicodeDecodeError as error:
        raise MissingCorpus(f"a file in {folder} is not UTF-8 text ({error}): fetch it again") from None


def sentences(lines: str) -> list[str]:
    """The lines that hold text; markup such as <CHAPTER ID=1>, a line of its own, is left out."""
    return [line.strip() for line in lines.split("\n") if MARKUP.sub("", line).strip()]
