"""Schemes of entity tags: IOB1, IOB2, BIOES, BILOU and BMES, found by their letters and turned into IOB2."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

TAG = re.compile(r"[BIESLUMW]-.+")
SCHEMES = {"IOB": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES", "BMEWO": "BMEW"}
AS_BIOES = {"M": "I", "L": "E", "U": "S", "W": "S"}
AS_IOB2 = {"E": "I", "S": "B"}
KNOWN = "IOB1, IOB2, BIOES or BILOU"


class Misfit(NamedTuple):
    """A tag that does not go with the others: the places of its sentence and word, and what is wrong."""

    sentence: int
    word: int
    why: str


def is_tag(cell: str) -> bool:
    """Whether a cell is a tag of some scheme, such as O, B-PER or S-LOC."""
    return cell == "O" or TAG.fullmatch(cell) is not None


def to_iob2(sentences: Sequence[Sequence[str]]) -> list[list[str]] | Misfit:
    """The same entities with B- on each first word and I- on the others; a misfit where schemes are mixed.

    IOB1 and IOB2 go together; see `begun_otherwise`. The scheme is found over all sentences, which are those
    of a file or a folder.

    >>> to_iob2([["I-PER", "I-PER", "O", "I-LOC", "B-LOC"]])
    [['B-PER', 'I-PER', 'O', 'B-LOC', 'B-LOC']]
    >>> to_iob2([["B-PER", "L-PER", "O"], ["U-LOC"]])
    [['B-PER', 'I-PER', 'O'], ['B-LOC']]
    """
    letters = {tag[0] for sentence in sentences for tag in sentence if tag != "O"}
    name = next((name for name, of in SCHEMES.items() if letters <= set(of)), None)
    if name is None:
        return _foreign(sentences)
    if name == "IOB":
        return [to_bio(sentence) for sentence in sentences]
    same = [[_with(tag, AS_BIOES) for tag in sentence] for sentence in sentences]
    return _unclosed(same, name) or [[_with(tag, AS_IOB2) for tag in sentence] for sentence in same]


def to_bio(tags: Iterable[str]) -> list[str]:
    """The same entities of IOB1 with B- on each first word; IOB2 stays as it is.

    >>> to_bio(["I-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    ['B-PER', 'I-PER', 'O', 'B-LOC', 'B-LOC']
    """
    result, before = [], "O"
    for tag in tags:
        begins = tag[:2] == "I-" and before[2:] != tag[2:]
        result.append("B-" + tag[2:] if begins else tag)
        before = tag
    return result


def _with(tag: str, letters: dict[str, str]) -> str:
    return letters.get(tag[0], tag[0]) + tag[1:]


def _foreign(sentences: Sequence[Sequence[str]]) -> Misfit:
    """The first tag whose letter is in no scheme together with those before it."""
    seen: set[str] = set()
    for n, sentence in enumerate(sentences):
        for word, tag in enumerate(sentence):
            seen |= set(tag[0]) - {"O"}
            if not any(seen <= set(of) for of in SCHEMES.values()):
                return Misfit(n, word, f"the prefixes {', '.join(sorted(seen))} are of no one scheme")
    raise ValueError("all tags are of one scheme")


def begun_otherwise(sentences: Sequence[Sequence[str]]) -> int:
    """How many entities begin otherwise than most: with I-, as in IOB1, among B- of IOB2, or the other way.

    Both begin an entity, and `to_bio` reads both so; of other schemes there are none.

    >>> begun_otherwise([["B-PER", "I-PER"], ["I-LOC"], ["B-LOC", "B-LOC"]])
    1
    """
    if not {tag[0] for sentence in sentences for tag in sentence} <= set("OBI"):
        return 0
    first = Counter(
        tag[0]
        for sentence in sentences
        for before, tag in zip(["O", *sentence], sentence, strict=False)
        if tag != "O" and before[2:] != tag[2:]
    )
    return min(first["B"], first["I"])


def _unclosed(sentences: Sequence[Sequence[str]], name: str) -> Misfit | None:
    """Where tags of BIOES do not follow one another: an entity that goes on unopened, or is not closed."""
    for n, sentence in enumerate(sentences):
        for word, (before, tag) in enumerate(zip(["O", *sentence], [*sentence, "O"], strict=True)):
            inside, goes_on = before[0] in "BI", tag[0] in "IE"
            if inside != goes_on or inside and before[2:] != tag[2:]:
                at = min(word, len(sentence) - 1)
                what = "goes on with an entity that did not begin" if goes_on else "leaves an entity unended"
                return Misfit(n, at, f"a tag {what}, which {name} does not allow")
    return None
