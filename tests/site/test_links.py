"""Every link of the built site: it leads to a page, a file or a place that is there."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
POINTERS = {"canonical", "prev", "next", "index", "search", "author"}  # links that nothing is loaded by


class Page(HTMLParser):
    """The places of a page that can be linked to, its links, and what it loads."""

    def __init__(self, path: Path):
        super().__init__()
        self.places: set[str] = {"", "top"}
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        for name in ("src", "href"):
            if (tag, name) in LOADED and name in given and given.get("rel") not in POINTERS:
                self.loads.append(given[name])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    found = (path for path in site.resolve().rglob("*.html") if "_static" not in path.parts)
    return {path: Page(path) for path in sorted(found)}


def broken(path: Path, address: str, pages: dict[Path, Page]) -> str | None:
    """What is wrong with an address on the page at `path`; None when nothing is."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        host = parts.hostname or ""
        return None if "." in host and " " not in address else "no address"
    if parts.scheme:
        return None if parts.scheme in ("mailto", "data") else f"what is {parts.scheme}:?"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        return "no such place on the page"
    return None


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    wrong = {
        f"{path.relative_to(site.resolve())}: {address}": fault
        for path, page in pages.items()
        for address in [*page.links, *page.loads]
        if (fault := broken(path, address, pages))
    }
    assert sum(len(page.links) for page in pages.values()) > 300
    assert not wrong


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    outside = {
        f"{path.relative_to(site.resolve())}: {address}"
        for path, page in pages.items()
        for address in page.loads
        if urlsplit(address).netloc
    }
    assert not outside


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("other.html", None),
        ("other.html#here", None),
        ("#there", "no such place on the page"),
        ("other.html#gone", "no such place on the page"),
        ("missing.html", "no such file"),
        ("https://aclanthology.org/x", None),
        ("https://", "no address"),
        ("javascript:void(0)", "what is javascript:?"),
    ],
)
def test_broken_links_are_told_from_whole_ones(tmp_path: Path, address: str, fault: str | None) -> None:
    tmp_path = tmp_path.resolve()
    for name, text in (("page.html", "<p>"), ("other.html", '<h1 id="here">')):
        (tmp_path / name).write_text(text)
    known = {tmp_path / name: Page(tmp_path / name) for name in ("page.html", "other.html")}
    assert broken(tmp_path / "page.html", address, known) == fault
