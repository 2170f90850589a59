"""Word senses in the XML of the unified evaluation framework (Raganato et al. 2017), and its keys."""

from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element

from dissect.corpora.items import SenseCorpus, SenseItem
from dissect.corpora.markup import read_xml, text_of
from dissect.corpora.plain import lines, unexpected
from dissect.errors import MissingCorpus
from dissect.progress import once

DATA, KEYS = ".data.xml", ".gold.key.txt"
Keys = dict[str, list[str]]  # by instance


def read_unified(data: Path) -> SenseCorpus:
    """The sentences of NAME.data.xml, and their words with one key in NAME.gold.key.txt.

    Words with several keys, or none, are left out, and their number is told. A document is a `<text>`.

    Raises:
        MissingCorpus: A file is absent or not as it should be, or one does not belong to the other.
    """
    file = data.with_name(data.name.removesuffix(DATA) + KEYS)
    keys = read_keys(file)
    sentences: list[str] = []
    items: list[SenseItem] = []
    lost: Counter[str] = Counter()
    for text in read_xml(data).iter("text"):
        for element in text.iter("sentence"):
            sentence, found = read_sentence(element)
            for start, end, lemma, instance in found:
                of = keys.pop(instance, [])
                if len(of) == 1:
                    items.append(SenseItem(len(sentences), start, end, lemma, of[0], text.get("id", "")))
                else:
                    lost["several senses" if of else "none"] += 1
            sentences.append(sentence)
    if not sentences:
        raise MissingCorpus(f"{data}: expected elements <text> with <sentence> in them, found none")
    if keys:
        raise MissingCorpus(f"{file}: expected keys of instances in {data.name}, found {next(iter(keys))!r}")
    if lost:
        said = " and ".join(f"{many} with {what}" for what, many in lost.items())
        once(f"{data}: of {len(items) + lost.total()} words {said} are left out")
    return SenseCorpus(sentences, items, {})


def read_keys(path: Path) -> Keys:
    """The keys of each instance: its id and one or several keys a line.

    Raises:
        MissingCorpus: The file is absent, or a line has no key.
    """
    keys: Keys = {}
    for number, line in enumerate(lines(path), start=1):
        if line.strip():
            instance, *of = line.split()
            if not of or instance in keys:
                raise unexpected(path, number, "an instance's id, once, and its keys", line)
            keys[instance] = of
    return keys


def read_sentence(element: Element) -> tuple[str, list[tuple[int, int, str, str]]]:
    """The words joined by blanks, and of each instance its start, end, lemma and id."""
    text, found = "", []
    for word in element:
        if form := text_of(word).replace("_", " ").strip():
            text += " " if text else ""
            if word.tag == "instance":
                span = len(text), len(text) + len(form)
                found.append((*span, word.get("lemma", form), word.get("id", "")))
            text += form
    return text, found
