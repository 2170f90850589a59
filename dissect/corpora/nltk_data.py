"""One clear sentence when NLTK lacks a corpus, or has a damaged one."""

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from dissect.errors import MissingCorpus


@contextmanager
def needs(name: str) -> Iterator[None]:
    """Turn what NLTK raises inside the block into `MissingCorpus`."""
    try:
        yield
    except LookupError:
        raise MissingCorpus(
            f"NLTK does not find the corpus {name}: run python -m nltk.downloader {name}, or set "
            f"NLTK_DATA to the folder that has corpora/{name}.zip"
        ) from None
    except (BadZipFile, ParseError, OSError, UnicodeDecodeError, ValueError) as error:
        raise MissingCorpus(
            f"NLTK's corpus {name} is damaged ({error}): delete it and run python -m nltk.downloader {name}"
        ) from None
