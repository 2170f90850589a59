"""Ten questions of a reader, each to be answered from the home page in two clicks.

A question, the links that are clicked (a piece of their addresses), and what the page has to say where they
lead: at the place named by the last address, or anywhere where it names none.
"""

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag

import pytest
from bs4 import BeautifulSoup, Tag

from dissect.report import claims

CLICKS = 2
VERDICT = "|".join(claims.VERDICTS)


class Question(NamedTuple):
    asked: str
    clicks: tuple[str, ...]
    answer: str  # a regular expression


QUESTIONS = [
    Question(
        "What did the paper claim about f in masked words?", ("#claim-m3",), r"f predicts masked words best"
    ),
    Question("Does it hold here?", ("#claim-m3",), VERDICT),
    Question("How sure is that?", ("scorecard.html",), r"How often a verdict would be wrong"),
    Question("By which criterion?", ("scorecard.html",), r"M3.*score|criteri"),
    Question("For which models?", ("across.html",), r"MiniLM|minilm"),
    Question("On which model and text was this run made?", (), r"model\s+.*text\s+"),
    Question("Where is the table?", ("3-mlm.html", "masked_words.parquet"), ""),
    Question("What was done otherwise than in the paper?", ("scorecard.html", "departures.html"), r"paper"),
    Question("What is f?", ("glossary.html#term-feed-forward",), r"feed-forward"),
    Question("How do I cite it?", ("cite.html",), r"mickus2022dissect.*10\.1162"),
    Question("How do I run it with my own model?", ("rerun.html",), r"--model"),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.asked)
def test_two_clicks_from_the_home_page_lead_to_an_answer(site: Path, question: Question) -> None:
    assert len(question.clicks) <= CLICKS
    page, place = site / "book" / "index.html", ""
    for click in question.clicks:
        address = next(
            (link["href"] for link in read(page).select("article a[href]") if click in link["href"]), None
        )
        assert address, f"no link to {click} on {page.name}"
        address, place = urldefrag(address)
        page = (page.parent / unquote(address)).resolve() if address else page
        assert page.is_file()
    if page.suffix == ".html":
        assert re.search(question.answer, said_at(read(page), place), re.DOTALL)


def read(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def said_at(page: BeautifulSoup, place: str) -> str:
    """The text of a table's row, or of what else has that place; of the whole page without one."""
    found = page.find(id=place) if place else page.select_one("article")
    assert isinstance(found, Tag)
    return (found.find_parent("tr") or found).get_text(" ")
