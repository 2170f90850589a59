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

from dissect.corpora import europarl, files, squad, teaching, texts
from dissect.corpora.columns import Columns
from dissect.corpora.conll import FOUND, read_column, read_conll, read_parts
from dissect.corpora.items import SenseCorpus, TaggedSentence, drawn
from dissect.corpora.own_senses import read_senses
from dissect.corpora.parts import PARTS, file_of, files_of, parted
from dissect.corpora.squad import Question
from dissect.errors import DissectError, MissingCorpus
from dissect.progress import note

TEACHING = "teaching"
NAMES = frozenset({TEACHING, "europarl", "semcor", "wnut16", "wikigold", "squad"})
OF_NLTK = {"europarl": "europarl_raw", "semcor": "semcor"}  # here and there
DRAWN = 10_000  # sentences of Europarl in the paper's experiments
Splits = dict[str, list[TaggedSentence]]


def text(name: str = TEACHING, limit: int | None = None, seed: int = 0) -> list[str]:
    """Sentences, drawn at random where there are more than `limit`.

    Args:
        name: "teaching", "europarl", or the path of a text file with a sentence a line, of one of Europarl's
            own release or of OPUS's XML, or of a folder of such.
        limit: So many sentences at most; all by default.
        seed: Of the draw.

    Returns:
        The sentences.

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
        name: "teaching", "semcor", or a path: of a file in the teaching corpus's format, of NAME.data.xml of
            the unified evaluation framework with NAME.gold.key.txt beside it, or of SemCor's XML.
        limit: So many sentences, drawn at random; the teaching corpus keeps all.
        seed: Of the draw.

    Raises:
        MissingCorpus: The corpus is not found.
        DissectError: There is none of that name, or no word has two senses in it.
    """
    if name == TEACHING:
        return teaching.senses()
    if name == "semcor":
        from dissect.corpora import semcor

        return semcor.senses(limit, seed)
    if _is_path(name):
        return drawn(read_senses(Path(name)), limit, seed)
    raise DissectError(f"no word senses under {name!r}: give 'teaching', 'semcor', a file or a folder")


def entities(
    name: str = TEACHING,
    limit: int | None = None,
    seed: int = 0,
    column: int | None = None,
    word_column: int | None = None,
) -> Splits:
    """Sentences with entity tags.

    Args:
        name: "teaching" (the half that `tuning` leaves, parted 60:20:20), "wnut16" (as released), the path of
            a folder with files train, dev and test, or of a file, which is parted 8:1:1 by document; a word
            and its tag a line, in any of their columns.
        limit: So many sentences of each part at most, drawn at random.
        seed: Of the draw, and of the parts of a file.
        column: That the tags of a file are in, from 1; found, unless there are several.
        word_column: That the words are in.

    Returns:
        By part, "train", "dev" and "test".

    Raises:
        MissingCorpus: The corpus is not found, or a line is not as expected.
        DissectError: There is none of that name.
    """
    path, columns = Path(name), _columns(name, column, word_column)
    if name == TEACHING:
        half = _halves()[1]
        a, b = int(0.6 * len(half)), int(0.8 * len(half))
        parts = {"train": half[:a], "dev": half[a:b], "test": half[b:]}
    elif name == "wnut16":
        parts = read_parts({part: files.find(f"wnut16/{part}") for part in PARTS})
    elif not _is_path(name):
        raise DissectError(f"no named entities under {name!r}: give 'teaching', 'wnut16', a folder or a file")
    elif path.is_dir():
        parts = read_parts(files_of(path), columns)
    else:
        parts = parted(path, read_conll(path, columns), seed)
    return {part: _sample(sentences, limit, seed) for part, sentences in parts.items()}


def tuning(
    name: str = TEACHING,
    limit: int | None = None,
    seed: int = 0,
    column: int | None = None,
    word_column: int | None = None,
) -> list[TaggedSentence]:
    """Sentences with entity tags to fine-tune on.

    Args:
        name: "teaching" (one half of it), "wikigold", or the path of a file with a word and its tag a line,
            or of a folder with such a file train.
        limit: So many sentences at most, drawn at random; all by default.
        seed: Of the draw.
        column: That the tags of a file are in, from 1; found, unless there are several.
        word_column: That the words are in.

    Raises:
        MissingCorpus: The corpus is not found, or a line is not as expected.
        DissectError: There is none of that name.
    """
    return _sample(_tuning(name, _columns(name, column, word_column)), limit, seed)


def documents(kind: str, name: str = TEACHING, limit: int | None = None, seed: int = 0) -> list[str]:
    """The document of each sentence that `text` or `tuning` gives, with the same arguments, in their order.

    Of Europarl it is the session, or, of its own release, the chapter; of a file of tags, what stands between
    two lines -DOCSTART-, such as WikiGold's articles. In the teaching corpus, a text file and a file of tags
    without such lines each sentence counts as one.

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
        found = [sentence.document or f"sentence {n}" for n, sentence in enumerate(_tuning(name))]
    else:
        raise DissectError(f"no documents of sentences of kind {kind!r}: give 'text' or 'tuning'")
    return _sample(found, limit, seed)


def tags(
    name: str = "semcor",
    limit: int | None = None,
    seed: int = 0,
    column: int | None = None,
    word_column: int | None = None,
) -> list[TaggedSentence]:
    """Sentences with plain tags, a tag a word, to fine-tune on; a word may have none, "".

    Args:
        name: "semcor", its parts of speech, or the path of a file with a word a line and columns of tags.
        limit: So many sentences at most, drawn at random; all by default.
        seed: Of the draw.
        column: Which column of a file, from 1; by default the last.
        word_column: That the words of a file are in; by default the first that does not number them.

    Raises:
        MissingCorpus: The corpus is not found.
        DissectError: There is none of that name, or it has no such column.
    """
    if name == "semcor":
        _columns(name, column, word_column)
        from dissect.corpora import parts_of_speech

        return parts_of_speech.tagged(limit, seed)
    if Path(name).is_file():
        return _sample(read_column(Path(name), column, word_column), limit, seed)
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
    elif _is_path(name):
        return texts.own(Path(name))
    else:
        raise MissingCorpus(f"no text under {name!r}: give 'teaching', 'europarl', a file or a folder")
    return [(str(n), sentence) for n, sentence in enumerate(sentences)]  # each a document


def _tuning(name: str, columns: Columns = FOUND) -> list[TaggedSentence]:
    if name == TEACHING:
        return _halves()[0]
    if name == "wikigold":
        return read_conll(files.find("ner_tuning/wikigold.conll.txt"))
    if not _is_path(name):
        raise DissectError(f"no entities to tune on under {name!r}: give 'teaching', 'wikigold' or a file")
    path = Path(name)
    return read_conll(file_of(path, "train") if path.is_dir() else path, columns)


def _is_path(name: str) -> bool:
    return name not in NAMES and os.path.exists(name)


def _columns(name: str, tag: int | None, word: int | None) -> Columns:
    """The columns that are named of a file. Raises `DissectError` where a corpus has columns of its own."""
    columns = Columns(word, tag)
    if name in NAMES and columns != FOUND:
        raise DissectError(f"{name} has columns of its own: leave --column out, and --word-column")
    return columns


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
