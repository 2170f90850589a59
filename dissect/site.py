"""From executed chapters to a website, by way of a staged copy of the book.

The copy is what Jupyter Book reads: `_config.yml`, `_toc.yml` and `book/` as they are in the
repository, the run's chapters and summary beside them. Nothing is written into the repository.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from matplotlib.figure import Figure
from nbformat.v4 import new_markdown_cell

import dissect
from dissect import across, web
from dissect.errors import DissectError
from dissect.quoted import filled

ROOT = Path(dissect.__file__).resolve().parents[1]
COPIED = ("_config.yml", "_toc.yml")
PUBLISHED = ROOT / "book" / "published"  # runs whose results are part of the repository
HEADLINE = ("2-visualisation", "importance-by-layer")  # the home page's picture: chapter, glued name
GLUED = "application/papermill.record/image/png"
LEFT_OUT = """:::{admonition} Left out
:class: warning
This run left the chapter out: it is shown as it is before a run, without its results.
:::"""
NO_HEADLINE = "The picture that belongs here is drawn by [](chapters/%s.ipynb), which this run left out.\n"


def build(
    notebooks: Path, pages: Mapping[str, str], out: Path, pictures: Mapping[str, Figure] | None = None
) -> Path:
    """Build the site of a run; returns its first page, `out`/index.html.

    notebooks: the folder of the run's executed chapters. A chapter that is not there is shown
    without results, and says so.
    pages: Markdown on the run by name, which pages of the book include: "summary", "scorecard",
    "verdicts", "criteria", "across". pictures: figures by name, which they show.
    out: replaced when the build has succeeded, and left as it was when not.

    Raises `DissectError` without a checkout of the repository, without a chapter, or when the
    build fails; the log is then beside `out`.
    """
    if not (ROOT / "_config.yml").is_file():
        raise DissectError(
            "the book's sources are not there: building it needs a checkout of the repository, "
            "installed with pip install -e ."
        )
    if not list(notebooks.glob("*.ipynb")):
        raise DissectError(f"no executed chapter in {notebooks}: run one before building the site")
    log = out.with_name(out.name + ".log")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / "book"
        stage(notebooks, pages, staged)
        for name, figure in (pictures or {}).items():
            figure.savefig(staged / "book" / "_run" / f"{name}.png", dpi=110, bbox_inches="tight")
        with ThreadPoolExecutor(1) as beside:  # the page's model is made while the pages are
            assets = beside.submit(web.assets)
            html = jupyter_book(staged, log)
            assets.result().put(html)
        replace(html, out)
    log.unlink(missing_ok=True)
    return out / "index.html"


def stage(notebooks: Path, pages: Mapping[str, str], staged: Path) -> None:
    """Lay out in the new folder `staged` what Jupyter Book is to read."""
    staged.mkdir()
    for name in COPIED:
        shutil.copy(ROOT / name, staged)
    book = staged / "book"
    left = shutil.ignore_patterns("__pycache__", ".*", "_build", "node_modules")
    shutil.copytree(ROOT / "book", book, ignore=left)
    shutil.copytree(ROOT / "notebooks", book / "sources", ignore=left)
    for folder in ("chapters", "_run"):
        (book / folder).mkdir(exist_ok=True)
    for source in sorted((ROOT / "notebooks").glob("*.ipynb")):
        executed = notebooks / source.name
        if executed.is_file():
            shutil.copy(executed, book / "chapters")
        else:
            nbformat.write(without_results(source), book / "chapters" / source.name)
    for page, text in pages.items():
        (book / "_run" / f"{page}.md").write_text(text, encoding="utf-8")
    web.stage(book)
    runs = {place.name: across.read(place) for place in sorted(PUBLISHED.glob("*/"))}
    for prose in sorted(book.glob("*.md")):
        text = prose.read_text(encoding="utf-8")
        prose.write_text(filled(text, {"paper": across.paper(), **runs}), encoding="utf-8")
    chapter, name = HEADLINE
    picture = glued_picture(notebooks / f"{chapter}.ipynb", name)
    if picture:
        (book / "_run" / f"{name}.png").write_bytes(picture)
    else:
        (book / "headline.md").write_text(NO_HEADLINE % chapter, encoding="utf-8")


def without_results(source: Path) -> nbformat.NotebookNode:
    """A chapter as it is before a run, with a box below its opening that says so."""
    chapter = nbformat.read(source, as_version=4)
    chapter.cells.insert(1, new_markdown_cell(LEFT_OUT, id="left-out"))
    return chapter


def glued_picture(executed: Path, name: str) -> bytes | None:
    """The PNG that a chapter glued under a name; None without the chapter, or without the picture.

    Taken out here rather than by the `glue` directive, which gives a picture from another page
    neither a caption nor alternative text.
    """
    if not executed.is_file():
        return None
    for cell in nbformat.read(executed, as_version=4).cells:
        for output in cell.get("outputs", []):
            if output.get("metadata", {}).get("scrapbook", {}).get("name") == name:
                return base64.b64decode(output["data"][GLUED])
    return None


def jupyter_book(staged: Path, log: Path) -> Path:
    """Run Jupyter Book on a staged book, warnings as errors; returns the folder of the pages.

    Raises `DissectError`, with the first thing that Jupyter Book complained of, when it fails.
    """
    code = "from jupyter_book.cli.main import main; main()"
    options = ("build", str(staged), "--all", "-W", "-n", "--keep-going")
    with log.open("w", encoding="utf-8") as file:
        status = subprocess.run(
            [sys.executable, "-c", code, *options],
            cwd=staged,
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
            check=False,
        ).returncode
    html = staged / "_build" / "html"
    if status or not (html / "index.html").is_file():
        complaint = first_complaint(log).replace(f"{staged}{os.sep}", "")
        raise DissectError(f"the book could not be built: {complaint} (full log: {log})")
    return html


def first_complaint(log: Path) -> str:
    """The first line of a build's log that warns or fails, else its last line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it said nothing"]
    complaints = [line for line in lines if re.search(r"WARNING:|ERROR:|Error:|Exception:", line)]
    return (complaints or lines[-1:])[0]


def replace(new: Path, out: Path) -> None:
    """Put the folder `new` in the place of `out`; between two renames there is no `out`."""
    arriving, leaving = (out.with_name(f".{out.name}.{which}.{os.getpid()}") for which in ("new", "old"))
    shutil.copytree(new, arriving)
    try:
        if out.exists():
            out.rename(leaving)
        arriving.rename(out)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
        shutil.rmtree(leaving, ignore_errors=True)
