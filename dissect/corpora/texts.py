"""Text of one's own, files and folders: a sentence a line, Europarl's release, or OPUS's XML."""

import re
from pathlib import Path

from dissect.corpora import europarl
from dissect.corpora.europarl import Parted
from dissect.corpora.markup import read_xml, text_of
from dissect.corpora.plain import lines, read_bytes, read_text
from dissect.errors import DissectError, MissingCorpus

XML = re.compile(rb"(\xef\xbb\xbf)?\s*<(\?xml|!DOCTYPE|letsmt|document|text)\b", re.IGNORECASE)
PATTERNS = ("*.en", "en/*.txt", "*.txt", "*.xml")


def own(path: Path) -> Parted:
    """The sentences of a file or folder, each with its document.

    In a folder and in mark-up a document is a chapter, or a file in which none is marked; in a file without
    mark-up each sentence counts as one.

    Raises:
        MissingCorpus: There is no such file, or it is not what it looks like.
        DissectError: There is no sentence in it.
    """
    found = _folder(path) if path.is_dir() else _file(path)
    if not found:
        raise DissectError(f"{path} is empty: it should have a sentence a line")
    return found


def _folder(folder: Path) -> Parted:
    files = next((some for pattern in PATTERNS if (some := sorted(folder.glob(pattern)))), [])
    if not files:
        raise MissingCorpus(f"{folder} has no text: expected files {' or '.join(PATTERNS)} in it")
    return [pair for file in files for pair in _parted(file)]


def _file(path: Path) -> Parted:
    if XML.match(read_bytes(path)) or europarl.MARKED.search(read_text(path)):
        return _parted(path)
    sentences = [line.strip() for line in lines(path) if line.strip()]
    return [(str(n), sentence) for n, sentence in enumerate(sentences)]


def _parted(file: Path) -> Parted:
    if XML.match(read_bytes(file)):
        return opus(file)
    return europarl.by_chapter(read_text(file), file.stem)


def opus(path: Path) -> Parted:
    """The sentences of a file of OPUS: of each `<s>` its words `<w>`, or else its text.

    Raises:
        MissingCorpus: It is no XML, or has no `<s>`.
    """
    found, document = [], path.stem
    for element in read_xml(path).iter():
        if element.tag == "CHAPTER":
            document = f"{path.stem} chapter {element.get('ID', '')}"
        elif element.tag == "s":
            text = " ".join(map(text_of, element.iter("w"))) or text_of(element)
            found += [(document, text)] if text.strip() else []
    if not found:
        raise MissingCorpus(f"{path}: expected sentences in elements <s>, as OPUS has them, found none")
    return found
