"""Files that appear whole or not at all."""

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from dissect.errors import DissectError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A place to write to, which takes the name `path` when the block has ended well.

    Raises:
        DissectError: The disk is full, or the folder cannot be written to.
    """
    # a number of its own: processes of two machines may have one number and write the same file
    unfinished = path.with_name(f".{path.name}.{secrets.randbelow(10**12)}")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path):
            yield unfinished
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the disk has against writing `path`, as one sentence: raises `DissectError`."""
    try:
        yield
    except SafetensorError as error:
        raise DissectError(f"no room on the disk for {path} ({error}): make some and run again") from None
    except shutil.Error as error:  # of a folder that was copied: what went wrong, file by file
        *_, reason = error.args[0][0]
        raise DissectError(
            f"{path} could not be written in full ({reason}): make room and run again"
        ) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DissectError(f"no room on the disk for {path}: make some and run again") from None
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
            raise DissectError(f"{path} cannot be written ({error.strerror}): give another folder") from None
        raise


def write_parquet(table: "pd.DataFrame", path: Path) -> None:
    """Write a table as Parquet, whole or not at all. Raises what `written_whole` raises."""
    with written_whole(path) as unfinished:
        table.to_parquet(unfinished, index=False)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all. Raises what `written_whole` raises."""
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def sweep(folder: Path) -> None:
    """Remove what interrupted runs left unfinished in a folder that no other run works in."""
    for path in [*folder.rglob(".*")]:
        if re.fullmatch(r"\..+\.\d+", path.name):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        elif path.is_dir() and path.name.startswith(".tuning-"):
            shutil.rmtree(path, ignore_errors=True)


def copy_folder(source: Path, target: Path, *left_out: str) -> None:
    """Copy a folder for us to write in, though the source be read-only; `target` is new.

    Args:
        source: The folder.
        target: Where it goes.
        *left_out: Patterns of names that stay behind.
    """
    left = shutil.ignore_patterns(*left_out)
    shutil.copytree(source, target, ignore=left, copy_function=shutil.copyfile)
    for place in (target, *(path for path in target.rglob("*") if path.is_dir())):
        place.chmod(place.stat().st_mode | stat.S_IRWXU)


def temporary_in(folder: Path) -> dict[str, str]:
    """What lets a process keep its temporary files in a folder, on any system."""
    return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))


def plain(path: Path, folder: Path) -> bool:
    """Whether a path is a file as any other inside a folder, and no link to what lies elsewhere."""
    try:
        return path.is_file() and path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # names that no file can have, links in a circle
        return False


def relative(name: str | Path, folder: Path) -> str:
    """A local path as seen from a folder: "./…" or "../…", which no name on a model hub is.

    From another of Windows' drives there is no such path, and it is given as it is.
    """
    path = from_here(name, folder).as_posix()
    return path if path.startswith(".") or Path(path).is_absolute() else f"./{path}"


def from_here(name: str | Path, folder: str | Path = ".") -> Path:
    """A path as seen from a folder, by default the one that we work in."""
    try:
        return Path(os.path.relpath(name, folder))
    except ValueError:
        return Path(name).resolve()
