"""SemCor, the paper's corpus of word senses, read with NLTK (`semcor`)."""

from collections import defaultdict

from nltk.corpus import semcor as reader

from dissect.corpora.items import SenseCorpus, SenseItem
from dissect.corpora.nltk_data import needs
from dissect.progress import track


def senses(limit: int | None = None) -> SenseCorpus:
    """SemCor's sentences, and their words of lemmas that have two senses or more in them.

    A sense is WordNet's key, lemma%lexsn; of a word with several keys the first counts.
    limit: the first so many sentences; all by default.

    Raises `MissingCorpus` when NLTK does not find the corpus.
    """
    sentences: list[str] = []
    items: list[SenseItem] = []
    with needs("semcor"):
        for name in track(reader.fileids(), "reading SemCor"):
            for element in reader.xml(name).iter("s"):
                sentence, found = _read_sentence(element, len(sentences))
                sentences.append(sentence)
                items += found
                if len(sentences) == limit:
                    return SenseCorpus(sentences, ambiguous(items), {})
    return SenseCorpus(sentences, ambiguous(items), {})


def ambiguous(items: list[SenseItem]) -> list[SenseItem]:
    """The items whose lemma has two senses or more among them."""
    senses_of = defaultdict(set)
    for item in items:
        senses_of[item.lemma].add(item.sense)
    return [item for item in items if len(senses_of[item.lemma]) > 1]


def _read_sentence(element, number: int) -> tuple[str, list[SenseItem]]:
    """Words joined by blanks; a chunk such as took_place is one item of two words."""
    text, items = "", []
    for word in element:
        form = (word.text or "").replace("_", " ").strip()
        if not form:
            continue
        text += " " if text else ""
        key = word.get("lexsn")
        if key:
            lemma = word.get("lemma", form)
            sense = f"{lemma}%{key.split(';')[0]}"
            items.append(SenseItem(number, len(text), len(text) + len(form), lemma, sense))
        text += form
    return text, items
