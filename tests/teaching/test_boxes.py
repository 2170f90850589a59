"""What a chapter needs, how long it takes and what to take away: in a box, on the site and in hand-outs."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from dissect.places import NOTEBOOKS
from dissect.runs.chapters import CHAPTERS
from dissect.site import chapters
from dissect.teaching import boxes, handouts
from dissect.teaching.exercises import of_chapter


def handout(chapter: str) -> nbformat.NotebookNode:
    number = list(CHAPTERS).index(chapter) + 1
    return handouts.with_exercises(NOTEBOOKS / f"{chapter}.ipynb", number, "student")


def test_every_chapter_has_both_boxes() -> None:
    assert list(boxes.boxes()) == list(CHAPTERS)
    for said in boxes.boxes().values():
        assert said.needs.endswith(".") and 3 <= len(said.take_away) <= 4
        assert all(one.endswith(".") for one in said.take_away)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_a_chapter_needs_comes_before_it(chapter: str) -> None:
    needed = re.findall(r"\((\d-\w+)\.ipynb\)", boxes.boxes()[chapter].needs)
    allowed = list(CHAPTERS)[: list(CHAPTERS).index(chapter)]
    assert set(needed) <= set(allowed) and bool(needed) == bool(allowed)
    for said in boxes.boxes()[chapter].take_away:
        assert not re.search(r"\d", re.sub("F1", "", said))  # numbers are a run's


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_hand_outs_have_them_in_plain_markdown(chapter: str) -> None:
    cells = handout(chapter).cells
    places = {cell.id: n for n, cell in enumerate(cells)}
    assert re.fullmatch("# [^\n]+", cells[0].source)
    assert places["before"] == 1 and cells[2].source.startswith("## Summary")
    assert places["take-away"] == places["quiz"] - 1
    for name in ("before", "take-away"):
        lines = cells[places[name]].source.splitlines()
        assert all(line == ">" or line.startswith("> ") for line in lines)
        assert not re.search(r":::|\{\w+\}`", cells[places[name]].source)


def cells_for(minutes: dict[str, int]) -> list[nbformat.NotebookNode]:
    """Cells that take so many minutes of each kind."""
    prose, formula = "word " * boxes.WORDS, "\n$$ x + y $$\n"
    return [
        new_markdown_cell("## Summary\n" + prose * minutes["words"] + formula * minutes["formulas"]),
        new_code_cell("1 + 1\n" * boxes.LINES * minutes["code"]),
        new_code_cell("1 + 1\n" * 1000, metadata={"tags": ["hide-input"]}),
        *[new_code_cell("", metadata={"mystnb": {"figure": {}}})] * minutes["pictures"],
        new_markdown_cell("## Evidence\n" + prose * 50),
    ]


@pytest.mark.parametrize(
    ("of_each", "rounded"),
    [({"words": 3, "formulas": 2, "code": 1, "pictures": 1}, 10),
     ({"words": 9, "formulas": 0, "code": 0, "pictures": 0}, 10),
     ({"words": 12, "formulas": 2, "code": 4, "pictures": 1}, 20)],
)  # fmt: skip
def test_minutes_are_reckoned_from_what_is_read(of_each, rounded, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(boxes, "NOTEBOOKS", tmp_path)
    nbformat.write(new_notebook(cells=cells_for(of_each)), tmp_path / "1-derivation.ipynb")
    assert boxes.minutes("1-derivation") == rounded


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_times_are_said_to_be_estimates(chapter: str) -> None:
    said = boxes.before(chapter)
    assert f"About {boxes.minutes(chapter)} minutes of reading, estimated from its length." in said
    asked = sum(one.minutes for one in of_chapter(int(chapter[0])) if one.level != "research")
    assert (f"ask for {asked} minutes more" in said) == bool(asked)


def test_a_chapter_that_is_left_out_has_them_and_another_notebook_is_left_as_it_is() -> None:
    book = chapters.without_results(NOTEBOOKS / "1-derivation.ipynb")
    boxes.put(book, "1-derivation")
    ids = [cell.id for cell in book.cells]
    assert ids[1:3] == ["before", "summary"] and ids[-2] == "take-away"
    assert book.cells[-1].source.startswith("## Evidence")
    other = new_notebook()
    boxes.put(other, "9-more")
    assert other.cells == []


def test_the_site_shows_them_as_boxes(site) -> None:
    for chapter in CHAPTERS:
        page = BeautifulSoup((site / "notebooks" / f"{chapter}.html").read_text("utf-8"), "html.parser")
        titles = [title.get_text() for title in page.select("div.admonition > p.admonition-title")]
        assert titles.count(boxes.BEFORE) == titles.count(boxes.AFTER) == 1
        text = page.get_text()
        order = [boxes.BEFORE, "Summary#", boxes.AFTER, "Check yourself#", "Evidence#"]
        assert sorted(order, key=text.index) == order
