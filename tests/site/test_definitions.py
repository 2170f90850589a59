"""Words of the glossary show their definitions: as a page is built, and in a browser."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from docutils.core import publish_doctree

from tests.site.test_book import EXTENSIONS, extension
from tests.site.test_site import pages_of

STATIC = EXTENSIONS.parent / "_static"
ENTRIES = """
term
  One of *four* vectors, as ``i`` < :math:`\\mathbf h`, see `elsewhere <https://example.org/>`__.

probe
  A small predictor.
"""
LINK = (
    '<a class="reference internal" href="../book/glossary.html#{0}">'
    '<span class="xref std std-term">{0}</span></a>'
)


@pytest.fixture(scope="module")
def definitions():
    return extension("definitions")


@pytest.fixture
def builder():
    """Stands in for Sphinx's, with a glossary of two terms."""
    glossary = publish_doctree(ENTRIES)
    for entry in glossary[0]:
        entry[0]["ids"] = [f"term-{entry[0].astext()}"]
    env = SimpleNamespace(get_and_resolve_doctree=lambda page, builder: glossary)
    return Builder(env)


class Builder:
    name = "html"

    def __init__(self, env: SimpleNamespace):
        self.env = env


class App(SimpleNamespace):
    def add_js_file(self, name: str, **options: str) -> None:
        self.scripts.append(name)


def defined(
    definitions, builder, body: str, page: str = "notebooks/4-wsd"
) -> tuple[BeautifulSoup, list[str]]:
    """The text of a page with definitions, and the scripts that the page then asks for."""
    app, context = App(builder=builder, scripts=[]), {"body": body}
    definitions.define(app, page, "page.html", context, None)
    return BeautifulSoup(context["body"], "html.parser"), app.scripts


def test_a_word_is_described_by_its_definition(definitions, builder) -> None:
    page, scripts = defined(definitions, builder, 2 * LINK.format("term-term"))
    words, boxes = page.select("a"), page.select("[role=tooltip]")
    assert [word["aria-describedby"] for word in words] == 2 * [boxes[0]["id"]] and len(boxes) == 1
    assert boxes[0].get_text().split() == "One of four vectors, as i < 𝐡 , see elsewhere.".split()
    assert not boxes[0].select("a, [class*=math]") and [one.name for one in boxes[0].find_all()][:3] == [
        "em", "code", "math",
    ]  # fmt: skip
    assert scripts == ["definitions.js"]


@pytest.mark.parametrize(
    ("body", "page"),
    [
        ("<p>No word.</p>", "book/data"),
        ('<a class="reference internal" href="../book/glossary.html#term-term">a link</a>', "book/data"),
        (LINK.format("term-probe"), "book/glossary"),
    ],
)
def test_a_page_without_such_words_stays_as_it_is(definitions, builder, body: str, page: str) -> None:
    found, scripts = defined(definitions, builder, body, page)
    assert str(found) == str(BeautifulSoup(body, "html.parser")) and not scripts


def test_the_book_on_one_page_is_for_paper(definitions, builder) -> None:
    builder.name = "singlehtml"
    assert not defined(definitions, builder, LINK.format("term-term"))[1]


# ---- in a browser ----


@pytest.fixture
def tab(browser, definitions, builder, tmp_path: Path):
    words = " and ".join(LINK.format(f"term-{word}") for word in ("term", "probe"))
    body, _ = defined(definitions, builder, f"<p>{words}</p>")
    style, script = ((STATIC / name).read_text("utf-8") for name in ("book.css", "definitions.js"))
    page = f"<style>{style}</style><body style='margin: 20px'>{body}<script>{script}</script></body>"
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html><html lang=en>{page}", encoding="utf-8")
    tab = browser.new_page(viewport={"width": 300, "height": 300})
    tab.goto((tmp_path / "page.html").as_uri())
    yield tab
    tab.close()


def shown(tab) -> list[str]:
    return tab.locator(".definition:visible").evaluate_all("all => all.map(one => one.id)")


def test_a_definition_shows_on_focus_and_escape_closes_it(tab) -> None:
    assert shown(tab) == []
    tab.keyboard.press("Tab")
    assert shown(tab) == ["definition-term-term"]
    tab.keyboard.press("Tab")
    assert shown(tab) == ["definition-term-probe"]
    tab.keyboard.press("Escape")
    assert shown(tab) == [] and tab.evaluate("document.activeElement.tagName") == "A"


def test_a_definition_shows_on_hover_and_stays_under_the_pointer(tab) -> None:
    tab.hover("a")
    assert shown(tab) == ["definition-term-term"]
    tab.hover("#definition-term-term")
    tab.wait_for_timeout(400)
    assert shown(tab) == ["definition-term-term"]
    tab.mouse.move(290, 290)
    tab.wait_for_selector("#definition-term-term", state="hidden")


def test_a_definition_stays_inside_the_window(tab) -> None:
    tab.evaluate("document.querySelector('p').style = 'position: absolute; right: 0; bottom: 0'")
    tab.focus("a:last-of-type")
    box = tab.locator("#definition-term-probe").bounding_box()
    word = tab.locator("a:last-of-type").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 300 and box["y"] + box["height"] <= word["y"]


def test_the_site_defines_each_word_that_it_links_to_the_glossary(site: Path) -> None:
    count = 0
    for place in pages_of(site):
        page = BeautifulSoup(place.read_text("utf-8"), "html.parser")
        words = page.select("a:has(> span.std-term)") if place.stem != "glossary" else []
        assert all(page.find(id=word["aria-describedby"]) for word in words), place
        count += len(words)
    assert count > 50
