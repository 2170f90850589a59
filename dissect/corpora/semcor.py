"""SemCor, the paper's corpus of word senses, read with NLTK (`semcor`) and parsed once."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

import pandas as pd
from defusedxml.ElementTree import fromstring
from nltk.corpus.reader import XMLCorpusReader

from dissect.corpora.files import cache
from dissect.corpora.items import SenseCorpus, SenseItem, drawn
from dissect.corpora.markup import read_xml
from dissect.corpora.nltk_data import COPIES, complete, damaged, place, reading
from dissect.errors import MissingCorpus
from dissect.files import write_parquet
from dissect.hashing import of_code, of_file, of_object
from dissect.progress import once, track

SENTENCES = 37_176  # in SemCor 3.0
ITEM = ["sentence", "start", "end", "lemma", "sense", "document"]


def senses(limit: int | None = None, seed: int = 0) -> SenseCorpus:
    """SemCor's sentences, and their words of lemmas that have two senses or more in them.

    A sense is WordNet's key, lemma%lexsn. Words with several keys, between which the annotators did not
    decide, are dropped, as the paper's authors did. A document is a file of the corpus, such as "br-a01".

    Args:
        limit: So many sentences, drawn at random; all by default.
        seed: Of the draw.

    Raises:
        MissingCorpus: NLTK does not find the corpus, or it is damaged.
    """
    sentences, table = parsed()
    items = [SenseItem(*row) for row in table.itertuples(index=False)]
    return drawn(SenseCorpus(sentences, items, {}), limit, seed)


def read_files(paths: Sequence[Path]) -> SenseCorpus:
    """The sentences of XML files of SemCor, and all words of one sense in them; a document is a file.

    Words with several keys are left out, and their number is told.

    Raises:
        MissingCorpus: A file is no XML, or none has a sentence.
    """
    sentences: list[str] = []
    items: list[SenseItem] = []
    several = 0
    for path in paths:
        for element in read_xml(path).iter("s"):
            sentence, found = read_sentence(element, len(sentences))
            sentences.append(sentence)
            items += [SenseItem(*(*item, path.stem)) for item in found]
            several += sum(";" in word.get("lexsn", "") for word in element)
    if not sentences:
        raise MissingCorpus(f"{paths[0]}: expected sentences in elements <s>, as SemCor has them, found none")
    if several:
        once(f"{paths[0]}: of {len(items) + several} words {several} with several senses are left out")
    return SenseCorpus(sentences, items, {})


def parsed() -> tuple[list[str], pd.DataFrame]:
    """All sentences, and a table of all words with a sense; from the cache where it has them."""
    folder = cache() / "semcor" / fingerprint(Path(place("semcor")))
    try:
        sentences = pd.read_parquet(folder / "sentences.parquet")["text"].tolist()
        return sentences, pd.read_parquet(folder / "items.parquet", columns=ITEM)
    except (OSError, ValueError, KeyError):
        pass  # not parsed yet, or damaged
    sentences, items = parse()
    table = pd.DataFrame(items, columns=ITEM)
    write_parquet(pd.DataFrame({"text": sentences}), folder / "sentences.parquet")
    write_parquet(table, folder / "items.parquet")
    return sentences, table


def fingerprint(corpus: Path) -> str:
    """A hash of the corpus, a zip or a folder, and of this module."""
    files = [corpus] if corpus.is_file() else sorted(corpus.rglob("*.xml"))
    return of_object([of_code(["corpora.semcor"]), *map(of_file, files)])[:16]


def parse() -> tuple[list[str], list[tuple]]:
    """Read the XML; entities in it, which could grow without bounds, are refused."""
    sentences: list[str] = []
    items: list[tuple] = []
    with reading("semcor") as root:
        reader = XMLCorpusReader(root, COPIES["semcor"].files)
        for name in track(reader.fileids(), "reading SemCor"):
            document = PurePosixPath(name).stem
            for element in fromstring(reader.abspath(name).open().read()).iter("s"):
                sentence, found = read_sentence(element, len(sentences))
                sentences.append(sentence)
                items += [(*item, document) for item in found]
        complete("semcor", reader)
    if len(sentences) != SENTENCES:
        raise damaged("semcor", ValueError(f"it has {len(sentences)} sentences of {SENTENCES}"))
    return sentences, items


def read_sentence(element: Element, number: int) -> tuple[str, list[tuple]]:
    """Words joined by blanks; a chunk such as took_place is one item of two words.

    Args:
        element: The sentence.
        number: Its place in the corpus.

    Returns:
        The text, and (number, start, end, lemma, sense) of the words with one sense.
    """
    text, items = "", []
    for word in element:
        form = (word.text or "").replace("_", " ").strip()
        if not form:
            continue
        text += " " if text else ""
        key = word.get("lexsn")
        if key and ";" not in key:
            lemma = word.get("lemma", form)
            items.append((number, len(text), len(text) + len(form), lemma, f"{lemma}%{key}"))
        text += form
    return text, items
