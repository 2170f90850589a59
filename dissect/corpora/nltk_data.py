"""NLTK's corpora: found where NLTK looks, else downloaded; one clear sentence when that fails."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import nltk
from nltk.data import PathPointer

from dissect.corpora.files import cache
from dissect.errors import MissingCorpus

DAMAGE = (LookupError, BadZipFile, ParseError, OSError, UnicodeDecodeError, ValueError)


def place(name: str) -> str:
    """Where NLTK finds a corpus, downloading it into the cache where it does not.

    Raises `MissingCorpus` when it is damaged, or cannot be downloaded.
    """
    folder = str(cache() / "nltk_data")
    if folder not in nltk.data.path:
        nltk.data.path.append(folder)
    if found := find(name):
        return found
    nltk.download(name, folder, quiet=True, print_error_to=io.StringIO())  # the error below says it
    if found := find(name):
        return found
    raise MissingCorpus(
        f"NLTK does not find the corpus {name} and could not download it: run python -m nltk.downloader "
        f"{name}, or set NLTK_DATA to the folder that has corpora/{name}.zip"
    )


def find(name: str) -> str | None:
    """The zip or the folder of a corpus. Raises `MissingCorpus` when the zip is damaged."""
    for file in (f"corpora/{name}.zip", f"corpora/{name}"):
        try:
            return str(nltk.data.find(file))
        except LookupError:
            continue
        except DAMAGE as error:
            raise damaged(name, error) from None
    return None


@contextmanager
def reading(name: str, folder: str = "") -> Iterator[PathPointer]:
    """A corpus, or a folder in it, for one of NLTK's readers; what these raise becomes `MissingCorpus`."""
    inside = f"{name}.zip/{name}" if place(name).endswith(".zip") else name
    try:
        yield nltk.data.find(f"corpora/{inside}/{folder}")
    except DAMAGE as error:
        raise damaged(name, error) from None


def complete(name: str, files: Sequence[str], many: int) -> None:
    """Raises `MissingCorpus` when a corpus has not as many files as NLTK packages."""
    if len(files) != many:
        raise damaged(name, ValueError(f"it has {len(files)} files of {many}"))


def damaged(name: str, error: Exception) -> MissingCorpus:
    """The error that says that a corpus cannot be read, why, and what to do."""
    reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
    return MissingCorpus(
        f"NLTK's corpus {name} is damaged ({reason}): delete corpora/{name}.zip in NLTK_DATA and run "
        "dissect fetch"
    )
