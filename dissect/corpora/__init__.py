"""Corpora by name: text for the terms' size and masking, word senses, named entities.

Everything is read where a user would have it: NLTK's corpora from NLTK_DATA, files from the data
folder (the setting DISSECT_DATA), the teaching corpus from the package.
"""

import os
import random
from pathlib import Path

from dissect.corpora import europarl, semcor, teaching
from dissect.corpora.conll import read_conll
from dissect.corpora.items import SenseCorpus, SenseItem, TaggedSentence
from dissect.errors import DissectError, MissingCorpus

__all__ = ["SenseCorpus", "SenseItem", "TaggedSentence", "entities", "senses", "text", "tuning"]

TEACHING = "teaching"
Splits = dict[str, list[TaggedSentence]]


def text(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> list[str]:
    """Sentences, drawn at random where there are more than `limit`.

    name: "teaching", "europarl", or the path of a text file with a sentence a line.

    Raises `MissingCorpus` when the corpus is not found, `DissectError` when it is empty.
    """
    if name == TEACHING:
        sentences = teaching.text()
    elif name == "europarl":
        sentences = europarl.text()
    else:
        sentences = _lines(Path(name))
    return _sample(sentences, limit, seed)


def senses(name: str = TEACHING, limit: int | None = None) -> SenseCorpus:
    """Words with their senses: "teaching" or "semcor".

    limit: the first so many sentences of SemCor; the teaching corpus keeps all.

    Raises `MissingCorpus` when the corpus is not found, `DissectError` for another name.
    """
    if name == TEACHING:
        return teaching.senses()
    if name == "semcor":
        return semcor.senses(limit)
    raise DissectError(f"no word senses under {name!r}: the corpora are 'teaching' and 'semcor'")


def entities(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> Splits:
    """Sentences with entity tags, as {"train": …, "dev": …, "test": …}.

    name: "teaching" (the half that `tuning` leaves, parted 60:20:20) or "wnut16" (as released).
    limit: so many sentences of each part at most, drawn at random.

    Raises `MissingCorpus` when the corpus is not found, `DissectError` for another name.
    """
    if name == TEACHING:
        half = _halves()[1]
        a, b = int(0.6 * len(half)), int(0.8 * len(half))
        parts = {"train": half[:a], "dev": half[a:b], "test": half[b:]}
    elif name == "wnut16":
        parts = {part: read_conll(data_folder() / "wnut16" / part) for part in ("train", "dev", "test")}
    else:
        raise DissectError(f"no named entities under {name!r}: the corpora are 'teaching' and 'wnut16'")
    return {part: _sample(sentences, limit, seed) for part, sentences in parts.items()}


def tuning(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> list[TaggedSentence]:
    """Sentences with entity tags to fine-tune on: "teaching" (one half of it) or "wikigold".

    Raises `MissingCorpus` when the corpus is not found, `DissectError` for another name.
    """
    if name == TEACHING:
        return _sample(_halves()[0], limit, seed)
    if name == "wikigold":
        return _sample(read_conll(data_folder() / "ner_tuning" / "wikigold.conll.txt"), limit, seed)
    raise DissectError(f"no entities to tune on under {name!r}: give 'teaching' or 'wikigold'")


def data_folder() -> Path:
    """Where corpora that are plain files lie: the setting DISSECT_DATA.

    Raises `MissingCorpus` when it is not set, or not a folder.
    """
    value = os.environ.get("DISSECT_DATA")
    if not value:
        raise MissingCorpus(
            "set DISSECT_DATA (or pass --data) to the folder that holds wnut16/ and ner_tuning/"
        )
    if not Path(value).is_dir():
        raise MissingCorpus(f"the data folder {value!r} (DISSECT_DATA, --data) does not exist")
    return Path(value)


def _halves() -> tuple[list[TaggedSentence], list[TaggedSentence]]:
    """The teaching entities parted once and for all, whatever the seed of a run."""
    sentences = teaching.entities()
    random.Random(0).shuffle(sentences)
    return sentences[: len(sentences) // 2], sentences[len(sentences) // 2 :]


def _sample(sentences: list, limit: int | None, seed: int) -> list:
    if limit is None or limit >= len(sentences):
        return sentences
    if limit < 1:
        raise DissectError(f"limit={limit} leaves no sentence: give 1 or more")
    return random.Random(seed).sample(sentences, limit)


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, IsADirectoryError):
        raise MissingCorpus(
            f"no text under {str(path)!r}: give 'teaching', 'europarl' or a text file"
        ) from None
    except UnicodeDecodeError:
        raise MissingCorpus(f"{path} is not UTF-8 text") from None
    sentences = [line.strip() for line in lines if line.strip()]
    if not sentences:
        raise DissectError(f"{path} is empty: it should have a sentence a line")
    return sentences
