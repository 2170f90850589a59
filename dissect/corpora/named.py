"""Corpora by name: text for the terms' size and masking, word senses, named entities, tags, questions.

Each is looked for, in this order: under an explicit path, in its usual place (NLTK's corpora in
NLTK_DATA, plain files in the data folder, the setting DISSECT_DATA), on its home page. The
teaching corpus is part of the package, and NLTK, slow to import, is only for the others.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dissect.corpora import europarl, files, squad, teaching
from dissect.corpora.conll import articles, read_column, read_conll
from dissect.corpora.items import SenseCorpus, TaggedSentence
from dissect.corpora.squad import Question
from dissect.errors import DissectError, MissingCorpus
from dissect.progress import note

TEACHING = "teaching"
PARTS = ("train", "dev", "test")
OF_NLTK = {"europarl": "europarl_raw", "semcor": "semcor"}  # here and there
DRAWN = 10_000  # sentences of Europarl in the paper's experiments
Splits = dict[str, list[TaggedSentence]]


def text(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> list[str]:
    """Sentences, drawn at random where there are more than `limit`.

    Args:
        name: "teaching", "europarl", the path of a text file with a sentence a line, or that of a folder
            of Europarl's own release.
        limit: So many sentences at most; all by default.
        seed: Of the draw.

    Returns:
        Sentences, each a line of the corpus.

    Raises:
        MissingCorpus: The corpus is not found.
        DissectError: It is empty.
    """
    return _sample([sentence for _, sentence in _text(name)], limit, seed)


def rest_of_text(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> list[str]:
    """Sentences to train on: of Europarl those that `text` leaves when it draws `DRAWN`, else all.

    Raises what `text` raises.

    Args:
        name: As of `text`.
        limit: So many sentences at most, drawn at random; all by default.
        seed: Of the draw.
    """
    if name != "europarl":
        return text(name, limit, seed)
    kept = set(text(name, DRAWN, seed=0))
    return _sample([sentence for sentence in text(name) if sentence not in kept], limit, seed)


def senses(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> SenseCorpus:
    """Words with their senses.

    Args:
        name: "teaching" or "semcor".
        limit: So many sentences of SemCor, drawn at random; the teaching corpus keeps all.
        seed: Of the draw.

    Raises:
        MissingCorpus: The corpus is not found.
        DissectError: There is none of that name.
    """
    if name == TEACHING:
        return teaching.senses()
    if name == "semcor":
        from dissect.corpora import semcor

        return semcor.senses(limit, seed)
    raise DissectError(f"no word senses under {name!r}: the corpora are 'teaching' and 'semcor'")


def entities(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> Splits:
    """Sentences with entity tags.

    Args:
        name: "teaching" (the half that `tuning` leaves, parted 60:20:20), "wnut16" (as released), or the
            path of a folder with files train, dev and test, a word and a tag a line.
        limit: So many sentences of each part at most, drawn at random.
        seed: Of the draw.

    Returns:
        By part, "train", "dev" and "test".

    Raises:
        MissingCorpus: The corpus is not found.
        DissectError: There is none of that name.
    """
    if name == TEACHING:
        half = _halves()[1]
        a, b = int(0.6 * len(half)), int(0.8 * len(half))
        parts = {"train": half[:a], "dev": half[a:b], "test": half[b:]}
    elif name == "wnut16":
        parts = {part: read_conll(files.find(f"wnut16/{part}")) for part in PARTS}
    elif Path(name).is_dir():
        parts = {part: read_conll(Path(name) / part) for part in PARTS}
    else:
        raise DissectError(f"no named entities under {name!r}: give 'teaching', 'wnut16' or a folder")
    return {part: _sample(sentences, limit, seed) for part, sentences in parts.items()}


def tuning(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> list[TaggedSentence]:
    """Sentences with entity tags to fine-tune on.

    Args:
        name: "teaching" (one half of it), "wikigold", or the path of a file with a word and a tag a line.
        limit: So many sentences at most, drawn at random; all by default.
        seed: Of the draw.

    Raises:
        MissingCorpus: The corpus is not found.
        DissectError: There is none of that name.
    """
    return _sample(_tuning(name), limit, seed)


def documents(kind: str, name: str = TEACHING, limit: int | None = None, seed: int = 0) -> list[str]:
    """The document of each sentence that `text` or `tuning` gives, with the same arguments, in their order.

    Of Europarl it is the session, or, of its own release, the chapter; of WikiGold, the article. In the
    teaching corpus, a text file and a file of tags without -DOCSTART- each sentence counts as one.

    Args:
        kind: "text" or "tuning".
        name: As of `text` and `tuning`.
        limit: As there.
        seed: As there.

    Raises:
        DissectError: Sentences of another kind are asked for; besides, what `text` and `tuning` raise.
    """
    if kind == "text":
        found = [document for document, _ in _text(name)]
    elif kind == "tuning":
        found = articles(_tuning(name))
    else:
        raise DissectError(f"no documents of sentences of kind {kind!r}: give 'text' or 'tuning'")
    return _sample(found, limit, seed)


def tags(
    name: str = "semcor", limit: int | None = None, seed: int = 0, column: int | None = None
) -> list[TaggedSentence]:
    """Sentences with plain tags, a tag a word, to fine-tune on; a word may have none, "".

    Args:
        name: "semcor", its parts of speech, or the path of a file with a word a line and columns of tags.
        limit: So many sentences at most, drawn at random; all by default.
        seed: Of the draw.
        column: Which column of a file, from 1; by default the last.

    Raises:
        MissingCorpus: The corpus is not found.
        DissectError: There is none of that name, or it has no such column.
    """
    if name == "semcor":
        if column is not None:
            raise DissectError("SemCor has no columns but parts of speech: leave --column out")
        from dissect.corpora import parts_of_speech

        return parts_of_speech.tagged(limit, seed)
    if Path(name).is_file():
        return _sample(read_column(Path(name), column), limit, seed)
    raise DissectError(f"no tags to tune on under {name!r}: give 'semcor' or a file with a word a line")


def questions(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> list[Question]:
    """Questions on passages, with their answers, to fine-tune on.

    Args:
        name: "teaching", "squad" (its training part, in the data folder), or the path of a file in SQuAD's
            JSON format, version 1 or 2.
        limit: So many questions at most, on passages drawn at random; all by default.
        seed: Of the draw.

    Raises:
        MissingCorpus: The corpus is not found.
        DissectError: It is damaged.
    """
    if name == TEACHING:
        found = squad.teaching()
    elif name == "squad":
        found = squad.read_squad(squad.required())
    elif Path(name).is_file():
        found = squad.read_squad(Path(name))
    else:
        raise DissectError(
            f"no questions under {name!r}: give 'teaching', 'squad' or a file of SQuAD's format"
        )
    return squad.by_passage(found, limit, seed)


# What is read of a corpus, by the kind of it.
KINDS: dict[str, Callable[..., Any]] = {
    "text": text, "senses": senses, "entities": entities, "tuning": tuning, "tags": tags,
    "questions": questions,
}  # fmt: skip


def fetch() -> Iterator[tuple[str, str]]:
    """Find or download every corpus: name by name, and where it is, or why it is not there."""
    from dissect.corpora import nltk_data

    for name in nltk_data.COPIES:
        try:
            yield name, nltk_data.place(name)
            if said := nltk_data.another(name):
                note(said)
        except MissingCorpus as error:
            yield name, str(error)
    for name in files.SOURCES:
        try:
            yield name, str(files.find(name))
        except MissingCorpus as error:
            yield name, str(error)


def another_copy(name: str) -> str | None:
    """What to say of a corpus of NLTK's that is not the copy the published runs read; else None.

    Plain files need no such word: they are read only if their checksum is the one expected.

    Raises:
        MissingCorpus: The corpus is not found, or it is damaged.
    """
    if name not in OF_NLTK:
        return None
    from dissect.corpora import nltk_data

    return nltk_data.another(OF_NLTK[name])


def _text(name: str) -> europarl.Parted:
    if name == TEACHING:
        sentences = teaching.text()
    elif name == "europarl":
        return europarl.packaged()
    elif os.path.isdir(name):
        return europarl.release(Path(name))
    else:
        sentences = _lines(Path(name))
    return [(str(n), sentence) for n, sentence in enumerate(sentences)]  # each a document


def _tuning(name: str) -> list[TaggedSentence]:
    if name == TEACHING:
        return _halves()[0]
    if name == "wikigold":
        return read_conll(files.find("ner_tuning/wikigold.conll.txt"))
    if Path(name).is_file():
        return read_conll(Path(name))
    raise DissectError(f"no entities to tune on under {name!r}: give 'teaching', 'wikigold' or a file")


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
    except OSError:
        raise MissingCorpus(
            f"no text under {str(path)!r}: give 'teaching', 'europarl' or a text file"
        ) from None
    except UnicodeDecodeError:
        raise MissingCorpus(f"{path} is not UTF-8 text") from None
    sentences = [line.strip() for line in lines if line.strip()]
    if not sentences:
        raise DissectError(f"{path} is empty: it should have a sentence a line")
    return sentences
