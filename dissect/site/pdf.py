"""The whole book as one PDF: all pages on one, as Sphinx joins them, printed by Chromium."""

import os
import re
import shutil
import subprocess
import tempfile
from itertools import chain, repeat
from pathlib import Path

from bs4 import BeautifulSoup, Tag

from dissect.errors import DissectError
from dissect.progress import note
from dissect.site import policy

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer", "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # nothing is asked of anybody
    "--generate-pdf-document-outline", "--virtual-time-budget=120000",  # ms: the mathematics has to be set
)  # fmt: skip
UNSAFE = "--no-sandbox"
PATIENCE = 300  # seconds
# What the page of downloads says of the PDF, in a site without one, in one with it, and in the PDF.
ABSENT = "This site was built without a PDF; `dissect site --pdf` makes one where Chromium is installed."
PRESENT = "{download}`The whole book as a PDF </book/_run/book.pdf>`."
ITSELF = "You are reading it."
# Of the page: what is for a screen only.
SCREEN_ONLY = (".headerlink", ".copybtn", "iframe, object, embed, base, form, meta[http-equiv]")
MATHJAX = re.compile(r"(\.\./)*_static/mathjax/[\w-]+\.js(\?v=\w+)?")


def browser() -> str:
    """The path of Chromium or Chrome. Raises `DissectError` where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise DissectError(
            f"a PDF is printed by Chromium, and none of {', '.join(BROWSERS)} is installed; "
            "install it, or build the site without --pdf"
        )
    return found


def write(single: Path, out: Path) -> Path:
    """Print a book.

    Args:
        single: The folder that Sphinx's builder singlehtml wrote.
        out: The file.

    Raises:
        DissectError: There is no Chromium, or it prints nothing.
    """
    page = single / "print.html"
    joined = max(single.rglob("index.html"), key=_size)  # the others only lead on to it
    page.write_text(printable(joined.read_text(encoding="utf-8")), encoding="utf-8")
    return print_page(page, out)


def print_page(page: Path, out: Path) -> Path:
    """Print a page that loads nothing from elsewhere.

    Args:
        page: Its file.
        out: The PDF.

    Raises:
        DissectError: There is no Chromium, or it prints nothing.
    """
    chromium = browser()
    command = [chromium, *OPTIONS, f"--print-to-pdf={out.resolve()}", page.resolve().as_uri()]
    said = "" if is_root() else _said(command)
    if is_root() or (not out.is_file() and "sandbox" in said.lower()):
        note("Chromium is run without its sandbox, which this user or system does not let it have")
        said = _said([*command, UNSAFE])
    if not out.is_file():
        reason = (said.strip().splitlines() or ["it does not say why"])[-1]
        raise DissectError(f"{chromium} printed no PDF: {reason}")
    return out


def is_root() -> bool:
    """Whether this process is the administrator's: Chromium has no sandbox for that one."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _said(command: list[str]) -> str:
    """What Chromium says when it is run."""
    with tempfile.TemporaryDirectory() as profile:
        try:
            return subprocess.run(
                [*command, f"--user-data-dir={profile}"],
                capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE, check=False,
            ).stderr  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"nothing after {PATIENCE} s"


def printable(html: str) -> str:
    """The joined page for paper: the text alone, contents in front, and no link into this machine.

    Of scripts it keeps those that set the mathematics, and its policy lets no other run.
    """
    page = BeautifulSoup(html, "html.parser")
    article = page.select_one("article.bd-article")
    if article is None or page.body is None or page.head is None or page.html is None:
        raise DissectError("the joined page has no article: the book's theme has changed")
    for unwanted in page.select(", ".join(SCREEN_ONLY)):
        unwanted.decompose()
    for script in page.select("script"):
        if not (
            MATHJAX.fullmatch(str(script.get("src", ""))) or policy.MATHJAX.fullmatch(script.text.strip())
        ):
            script.decompose()
    for node in page.find_all(True):
        node.attrs = {name: value for name, value in node.attrs.items() if not name.lower().startswith("on")}
    for box in article.select("details"):
        box["open"] = ""
    for link in page.select("a[href]"):
        _lead_inside(link)
    heading = article.select_one("h1")
    if heading is not None:
        heading.insert_after(_contents(page, article))
    page.html["data-theme"] = page.html["data-mode"] = "light"
    page.head.append(page.new_tag("link", rel="stylesheet", href="_static/print.css"))
    page.body.clear()
    page.body.append(article.extract())
    return policy.secured(str(page))


def _lead_inside(link: Tag) -> None:
    """Links to other pages of the book lead to their place on this one; those to files lead nowhere."""
    address = str(link["href"])
    if address.startswith(("https://", "http://", "mailto:")):
        return
    place = address.partition("#")[2]
    if place:
        link["href"] = f"#{place}"
    else:
        del link["href"]


def _contents(page: BeautifulSoup, article: Tag) -> Tag:
    """The chapters by part, each linked to its first page, which it is marked to begin."""
    nav = page.new_tag("nav", attrs={"class": "chapters"})
    parts = [
        part for part in article.select("div.toctree-wrapper")
        if not part.find_parent("div", class_="toctree-wrapper")  # which holds a chapter's own pages
    ]  # fmt: skip
    captions = [caption.get_text() for caption in page.select("nav.bd-links p.caption")]
    for part, caption in zip(parts, chain(captions, repeat("")), strict=False):
        title = page.new_tag("p", attrs={"class": "part"})
        title.string = caption
        nav.append(title)
        for chapter in part.find_all("section", recursive=False):
            chapter["class"] = " ".join([*filter(None, chapter.get_attribute_list("class")), "chapter"])
            line = page.new_tag("a", href=f"#{chapter['id']}")
            heading = chapter.find(["h1", "h2", "h3"])
            line.string = heading.get_text() if heading else ""
            nav.append(line)
    return nav


def _size(path: Path) -> int:
    return path.stat().st_size
