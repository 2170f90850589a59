"""Files of text as anybody may have them: read as UTF-8, with or without a byte order mark, any line ends."""

import codecs
from pathlib import Path

from dissect.errors import MissingCorpus

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path) -> str:
    """The text of a file, with a line feed at each line's end.

    Raises:
        MissingCorpus: The file is absent, cannot be read, or is no UTF-8 text.
    """
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        encoding = "UTF-16" if content.startswith(UTF_16) else "ENCODING"
        raise MissingCorpus(
            f"{path}, line {line}: expected UTF-8 text, found the byte 0x{content[error.start]:02x}; convert "
            f"the file from the encoding that it is in, as iconv -f {encoding} -t UTF-8 does"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(path: Path) -> bytes:
    """What a file holds. Raises `MissingCorpus` where it is absent or cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise MissingCorpus(f"{path.name} is not in {path.parent}") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise MissingCorpus(f"{path} cannot be read ({getattr(error, 'strerror', error)})") from None


def lines(path: Path) -> list[str]:
    """The lines of a file. Raises what `read_text` raises."""
    return read_text(path).split("\n")  # not splitlines(): tweets hold characters that it takes for line ends


def unexpected(path: Path, line: int, expected: str, found: str) -> MissingCorpus:
    """The error that says where a file is not as expected.

    Args:
        path: Of the file.
        line: Its number, from 1.
        expected: What should stand there, in words.
        found: What stands there.
    """
    return MissingCorpus(f"{path}, line {line}: expected {expected}, found {found[:60]!r}")
