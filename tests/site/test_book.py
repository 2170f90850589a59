"""The book as Jupyter Book builds it, its own extensions, and its PDF."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup

from dissect.errors import DissectError
from dissect.places import ROOT
from dissect.runs.chapters import CHAPTERS
from dissect.site import pdf
from dissect.site.build import jupyter_book
from tests.site.test_links import Page, broken

EXTENSIONS = ROOT / "book" / "_ext"
LAUNCHED = {"mybinder.org", "colab.research.google.com"}


def extension(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXTENSIONS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- as Jupyter Book builds it from a clone ----


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages that Jupyter Book makes of the repository as it is, warnings as errors."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    left = shutil.ignore_patterns("__pycache__", "_run", ".*")
    for name in ("book", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=left)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", "-W", "-n", "--keep-going"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = made.stdout + made.stderr
    assert made.returncode == 0 and "WARNING" not in said, said
    return folder / "_build" / "html"


@pytest.mark.slow
def test_jupyter_book_builds_a_clone_without_a_warning(plain: Path) -> None:
    for chapter in CHAPTERS:
        page = BeautifulSoup((plain / "notebooks" / f"{chapter}.html").read_text("utf-8"), "html.parser")
        assert page.select(".cell_input") and not page.select(".cell_output")
    exercises = (plain / "book/exercises/1-derivation.html").read_text(encoding="utf-8")
    assert 'id="exercise-1-1"' in exercises and "dissect site" not in exercises
    pages = {place.stem: place.read_text(encoding="utf-8") for place in (plain / "book").glob("*.html")}
    unfilled = {name for name, text in pages.items() if "fills this in from a run" in text}
    assert unfilled == {"index", "scorecard", "across", "explore", "teach", "downloads", "discussion"}
    assert not [name for name, text in pages.items() if "&lt;&lt;minilm" in text or "&lt;&lt;paper" in text]


@pytest.mark.slow
def test_every_link_of_a_book_without_a_run_leads_somewhere(plain: Path) -> None:
    paths = [path.resolve() for path in plain.rglob("*.html") if "_static" not in path.parts]
    pages = {path: Page(path) for path in paths}
    links = [(path, link) for path, page in pages.items() for link in [*page.links, *page.loads]]
    assert len(links) > 300 and not [(path, link) for path, link in links if broken(path, link, pages)]


@pytest.mark.parametrize("kept", ["```{include} other.md\n```", "```python\n_run/x.md\n```"])
def test_parts_that_are_there_are_not_filled_in(kept: str) -> None:
    assert extension("filling").parts_filled(kept) == kept


@pytest.mark.parametrize(
    "part",
    [
        "```{include} ../_run/times.md\n```",
        ":::{figure} _run/across-senses.png\n:name: fig\n\nIts caption.\n:::",
        "```{raw} html\n:file: _run/explore.html\n```",
    ],
)
def test_a_sentence_stands_in_the_place_of_a_part(part: str) -> None:
    filling = extension("filling")
    assert filling.parts_filled(f"Before.\n\n{part}\n\nAfter.") == f"Before.\n\n{filling.OF_A_RUN}\n\nAfter."


def test_no_page_includes_what_only_a_run_has_in_another_way() -> None:
    filling = extension("filling")
    for page in (ROOT / "book").rglob("*.md"):
        assert "_run/" not in filling.PART.sub("", page.read_text(encoding="utf-8")), page


# ---- launch buttons ----


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("", None),
        ("https://git.example.org/some/book", None),
        ("https://gitlab.com/some/book", {"binderhub_url"}),
        ("https://github.com/some/book.git", {"binderhub_url", "colab_url"}),
        ("https://github.com/some/book/", {"binderhub_url", "colab_url"}),
    ],
)
def test_the_theme_makes_the_buttons_that_it_can(address: str, known: set[str] | None) -> None:
    launch = {"binderhub_url": "https://mybinder.org", "colab_url": "https://colab.research.google.com"}
    config = SimpleNamespace(html_theme_options={"repository_url": address, "launch_buttons": launch})
    extension("lighter").launch_where_known(None, config)
    options = config.html_theme_options
    assert (set(options["launch_buttons"]) if "launch_buttons" in options else None) == known
    assert options.get("repository_url") == (address.rstrip("/").removesuffix(".git") if known else None)


@pytest.fixture(scope="module")
def tiny_book(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds the report's settings around a home page and a chapter, for a repository's address."""

    def build(url: str) -> Path:
        folder = tmp_path_factory.mktemp("tiny")
        for name in ("_ext", "_static"):
            shutil.copytree(ROOT / "book" / name, folder / "book" / name)
        shutil.copy(ROOT / "book/references.bib", folder / "book")
        config = (ROOT / "_config.yml").read_text(encoding="utf-8")
        assert config.count('  url: ""') == 1
        (folder / "_config.yml").write_text(config.replace('  url: ""', f'  url: "{url}"'), encoding="utf-8")
        toc = "format: jb-book\nroot: book/index\nchapters:\n  - file: notebooks/4-wsd\n"
        (folder / "_toc.yml").write_text(toc, encoding="utf-8")
        (folder / "book/index.md").write_text("# Home\n", encoding="utf-8")
        (folder / "notebooks").mkdir()
        cells = [nbformat.v4.new_markdown_cell("# A chapter")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "notebooks/4-wsd.ipynb")
        return jupyter_book(folder, folder / "log")

    return build


@pytest.mark.slow
def test_chapters_alone_get_buttons(tiny_book: Callable[[str], Path]) -> None:
    html = tiny_book("https://github.com/some/book")
    chapter = BeautifulSoup((html / "notebooks/4-wsd.html").read_text(encoding="utf-8"), "html.parser")
    services = {
        link.get_text(strip=True): link for link in chapter.select(".bd-header-article a[href*='://']")
    }
    assert {name: link["href"] for name, link in services.items()} == {
        "Binder": "https://mybinder.org/v2/gh/some/book/main?urlpath=lab/tree/notebooks/4-wsd.ipynb",
        "Colab": "https://colab.research.google.com/github/some/book/blob/main/notebooks/4-wsd.ipynb",
    }
    for link in services.values():  # pictures are the site's own
        assert (html / "notebooks" / link.img["src"]).is_file()
    assert not LAUNCHED & set((html / "book/index.html").read_text(encoding="utf-8").split("/"))
    assert chapter.select_one("nav.bd-links a")["href"].endswith("index.html")  # the way home


@pytest.mark.slow
def test_without_an_address_no_page_has_buttons(tiny_book: Callable[[str], Path]) -> None:
    chapter = tiny_book("") / "notebooks/4-wsd.html"
    assert not LAUNCHED & set(chapter.read_text(encoding="utf-8").split("/"))


# ---- the process ----


def test_a_process_that_cannot_begin_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sphinx.py").write_text("raise ImportError('no Sphinx today')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DissectError, match="no Sphinx today"):
        jupyter_book(tmp_path, tmp_path / "log")


# ---- the reference ----


@pytest.mark.slow
def test_the_reference_shows_parameters_links_and_code(plain: Path) -> None:
    page = BeautifulSoup((plain / "book/api/decomposition.html").read_text("utf-8"), "html.parser")
    entry = page.find(id="dissect.decompose").find_parent("dl")
    labels = [label.get_text(strip=True).rstrip(":") for label in entry.select("dl.field-list > dt")]
    assert labels == ["Parameters", "Returns", "Raises"]
    named = [name.get_text() for name in entry.select("dl.field-list > dd:first-of-type strong")]
    assert named == ["model", "by", "**inputs"]
    links = {link.get_text(): link["href"] for link in entry.select("dl.field-list a")}
    assert links["Decomposer"] == "#dissect.Decomposer"
    assert links["UnsupportedModel"] == "#dissect.errors.UnsupportedModel"
    assert "input_ids" in [code.get_text() for code in entry.select("code")]
    parts = page.find(id="dissect.Parts").find_parent("dl").select_one("dl.field-list")
    assert parts.select_one("dt").get_text(strip=True).startswith("Attributes")


# ---- the PDF ----

JOINED = """<html><head><title>A book</title><script src="_static/mathjax/tex-chtml.js"></script>
<script src="_static/menu.js"></script></head><body>
<nav class="bd-links"><p class="caption">Part one</p></nav><header>menu</header>
<article class="bd-article"><section id="home"><h1>A book<a class="headerlink" href="#home">#</a></h1>
<p>See <a href="book/index.html#chapter">the chapter</a>, <a href="../_downloads/x/a.ipynb">a file</a>,
<a href="https://example.org/">elsewhere</a>.</p><details><summary>More</summary><p>Hidden</p></details></section>
<div class="toctree-wrapper"><section id="chapter"><h2>The chapter</h2><p>Its text.</p></section></div>
</article></body></html>"""


def test_the_page_for_paper_leads_inside_or_out_and_never_into_the_machine() -> None:
    made = pdf.BeautifulSoup(pdf.printable(JOINED), "html.parser")
    assert {link.get("href") for link in made.select("a")} == {"#chapter", None, "https://example.org/"}
    assert [script["src"] for script in made.select("script")] == ["_static/mathjax/tex-chtml.js"]
    assert made.select_one("details").has_attr("open")
    assert [line.get_text() for line in made.select("nav.chapters > *")] == ["Part one", "The chapter"]
    assert made.select_one("header") is None


def test_without_chromium_one_sentence_says_so(monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DissectError, match="install it, or build the site without --pdf"):
        pdf.browser()


def test_a_site_with_a_pdf_says_so_before_it_is_built(tmp_path: Path, monkeypatch) -> None:
    from dissect.places import PUBLISHED
    from dissect.runs.manifest import required
    from dissect.site.build import build

    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DissectError, match="Chromium"):
        build(PUBLISHED / "minilm", required(PUBLISHED / "minilm"), {}, tmp_path / "site", with_pdf=True)
    assert not (tmp_path / "site").exists()


def test_chromium_prints_a_page_a_chapter(tmp_path: Path) -> None:
    if not any(map(shutil.which, pdf.BROWSERS)):
        pytest.skip(f"none of {', '.join(pdf.BROWSERS)} is installed")
    pypdf = pytest.importorskip("pypdf")
    (tmp_path / "index.html").write_text("<a href='book/index.html'>", encoding="utf-8")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "index.html").write_text(JOINED, encoding="utf-8")
    (tmp_path / "_static").mkdir()
    shutil.copy(EXTENSIONS.parent / "_static" / "print.css", tmp_path / "_static")
    read = pypdf.PdfReader(pdf.write(tmp_path, tmp_path / "book.pdf"))
    pages = [page.extract_text() for page in read.pages]
    assert "Hidden" in "".join(pages) and "menu" not in "".join(pages)
    assert "Its text." in pages[-1] and "Hidden" not in pages[-1]
    assert read.metadata.title == "A book"
    links = [a.get_object().get("/A", {}) for page in read.pages for a in page.get("/Annots", [])]
    assert not [link for link in links if "file:" in str(link.get("/URI"))]


SHEETS = {
    "pydata_sphinx_theme": ("styles/theme.css", "styles/pydata-sphinx-theme.css"),
    "sphinx_book_theme": ("styles/sphinx-book-theme.css",),
}
LONG = " ".join(f"word-{n}" for n in range(60)) + " end-of-line"
WIDE = "".join(f"<td>column-{n}-of-the-table</td>" for n in range(14)) + "<td>end-of-row</td>"
LINES = """<div class="highlight-python"><div class="highlight"><pre>{long}</pre></div></div>
<div class="cell docutils"><div class="cell_output docutils">
<div class="output stream"><pre>{long}</pre></div>
<div class="output text_html"><table class="dataframe"><tbody><tr>{wide}</tr></tbody></table></div>
</div></div>
<div class="pst-scrollable-table-container"><table class="table"><tbody><tr>{wide}</tr></tbody></table>
</div>"""
PRINTED = """<html data-theme="light"><head>{sheets}</head><body><div class="bd-container">
<main class="bd-main"><div class="bd-content"><div class="bd-article-container"><article class="bd-article">
<h1>A chapter</h1>{inside}</article></div></div></main></div></body></html>"""


def sheet(package: str, name: str) -> str:
    """The text of one of a theme's style sheets."""
    place = importlib.util.find_spec(package)
    return (Path(place.origin).parent / "theme" / package / "static" / name).read_text(encoding="utf-8")


FOLDED = """<details><summary>More</summary><p>folded-away</p></details>
<div class="admonition toggle toggle-hidden">
<p class="admonition-title">A box<button class="toggle-button">Show</button></p>
<p>boxed-up</p></div><div class="definition" popover="manual">hovering</div>"""


def on_paper(browser, tmp_path: Path, inside: str) -> str:
    """What a page of the book has on it when it is printed from the browser, without blanks."""
    pypdf = pytest.importorskip("pypdf")
    styles = [sheet(package, name) for package, names in SHEETS.items() for name in names]
    toggle = Path(importlib.util.find_spec("sphinx_togglebutton").origin).parent / "_static/togglebutton.css"
    styles += [toggle.read_text("utf-8"), (EXTENSIONS.parent / "_static" / "book.css").read_text("utf-8")]
    sheets = "".join(f"<style>{text}</style>" for text in styles)
    page = tmp_path / "page.html"
    page.write_text(PRINTED.format(sheets=sheets, inside=inside), encoding="utf-8")
    tab = browser.new_page()
    tab.goto(page.as_uri())
    tab.pdf(path=tmp_path / "page.pdf", format="A4")
    tab.close()
    read = pypdf.PdfReader(tmp_path / "page.pdf")
    return "".join("".join(one.extract_text().split()) for one in read.pages)


def test_a_page_printed_from_the_browser_unfolds(browser, tmp_path: Path) -> None:
    said = on_paper(browser, tmp_path, FOLDED)
    assert "folded-away" in said and "boxed-up" in said
    assert "Show" not in said and "hovering" not in said


def test_a_page_printed_from_the_browser_keeps_the_ends_of_long_lines(browser, tmp_path: Path) -> None:
    said = on_paper(browser, tmp_path, LINES.format(long=LONG, wide=WIDE))
    assert said.count("end-of-line") == 2 and said.count("end-of-row") == 2
    assert all(said.count(f"word-{n}word-{n + 1}") == 2 for n in range(59))
