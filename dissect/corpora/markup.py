"""XML of corpora, read without its entities, which could grow without bounds."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from dissect.corpora.plain import read_bytes
from dissect.errors import MissingCorpus


def read_xml(path: Path) -> Element:
    """The root of an XML file, in the encoding that it declares.

    Raises:
        MissingCorpus: The file is absent, or no XML without entities of its own.
    """
    try:
        return fromstring(read_bytes(path))
    except ParseError as error:
        line, _ = error.position
        raise MissingCorpus(f"{path}, line {line}: expected XML, found {error.msg}") from None
    except (ValueError, LookupError) as error:  # entities, and encodings that nobody knows
        said = str(error).partition("\n")[0][:120]
        raise MissingCorpus(f"{path}: expected XML without entities of its own ({said})") from None


def text_of(element: Element) -> str:
    """All that stands in an element, its words parted by one blank."""
    return " ".join("".join(element.itertext()).split())
