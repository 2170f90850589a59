"""Parts of speech: SemCor's, each word with the tag that its annotators gave it."""

import random
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from nltk.corpus.reader import XMLCorpusReader

from dissect.corpora.items import TaggedSentence
from dissect.corpora.nltk_data import COPIES, complete, reading
from dissect.progress import track


def tagged(limit: int | None = None, seed: int = 0) -> list[TaggedSentence]:
    """SemCor's sentences with parts of speech; punctuation marks, which have none there, have the tag "".

    A chunk such as took_place is one word of two, with one tag.

    Args:
        limit: So many sentences, drawn at random; all by default.
        seed: Of the draw.

    Raises:
        MissingCorpus: NLTK does not find the corpus, or it is damaged.
    """
    with reading("semcor") as root:
        reader = XMLCorpusReader(root, COPIES["semcor"].files)
        elements = [
            element
            for name in track(reader.fileids(), "reading SemCor")
            for element in fromstring(reader.abspath(name).open().read()).iter("s")
        ]
        complete("semcor", reader)
    if limit is not None and limit < len(elements):
        elements = random.Random(seed).sample(elements, limit)
    return [sentence for element in elements if (sentence := read_sentence(element)).words]


def read_sentence(element: Element) -> TaggedSentence:
    """The words of a sentence, each with what its attribute `pos` says."""
    words, tags = [], []
    for word in element:
        if form := (word.text or "").replace("_", " ").strip():
            words.append(form)
            tags.append(word.get("pos", ""))
    return TaggedSentence(words, tags)
