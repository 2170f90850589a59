"""NLTK's corpora: found where NLTK looks, else downloaded; one clear sentence when that fails."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import nltk
from nltk import downloader
from nltk.corpus.reader.api import CorpusReader
from nltk.data import PathPointer

from dissect.corpora.files import cache
from dissect.errors import MissingCorpus, SilentNetwork
from dissect.network import give_up, patience, refuse_silent


@dataclass(frozen=True)
class Copy:
    """What is read of a corpus.

    Attributes:
        files: Which files.
        many: How many NLTK packages.
        sha256: Of all of them, one after another, in the copy that the published runs read.
    """

    files: str
    many: int
    sha256: str


COPIES = {
    "europarl_raw": Copy(
        r"english/ep-.*\.en", 10, "04a90eb83c1d6cbd4761607389dcefed17581b19fa389c1e9b66739764a47b8d"
    ),
    "semcor": Copy(
        r"brown./tagfiles/br-.*\.xml", 352, "903b71b8c9450eeda4256f36941b599292c068cfc70fbd887b0e9141265727e8"
    ),
}
DAMAGE = (LookupError, BadZipFile, ParseError, OSError, UnicodeDecodeError, ValueError)


def place(name: str) -> str:
    """Where NLTK finds a corpus, downloading it into the cache where it does not.

    Raises:
        MissingCorpus: It is damaged, or cannot be downloaded.
    """
    folder = str(cache() / "nltk_data")
    if folder not in nltk.data.path:
        nltk.data.path.append(folder)
    if found := find(name):
        return found
    download(name, folder)
    if found := find(name):
        return found
    raise MissingCorpus(
        f"NLTK does not find the corpus {name} and could not download it: run python -m nltk.downloader "
        f"{name}, or set NLTK_DATA to the folder that has corpora/{name}.zip"
    )


def download(name: str, folder: str) -> None:
    """Try to; who finds no corpus afterwards says that it could not be downloaded."""
    index = downloader.Downloader.DEFAULT_URL
    try:
        refuse_silent(index)
    except SilentNetwork:
        return
    told = io.StringIO()
    downloader.NETWORK_TIMEOUT = patience()
    nltk.download(name, folder, quiet=True, print_error_to=told)
    if "timed out" in told.getvalue():
        give_up(index)


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
def reading(name: str) -> Iterator[PathPointer]:
    """The root of a corpus, for one of NLTK's readers; what these raise becomes `MissingCorpus`."""
    inside = f"{name}.zip/{name}" if place(name).endswith(".zip") else name
    try:
        yield nltk.data.find(f"corpora/{inside}/")
    except DAMAGE as error:
        raise damaged(name, error) from None


def complete(name: str, reader: CorpusReader) -> None:
    """Raises `MissingCorpus` when a corpus has not as many files as NLTK packages."""
    found, many = len(reader.fileids()), COPIES[name].many
    if found != many:
        raise damaged(name, ValueError(f"it has {found} files of {many}"))


def another(name: str) -> str | None:
    """What to say of a copy that is not the one the published runs read; None where it is that one.

    NLTK may mend its corpora, so another copy is read as well, but its numbers may be others.

    Raises:
        MissingCorpus: It is damaged, or cannot be downloaded.
    """
    digest = hashlib.sha256()
    with reading(name) as root:
        reader = CorpusReader(root, COPIES[name].files)
        for file in reader.fileids():
            digest.update(reader.abspath(file).open().read())
        complete(name, reader)
    if digest.hexdigest() == COPIES[name].sha256:
        return None
    return (
        f"{name} in {place(name)} is not the copy that the published runs read (SHA-256 "
        f"{digest.hexdigest()[:12]}…, there {COPIES[name].sha256[:12]}…), so numbers may differ: if you "
        f"have not altered it on purpose, delete it and run dissect fetch"
    )


def damaged(name: str, error: Exception) -> MissingCorpus:
    """The error that says that a corpus cannot be read, why, and what to do."""
    reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
    return MissingCorpus(
        f"NLTK's corpus {name} is damaged ({reason}): delete corpora/{name}.zip in NLTK_DATA and run "
        "dissect fetch"
    )
