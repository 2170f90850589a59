"""The parts of named entities of one's own: files of a folder, or those of a file, drawn by document."""

import random
import re
from collections.abc import Sequence
from pathlib import Path

from dissect.corpora.items import TaggedSentence
from dissect.errors import DissectError, MissingCorpus
from dissect.progress import once

PARTS = {
    "train": ("train",),
    "dev": ("dev", "devel", "valid", "validation", "testa"),
    "test": ("test", "testb"),
}  # by part, what its file may be called
LEAST = 10  # documents or sentences, so that a tenth of them is one


def files_of(folder: Path) -> dict[str, Path]:
    """The files train, dev and test of a folder, by part.

    They may have an ending, and words before them, as in eng.train and de-train.conll; dev is also called
    valid, validation, devel or testa, and test testb.

    Raises:
        MissingCorpus: There is none of a part, or there are several.
    """
    return {part: file_of(folder, part) for part in PARTS}


def file_of(folder: Path, part: str) -> Path:
    """The file of one part of a folder. Raises what `files_of` raises."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    fit = [file for file in files if {*PARTS[part]} & {*re.split("[._-]", file.name.lower())}]
    fit = [file for file in fit if file.name == part] or fit
    if len(fit) == 1:
        return fit[0]
    if fit:
        names = " and ".join(file.name for file in fit)
        raise MissingCorpus(f"{part} may be {names} in {folder}: keep one of them there")
    raise MissingCorpus(
        f"{part} is not in {folder}: expected files train, dev and test, with or without an ending such as "
        ".txt or .conll"
    )


def parted(path: Path, sentences: Sequence[TaggedSentence], seed: int) -> dict[str, list[TaggedSentence]]:
    """The sentences of one file, parted 8:1:1 at random: by document, or where there are few by sentence.

    A sentence that comes twice is in one part.

    Args:
        path: Of the file.
        sentences: All of it.
        seed: Of the draw.

    Raises:
        DissectError: There are too few to be parted.
    """
    documents = [sentence.document for sentence in sentences]
    by_document = len(set(documents)) >= LEAST
    units = documents if by_document else [sentence.text for sentence in sentences]
    order = list(dict.fromkeys(units))
    if len(order) < LEAST:
        raise DissectError(
            f"{path} has {len(order)} different sentences, too few to be parted 8:1:1: give {LEAST} or more, "
            "or a folder with files train, dev and test"
        )
    once(f"{path}: parted 8:1:1 into train, dev and test by {'document' if by_document else 'sentence'}")
    random.Random(seed).shuffle(order)
    a, b = round(0.8 * len(order)), round(0.9 * len(order))
    drawn = {"train": order[:a], "dev": order[a:b], "test": order[b:]}
    part_of = {unit: part for part, some in drawn.items() for unit in some}
    found: dict[str, list[TaggedSentence]] = {part: [] for part in PARTS}
    for unit, sentence in zip(units, sentences, strict=True):
        found[part_of[unit]].append(sentence)
    return found
