"""From executed chapters to a website, by way of a staged copy of the book.

The copy is what Jupyter Book reads: `_config.yml`, `_toc.yml` and `book/` as they are in the
repository, the run's chapters in `notebooks/` in the place of those without results, and what else a run
fills in in `book/_run/`. Nothing is written into the repository.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from matplotlib.figure import Figure

from dissect.errors import DissectError
from dissect.files import copy_folder, from_here, temporary_in, writing
from dissect.places import NOTEBOOKS, PUBLISHED, ROOT
from dissect.report import claims
from dissect.runs import manifest
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import Manifest
from dissect.runs.sweep import Swept
from dissect.site import (
    across,
    chapters,
    citation,
    discussion,
    exercises,
    home,
    in_a_row,
    japanese,
    moved,
    openings,
    page_model,
    pdf,
    policy,
    preview,
    scorecard,
    sentences,
    tables_page,
    this_run,
)
from dissect.site import downloads as evidence
from dissect.site.across import Run
from dissect.site.in_a_row import Row
from dissect.site.markdown import table
from dissect.tables import results
from dissect.teaching import boxes, quiz

START = "from jupyter_book.cli.main import main; main()"
QUIET = {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
COPIED = ("_config.yml", "_toc.yml")
LEFT = ("__pycache__", ".*", "_build", "node_modules")
JUDGED = "judged-%s"  # the end of a chapter, among what is included
FOUND = "found-%s"  # its opening
# The home page's picture: its chapter, and its name there.
HEADLINE = next((name, chapter.headline) for name, chapter in CHAPTERS.items() if chapter.headline)
GLUED = "application/papermill.record/image/png"
NO_HEADLINE = (
    "The picture that belongs here is drawn by [](../notebooks/%s.ipynb), which this run left out.\n"
)


def build_site(
    folder: Path,
    out: Path,
    say: Callable[[str], None] = print,
    others: list[Path] | None = None,
    with_pdf: bool = False,
    live: bool = False,
    row: Row | None = None,
) -> None:
    """Build the book of a run, finished or published, without executing anything.

    Args:
        folder: The run's.
        out: As of `build.build`.
        say: Called with a line on what is done.
        others: The folders of the runs that Across models sets beside it; by default the published ones.
        with_pdf: Also print it to book.pdf beside `out`.
        live: Build in the model for the reader's sentences.
        row: Runs that Across models shows in their row, in the place of others; this one is among them.

    Raises:
        DissectError: The folder holds no run, or the book cannot be built.
    """
    told = manifest.required(folder)
    say("building the site …")
    tables = results.read(folder / "results")
    verdicts = claims.verdicts(tables)
    if others is None:
        others = [place for place in sorted(PUBLISHED.glob("*/")) if place.name != folder.name]
    runs = [row.own] if row else beside(folder, others)
    if len(runs) > in_a_row.FEW:
        row = in_a_row.plain(runs)
    shown = [runs[0], across.paper(), *([] if row else runs[1:])]  # on Explore this run comes first
    with_paper = [across.paper(), *runs]
    judged = in_a_row.verdicts(row) if row else across.judged(with_paper)
    explored = sentences.read(shown, sentences.loaded_for(manifest.place(folder, told.settings.model)))
    texts = {
        "summary": this_run.summary(told),
        "scorecard": scorecard.page(verdicts, tables),
        "characteristics": scorecard.characteristics(tables.get("operating")),
        "criteria": scorecard.criteria(verdicts),
        "first-verdicts": scorecard.first(),
        "verdicts": judged,
        "across": in_a_row.page(row, judged) if row else across.page(with_paper) + across.PICTURES,
        "tables": tables_page.page(),
        **exercises.pages(told),
        "explore": sentences.page(explored),
        "explore-tables": sentences.tables(explored),
        "first": home.page(told, verdicts, tables),
        "cite": citation.page(told.date[:10]),
        **japanese.parts(told, verdicts, tables),
    }
    drawn = in_a_row.pictures(row) if row else across.pictures(with_paper)
    pictures: dict[str, Figure | str] = {**drawn, **sentences.stills(explored)}
    texts |= {JUDGED % name: scorecard.of_chapter(name, verdicts) for name in told.chapters}
    texts |= {FOUND % name: openings.page(name, tables, verdicts) for name in told.chapters}
    if folder.resolve().parent != PUBLISHED:
        texts["discussion"] = discussion.page(verdicts, folder)
    page = build(folder, told, texts, out, pictures, with_pdf, live)
    say(f"the site is at {from_here(page)}")
    if with_pdf:
        say(f"the PDF is at {from_here(out.with_name('book.pdf'))}")


def beside(folder: Path, others: list[Path]) -> list[Run]:
    """A run and others, those of one name told apart.

    Raises:
        DissectError: A folder holds no run.
    """
    read = [across.read(folder, here=True), *map(across.read, others)]
    return across.apart(read, [folder, *others])


def build_swept(swept: Swept, out: Path, say: Callable[[str], None] = print) -> None:
    """Build the site of a sweep: the book of its last run, whose Across models has all of them.

    Args:
        swept: What became of the sweep; one run is finished at least.
        out: As of `build.build`.
        say: Called with a line on what is done.

    Raises:
        DissectError: A folder holds no run, or the book cannot be built.
    """
    last = swept.runs[-1].folder
    build_site(last, out, say, others=[], row=in_a_row.row_of(swept, last))


def build(
    folder: Path,
    told: Manifest,
    included: Mapping[str, str],
    out: Path,
    pictures: Mapping[str, Figure | str] | None = None,
    with_pdf: bool = False,
    live: bool = False,
) -> Path:
    """Build the site of a run; returns its first page, `out`/index.html.

    Args:
        folder: The run's. A chapter that is not there is shown without results, and says so.
        told: Its manifest.
        included: Markdown on the run by name, which pages of the book include: "summary", "scorecard",
            "verdicts", "criteria", "across", and of a rerun "discussion", which takes the place of that page.
        out: Replaced when the build has succeeded, and left as it was when not.
        pictures: Figures by name, or SVG, which pages show.
        with_pdf: Also print the book to book.pdf beside `out`, and link to it from the site.
        live: Build in the model that dissects the reader's own sentences: 40 MB, and half a minute.

    Raises:
        DissectError: There is no checkout of the repository, or no chapter, or the build fails; the log is
            then beside `out`. Also without Chromium, where a PDF is wanted.
    """
    if with_pdf:
        pdf.browser()
    if not (ROOT / "_config.yml").is_file():
        raise DissectError(
            "the book's sources are not there: building it needs a checkout of the repository, "
            "installed with pip install -e ."
        )
    if not list((folder / "notebooks").glob("*.ipynb")):
        raise DissectError(f"no executed chapter in {folder}: run one before building the site")
    log = out.with_name(out.name + ".log")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        staged = Path(scratch) / "book"
        stage(folder, told, {"pdf": pdf.ABSENT, "downloads": downloads(), **included}, staged)
        for name, picture in (pictures or {}).items():
            draw(picture, staged / "book" / "_run" / name)
        if with_pdf:
            shutil.copyfile(printed(staged, log), out.with_name("book.pdf"))
        with ThreadPoolExecutor(1) as beside:  # the page's model is made while the pages are
            assets = beside.submit(page_model.assets if live else lambda: page_model.LEFT_OUT)
            html = jupyter_book(staged, log)
            assets.result().put(html)
            moved.lead_on(html)
            policy.secure(html)
        replace(html, out)
    log.unlink(missing_ok=True)
    return out / "index.html"


def stage(folder: Path, told: Manifest, included: Mapping[str, str], staged: Path) -> None:
    """Lay out in the new folder `staged` what Jupyter Book is to read.

    Args:
        folder: The run's.
        told: Its manifest.
        included: Markdown on the run by name, which pages of the book include.
        staged: The new folder.
    """
    staged.mkdir()
    for name in COPIED:
        shutil.copyfile(ROOT / name, staged / name)
    book = staged / "book"
    copy_folder(ROOT / "book", book, *LEFT)
    copy_folder(NOTEBOOKS, book / "_run" / "notebooks", *LEFT)
    (staged / "notebooks").mkdir()
    for source in sorted(NOTEBOOKS.glob("*.ipynb")):
        executed = folder / "notebooks" / source.name
        end, opening = (included.get(which % source.stem, "") for which in (JUDGED, FOUND))
        chapter = chapters.chapter(source, executed, told, end, opening)
        boxes.put(chapter, source.stem)
        quiz.put(chapter, source.stem, before=1)  # the evidence, which is the end
        nbformat.write(chapter, staged / "notebooks" / source.name)
    (book / "_run" / "date.txt").write_text(told.date[:10], encoding="utf-8")
    preview.draw(book / "_static" / "preview.png", told)
    for page, text in included.items():
        (book / "_run" / f"{page}.md").write_text(text, encoding="utf-8")
    if "discussion" in included:
        (book / "_run" / "discussion.md").rename(book / "discussion.md")
        for file in book.glob("*.md"):
            file.write_text(discussion.without_published(file.read_text("utf-8")), encoding="utf-8")
    evidence.link(book, folder / "results", ROOT / "dissect")
    page_model.stage(book)
    first, name = HEADLINE
    picture = glued_picture(folder / "notebooks" / f"{first}.ipynb", name)
    if picture:
        (book / "_run" / f"{name}.png").write_bytes(picture)
    else:
        (book / "headline.md").write_text(NO_HEADLINE % first, encoding="utf-8")


def draw(picture: Figure | str, place: Path) -> None:
    """Write a figure as PNG, and text of SVG as it is; the ending is put after the name in `place`."""
    if isinstance(picture, str):
        place.with_suffix(".svg").write_text(picture, encoding="utf-8")
    else:
        picture.savefig(place.with_suffix(".png"), dpi=110, bbox_inches="tight")


def downloads() -> str:
    """A table of the chapters' notebooks, without results and with, for the page of downloads."""
    rows = [
        (f"[](../notebooks/{stem}.ipynb)",
         f"{{download}}`without results <_run/notebooks/{stem}.ipynb>`",
         f"{{download}}`with results <../notebooks/{stem}.ipynb>`")
        for stem in CHAPTERS
    ]  # fmt: skip
    return f"{table(['chapter', 'to work in', 'as executed'], rows)}\n"


def printed(staged: Path, log: Path) -> Path:
    """The PDF of a staged book, in its place for the site to link to."""
    run = staged / "book" / "_run"
    (run / "pdf.md").write_text(pdf.ITSELF, encoding="utf-8")
    made = pdf.write(jupyter_book(staged, log, "singlehtml"), run / "book.pdf")
    (run / "pdf.md").write_text(pdf.PRESENT, encoding="utf-8")
    return made


def glued_picture(executed: Path, name: str) -> bytes | None:
    """The PNG that a chapter glued under a name; None without the chapter, or a picture that can be read.

    Taken out here rather than by the `glue` directive, which gives a picture from another page
    neither a caption nor alternative text.
    """
    if not executed.is_file():
        return None
    outputs = (output for cell in chapters.read(executed).cells for output in cell.get("outputs", []))
    for output in outputs:
        scrapbook = output.get("metadata", {}).get("scrapbook")
        if isinstance(scrapbook, dict) and scrapbook.get("name") == name:
            picture = output.get("data", {}).get(GLUED)
            known = isinstance(picture, str) and chapters.is_png(picture)
            return base64.b64decode(picture) if known else None
    return None


def jupyter_book(staged: Path, log: Path, builder: str = "html") -> Path:
    """Run Jupyter Book on a staged book, warnings as errors; returns the folder of the pages.

    Args:
        staged: The folder of the book.
        log: A file for what it says.
        builder: "html", or "singlehtml" for all pages on one.

    Raises:
        DissectError: It fails; the message has the first thing that it complained of.
    """
    options = ["--all", "-W", "-n", "--keep-going", "--builder", builder]
    command = [sys.executable, "-c", START, "build", str(staged), *options]
    environment = os.environ | QUIET | temporary_in(staged.parent)
    with log.open("wb") as said:
        status = subprocess.run(
            command, cwd=staged, env=environment, stdout=said, stderr=said, check=False
        ).returncode
    html = staged / "_build" / builder
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
    try:
        with writing(out):
            shutil.copytree(new, arriving)
        if out.exists():
            out.rename(leaving)
        arriving.rename(out)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
        shutil.rmtree(leaving, ignore_errors=True)
