"""Tensors kept on disk so that they are read whole or not at all, and the store of terms made of them.

A store lies in a folder named by its key, a hash of all that its numbers depend on, so that a stale
store is never read. Its shards, a safetensors file each, may be made in any order, by any process; a
Parquet table of the items lies beside them, and the answers of predictors trained on them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dissect import hashing, reuse
from dissect.errors import DissectError
from dissect.files import write_parquet, write_text, written_whole

TERMS = "terms"  # the name of a shard's tensor in its file


@dataclass(frozen=True)
class Mapped:
    """A tensor in a file, mapped into memory; pickled, it is the file alone, which is mapped anew."""

    path: Path
    tensor: Tensor

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.path,)


def _again(path: Path) -> Mapped:
    return Mapped(path, mapped_again(path))


@lru_cache(maxsize=256)  # units that a worker is sent one after another have the same shards
def mapped_again(path: Path) -> Tensor:
    """The terms of a shard that another process knows to be there.

    Raises:
        DissectError: They are not, or they are damaged.
    """
    found = read_tensors(path)
    if found is None or TERMS not in found:
        raise DissectError(
            f"{path} is damaged or not to be seen here: mount the folder of runs at the same place on all "
            "machines, and run again"
        )
    return found[TERMS]


class Store:
    """The shards under `folder`/`key`, each a tensor (4, items, hidden).

    Args:
        folder: Of stores.
        key: A hash of all that the terms depend on.
        items: A table of the items, kept beside the shards.
        about: What the key was made of, in words; kept as about.json for those who find the folder.
    """

    def __init__(self, folder: str | Path, key: str, items: pd.DataFrame, about: dict):
        self.folder = Path(folder).resolve() / key[:16]
        if not (self.folder / "about.json").exists():
            write_parquet(items, self.folder / "items.parquet")
            write_text(self.folder / "about.json", json.dumps({"key": key, **about}, indent=2))

    def shard(self, n: int, shape: tuple[int, ...], make: Callable[[], Tensor], tokens: int = 0) -> Mapped:
        """A shard, mapped into memory; made where it is not there, or damaged.

        Args:
            n: Its number.
            shape: (4, items, hidden), which it must have.
            make: Makes it.
            tokens: That are passed through the model for it.

        Raises:
            DissectError: The disk is full.
        """

        def whole(kept: dict[str, Tensor]) -> bool:
            return TERMS in kept and kept[TERMS].shape == shape

        path = self.folder / f"{n:05d}.safetensors"
        return Mapped(path, kept(path, "passes", lambda: {TERMS: make()}, whole, tokens=tokens)[TERMS])


class AnswerStore:
    """What predictors answer, a file each, under a hash of all that it depends on.

    Args:
        folder: Of the store that they were trained on; None keeps nothing.
        kind: The work by which they are counted, see `reuse.record`.
        **sizes: Of the work of each, beside the epochs, which answers may tell under `EPOCHS`.
    """

    def __init__(self, folder: Path | None, kind: str, **sizes: float):
        self.folder, self.kind, self.sizes = folder, kind, sizes

    def found(self, about: dict) -> dict[str, Tensor] | None:
        """Answers that are kept; None where there are none.

        Args:
            about: All that they depend on.
        """
        return found(self.path(about), self.kind, bool, **self.sizes)

    def keep(self, about: dict, answers: dict[str, Tensor], seconds: float) -> dict[str, Tensor]:
        """Keep answers, and count them.

        Args:
            about: All that they depend on.
            answers: By name.
            seconds: That they took.

        Raises:
            DissectError: The disk is full.
        """
        return keep(self.path(about), self.kind, answers, seconds, **self.sizes)

    def path(self, about: dict) -> Path | None:
        """The file of answers; None where nothing is kept.

        Args:
            about: All that they depend on.
        """
        return self.folder and self.folder / "answers" / f"{hashing.of_object(about)[:16]}.safetensors"


def kept(
    path: Path | None,
    kind: str,
    make: Callable[[], dict[str, Tensor]],
    whole: Callable[[dict[str, Tensor]], bool] = bool,
    **sizes: float,
) -> dict[str, Tensor]:
    """What a file holds, where it is `whole`; else what `make` returns, which the file then holds.

    Reading and writing are counted as "storing".

    Args:
        path: The file; with None nothing is kept.
        kind: The work by which it is counted, see `reuse.record`.
        make: Makes tensors by name.
        whole: Whether what was read is all that there should be.
        **sizes: Of the work, beside the epochs, which tensors may tell.
    """
    there = found(path, kind, whole, **sizes)
    if there is not None:
        return there
    with reuse.timed() as timer:
        made = make()
    return keep(path, kind, made, timer.seconds, **sizes)


def found(
    path: Path | None, kind: str, whole: Callable[[dict[str, Tensor]], bool] = bool, **sizes: float
) -> dict[str, Tensor] | None:
    """What a file holds, counted as found done; None where it is not there, or not `whole`.

    Args:
        path: The file; with None nothing is kept.
        kind: The work by which it is counted, see `reuse.record`.
        whole: Whether what was read is all that there should be.
        **sizes: Of the work; see `kept`.
    """
    if path is None or not path.exists():
        return None
    with reuse.timed("storing"):
        there, taken = read_tensors(path), _seconds(path)
    if there is None or taken is None or not whole(there):
        return None
    reuse.record(kind, taken, reused=True, **_worked(sizes, there))
    return there


def keep(
    path: Path | None, kind: str, made: dict[str, Tensor], seconds: float, **sizes: float
) -> dict[str, Tensor]:
    """Count what was made, write it to a file, and return it as it is read.

    Args:
        path: The file; with None nothing is kept.
        kind: The work by which it is counted, see `reuse.record`.
        made: Tensors by name.
        seconds: That they took.
        **sizes: Of the work; see `kept`.

    Raises:
        DissectError: The disk is full.
    """
    reuse.record(kind, seconds, reused=False, **_worked(sizes, made))
    if path is None:
        return made
    with reuse.timed("storing"):
        write_text(path.with_suffix(SECONDS), f"{seconds:.3f}\n")
        return write_tensors(path, made)


SECONDS = ".seconds"  # the file beside tensors that says how long making them took
EPOCHS = "epochs"  # the tensor that says for how many epochs each of them was trained


def _worked(sizes: Mapping[str, float], tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """The sizes of work, and the epochs where tensors tell them."""
    return {**sizes, **({EPOCHS: float(tensors[EPOCHS].sum())} if EPOCHS in tensors else {})}


def _seconds(path: Path) -> float | None:
    """How long making the tensors of a file took; None where that is not told."""
    try:
        return max(0.0, float(path.with_suffix(SECONDS).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def read_tensors(path: Path) -> dict[str, Tensor] | None:
    """Tensors by name, mapped into memory; None where there is no such file, or it is damaged."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            told = file.metadata()["sha256"]
    except (FileNotFoundError, SafetensorError, KeyError, TypeError):
        return None
    return tensors if checksum(tensors) == told else None


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Write tensors whole or not at all, and return them as `read_tensors` does.

    Raises:
        DissectError: The disk is full, or does not keep what it was given.
    """
    with written_whole(path) as unfinished:
        save_file(tensors, unfinished, {"sha256": checksum(tensors)})
    kept = read_tensors(path)
    if kept is None:
        raise DissectError(f"{path} does not hold what was written to it: check the disk")
    return kept


def checksum(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of the names and bytes of tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
