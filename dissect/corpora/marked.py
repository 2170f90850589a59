"""Word senses in plain text: a heading a sense, below it sentences with the word between asterisks."""

import re
from pathlib import Path

from dissect.corpora.items import SenseCorpus, SenseItem
from dissect.corpora.plain import lines, unexpected

HEADING = re.compile(r"#\s+(\S+)\s+(\S+)\s+(\S+)\s+:\s+(.+)")
SENTENCE = re.compile(r"([^*]*)\*(?! )([^*]+)(?<! )\*([^*]*)")


def read_marked(path: Path) -> SenseCorpus:
    """Words with their senses; a sense is named lemma.pos.label, as in bank.noun.money.

    There are no documents: each sentence counts as its own.

    Raises:
        MissingCorpus: The file is absent, or a line is neither a heading nor a sentence below one.
    """
    sentences: list[str] = []
    items: list[SenseItem] = []
    glosses: dict[str, str] = {}
    lemma = sense = ""
    for number, line in enumerate(map(str.strip, lines(path)), start=1):
        if not line:
            continue
        if line.startswith("#"):
            if not (heading := HEADING.fullmatch(line)):
                raise unexpected(path, number, "a heading such as '# bank noun river : the side of it'", line)
            word, pos, label, gloss = heading.groups()
            lemma, sense = f"{word}.{pos}", f"{word}.{pos}.{label}"
            glosses[sense] = gloss
            continue
        if not sense:
            raise unexpected(path, number, "a heading such as '# bank noun river : …' above the first", line)
        if not (marked := SENTENCE.fullmatch(line)):
            raise unexpected(path, number, "a sentence with one word between asterisks, as in *bank*", line)
        before, target, after = marked.groups()
        items.append(SenseItem(len(sentences), len(before), len(before) + len(target), lemma, sense))
        sentences.append(before + target + after)
    return SenseCorpus(sentences, items, glosses)
