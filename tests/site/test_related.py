"""The page of related work: the works that it sets beside the paper, and where the slides point to them."""

import re

import pytest
from pybtex.database import Entry, parse_file

from dissect.places import ROOT
from dissect.report import claims

PAGE = (ROOT / "book" / "related.md").read_text(encoding="utf-8")
WORKS: dict[str, Entry] = parse_file(str(ROOT / "book" / "references.bib")).entries
ROW = re.compile(r"^\* - \{cite:t\}`(\w+)`.*\n  - (.+)\n  - (.+)\n  - (.+)$", re.MULTILINE)
ROWS = {work: cells for work, *cells in ROW.findall(PAGE)}
EXPECTED = {
    "mickus2022dissect", "kobayashi2020attention", "kobayashi2021incorporating", "kobayashi2024analyzing",
    "modarressi2022globenc", "ferrando2022measuring", "modarressi2023decompx", "oh2023token",
    "elhage2021mathematical", "geva2021transformer", "geva2022promoting", "ethayarajh2019contextual",
    "timkey2021bark", "nostalgebraist2020interpreting", "belrose2023eliciting",
}  # fmt: skip


def test_every_work_has_a_row() -> None:
    assert set(ROWS) == EXPECTED
    assert all(cell.endswith((".", ")")) for cells in ROWS.values() for cell in cells)


@pytest.mark.parametrize("work", sorted(EXPECTED))
def test_every_work_can_be_found(work: str) -> None:
    entry = WORKS[work]
    assert entry.persons["author"] and {"title", "year"} <= set(entry.fields)
    assert {"doi", "url"} & set(entry.fields), work
    assert entry.fields["year"] in work


def test_no_work_is_listed_twice() -> None:
    titles = [re.sub(r"\W", "", entry.fields["title"]).lower() for entry in WORKS.values()]
    dois = [entry.fields["doi"].lower() for entry in WORKS.values() if "doi" in entry.fields]
    assert len(set(titles)) == len(titles) and len(set(dois)) == len(dois)


def test_a_search_finds_the_page() -> None:
    assert PAGE.startswith("# Related work\n") and "## Anisotropy" in PAGE and "related work" in PAGE


def test_code_is_linked_to_repositories() -> None:
    links = re.findall(r"\]\((https?://[^)]+)\)", PAGE)
    assert len(links) > 10
    assert all(re.fullmatch(r"https://github\.com/[\w-]+/[\w-]+", link) for link in links)


def test_the_slides_are_those_that_the_claims_cite() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| claims? ([\w, ]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for slide, named in rows:
        for name in named.split(" and "):
            assert re.search(rf"slide {slide}\b", claims.named(name).source), (slide, name)
