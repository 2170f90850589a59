"""NLTK's corpora: found where NLTK looks, else downloaded; one clear sentence when that fails."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import nltk
from nltk.data import PathPointer

from dissect.corpora.files import cache
from dissect.errors import MissingCorpus


def place(name: str) -> str:
    """Where NLTK finds a corpus, downloading it into the cache where it does not.

    Raises `MissingCorpus` when it cannot be downloaded.
    """
    folder = str(cache() / "nltk_data")
    if folder not in nltk.data.path:
        nltk.data.path.append(folder)
    try:
        return str(nltk.data.find(f"corpora/{name}.zip"))
    except LookupError:
        pass
    try:
        return str(nltk.data.find(f"corpora/{name}"))
    except LookupError:
        pass
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        if nltk.download(name, folder, quiet=True):
            return str(nltk.data.find(f"corpora/{name}.zip"))
    raise MissingCorpus(
        f"NLTK does not find the corpus {name} and could not download it: run python -m nltk.downloader "
        f"{name}, or set NLTK_DATA to the folder that has corpora/{name}.zip"
    )


@contextmanager
def reading(name: str, folder: str = "") -> Iterator[PathPointer]:
    """A corpus, or a folder in it, for one of NLTK's readers; what these raise becomes `MissingCorpus`."""
    where = place(name)
    inside = f"{name}.zip/{name}" if where.endswith(".zip") else name
    try:
        yield nltk.data.find(f"corpora/{inside}/{folder}")
    except (LookupError, BadZipFile, ParseError, OSError, UnicodeDecodeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise MissingCorpus(
            f"NLTK's corpus {name} in {where} is damaged ({reason}): delete it and run dissect fetch"
        ) from None
