"""The teacher's notes: on the book's questions, and on what the chapters suggest, from one file."""

import copy

import pytest
from bs4 import BeautifulSoup

from dissect.errors import DissectError
from dissect.places import ROOT
from dissect.runs.chapters import CHAPTERS
from dissect.site import exercises as pages
from dissect.teaching import discussion


def test_the_book_has_the_questions_of_the_notes_and_keeps_none_of_its_own() -> None:
    asked = [note.asked for note in discussion.questions()]
    assert len(asked) == 8 and pages.without_run()["questions"] == discussion.listed()
    assert all(f"{n}. {question}" in discussion.listed() for n, question in enumerate(asked, 1))
    page = (ROOT / "book" / "teach.md").read_text(encoding="utf-8")
    assert "```{include} _run/questions.md" in page and not any(question in page for question in asked)


def test_the_site_shows_the_questions(site) -> None:
    page = BeautifulSoup((site / "book" / "teach.html").read_text("utf-8"), "html.parser")
    section = page.select_one("#questions-for-discussion")
    assert section is not None and len(section.select("ol > li")) == 8


@pytest.mark.parametrize("chapter", range(1, len(CHAPTERS) + 1))
def test_what_a_chapter_suggests_has_notes(chapter: int) -> None:
    notes = discussion.suggestions(chapter)
    assert len(notes) >= 3 and [note.asked for note in notes] == discussion.tried(chapter)
    assert all(all(note) for note in notes)


@pytest.mark.parametrize("change", ["another", "fewer"])
def test_notes_that_are_of_other_suggestions_are_refused(change: str, monkeypatch) -> None:
    written = copy.deepcopy(discussion.written())
    if change == "fewer":
        written["suggestions"]["4-wsd"].pop()
    else:
        written["suggestions"]["4-wsd"][1]["begins"] = "Find the word"
    monkeypatch.setattr(discussion, "written", lambda: written)
    with pytest.raises(DissectError, match="the notes in discussion.yaml are not of what 4-wsd suggests"):
        discussion.suggestions(4)


def test_the_teachers_page_has_each_note_in_plain_markdown() -> None:
    page = discussion.page()
    notes = discussion.questions() + [
        n for c in range(1, len(CHAPTERS) + 1) for n in discussion.suggestions(c)
    ]
    for words in ("A good answer", "Usual mistakes", "What the data can show"):
        assert page.count(f"- *{words}.* ") == len(notes)
    assert "{eq}" not in page and "{term}" not in page and "](#" not in page
