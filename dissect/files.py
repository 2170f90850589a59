"""Files that appear whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dissect.errors import DissectError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A place to write to, which takes the name `path` when the block has ended well.

    Raises `DissectError` when the disk is full or the folder cannot be written to.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DissectError(f"no room on the disk for {path}: make some and run again") from None
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise DissectError(f"{path} cannot be written ({error.strerror}): give another folder") from None
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all. Raises what `written_whole` raises."""
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
