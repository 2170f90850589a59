"""What a claim is, and the list of all, whose words and criteria are data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from dissect.report import published
from dissect.report.claims.evidence import Evidence
from dissect.report.claims.parts import Part

VERSION = 2  # of the criteria that functions judge by


@dataclass(frozen=True)
class Version:
    """A version of the criteria.

    Attributes:
        date: When it was fixed.
        commit: By which.
        note: What else to say of it.
    """

    date: str
    commit: str
    note: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: As in claims.yaml.
        title: The claim in a few words.
        chapter: Where its evidence is.
        text: The claim, without the paper's figures.
        source: Where the paper says it: a figure or table, and the slide of the deck.
        criteria: By version.
        readings: The sentence that goes with a verdict.
        table: That has the evidence.
        parts: What it compares, by the evidence of a run; raises `NotTestable`.
        reported: Whether the paper itself reports it, and not only suggests it.
    """

    name: str
    title: str
    chapter: str
    text: str
    source: str
    criteria: dict[int, str]
    readings: dict[str, str]
    table: str
    parts: Callable[[Evidence], Sequence[Part]] = field(repr=False)

    @property
    def criterion(self) -> str:
        """That of the version by which the claim is judged."""
        return self.criteria[VERSION]


_DATA = yaml.safe_load((published.FOLDER / "claims.yaml").read_text("utf-8"))
VERSIONS = {number: Version(**words) for number, words in _DATA.pop("versions").items()}
WORDS: dict[str, dict[str, Any]] = {
    name: {"chapter": chapter, **words} for chapter, claims in _DATA.items() for name, words in claims.items()
}
CLAIMS: dict[str, Claim] = {}


def numbers(name: str) -> dict[str, float]:
    """The numbers of a claim's criterion."""
    return WORDS[name].get("numbers", {})


def claim(name: str, table: str):
    """Put a function that says what a claim compares among the `CLAIMS`; its docstring is the criterion.

    Args:
        name: The claim's, as in claims.yaml.
        table: That has the evidence.
    """
    words = WORDS[name]
    text = words.get("short", words["claim"])
    source = ", ".join(filter(None, [words.get("source"), f"slide {words['slide']}"]))

    def put(parts: Callable[[Evidence], Sequence[Part]]) -> Callable[[Evidence], Sequence[Part]]:
        parts.__doc__ = parts.__doc__ or f"{name}: {text}\n\n{words['criteria'][VERSION]}"
        said = words["criteria"], words["readings"]
        CLAIMS[name] = Claim(name, words["title"], words["chapter"], text, source, *said, table, parts)
        return parts

    return put


def in_order() -> list[Claim]:
    """All claims, as claims.yaml has them."""
    return [CLAIMS[name] for name in WORDS if name in CLAIMS]
