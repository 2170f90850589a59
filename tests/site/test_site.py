"""The built site in a browser: whole, light, open to all readers, and asking nobody else for anything."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from dissect.errors import DissectError
from dissect.places import NOTEBOOKS, PUBLISHED
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import required
from dissect.site import moved
from dissect.site.build import build, first_complaint, replace
from tests.conftest import AXE
from tests.site.test_links import Page

WIDTHS = {"desktop": 1280, "phone": 390}
THEMES = ("light", "dark")
MARKUP = re.compile(r"(?:`{3}|:{3})\{[\w-]+\}.*|\{[a-z-]+\}`[^`<]*`")  # directives and roles of MyST
FIRST_PAGE = 1_000_000  # bytes, with all that it loads
# What a reader would see of the page: pictures, mathematics, raw TeX in the prose, and its width.
LOOK = """async () => {
    if (window.MathJax?.startup) await MathJax.startup.promise;
    const prose = document.querySelector("main").cloneNode(true);
    prose.querySelectorAll("mjx-container, pre, code, script").forEach(node => node.remove());
    const silent = image => !image.alt.trim() || image.src.endsWith(image.alt.split("/").pop());
    const broken = image => !image.complete || !image.naturalWidth;
    return {
        broken: [...document.images].filter(broken).map(image => image.src),
        silent: [...document.images].filter(silent).map(image => image.src),
        formulas: document.querySelectorAll(".math").length,
        rendered: document.querySelectorAll(".math mjx-container").length,
        failed: document.querySelectorAll("mjx-merror, [data-mjx-error]").length,
        raw: /\\\\[(\\[]|\\\\begin\\{/.test(prose.textContent),
        width: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    };
}"""


def pages_of(site: Path) -> list[Path]:
    """The pages that readers open; themes keep fragments under _static, and former addresses lead on."""
    former = {site / address for address in moved.addresses(site)}
    pages = (page for page in site.rglob("*.html") if "_static" not in page.parts)
    return sorted(page for page in pages if page not in former)


def is_local(address: str) -> bool:
    return address.startswith(("file:", "data:", "blob:"))


@contextmanager
def tab_of(browser, width: int, theme: str) -> Iterator:
    """A tab, and what goes wrong in it: errors, files that are missing, ways to another host."""
    trouble: list[str] = []
    note = trouble.append
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce"
    )
    try:
        tab = context.new_page()
        tab.on("console", lambda line: note(line.text) if line.type == "error" else None)
        tab.on("pageerror", lambda error: note(str(error)))
        tab.on("requestfailed", lambda request: note(f"not loaded: {request.url}"))
        tab.on("request", lambda request: None if is_local(request.url) else note(f"left: {request.url}"))
        yield tab, trouble
    finally:
        context.close()


def go(tab, page: Path) -> None:
    """Open a page, with all that it loads."""
    tab.goto(page.as_uri())
    tab.wait_for_selector("main", state="attached")  # the outermost page only leads on
    tab.wait_for_load_state("load")


@contextmanager
def opened(browser, page: Path, width: int, theme: str) -> Iterator:
    """A page in a tab of its own, and what goes wrong in it."""
    with tab_of(browser, width, theme) as (tab, trouble):
        go(tab, page)
        yield tab, trouble


def complaints(seen: dict) -> dict:
    """What a reader would miss or stumble over, by what LOOK saw."""
    return {
        "pictures that do not show": seen["broken"],
        "pictures without alternative text": seen["silent"],
        "formulas not rendered": seen["formulas"] - seen["rendered"],
        "formulas with an error": seen["failed"],
        "raw TeX in the prose": seen["raw"],
        "pixels too wide": seen["width"],
    }


def test_the_site_has_its_pages(site: Path) -> None:
    names = {page.stem for page in pages_of(site)}
    assert {page.stem for page in (site / "notebooks").glob("*.html")} == set(CHAPTERS)
    assert {"index", "explore", "rerun", "teach", "code", "glossary", "ja", "references"} <= names


def test_no_page_shows_its_markup(site: Path) -> None:
    """A fence that Markdown takes for code swallows what follows, without a warning."""
    shown = {page.name: MARKUP.findall(page.read_text(encoding="utf-8")) for page in pages_of(site)}
    assert not {page: found for page, found in shown.items() if found}


def test_axe_is_to_be_had(axe: str) -> None:
    if not axe:
        pytest.skip(f"npm could not install {AXE}: pages are looked at, but not for what keeps readers out")
    assert "axe.run" in axe


# Every rule in one theme; in the other the colours alone can differ.
OBJECTIONS = """async only => {
    // what fades in has no colour yet
    document.getAnimations().forEach(one => { try { one.finish(); } catch { one.cancel(); } });
    const options = only.length ? { runOnly: only } : {};
    const found = await axe.run(document, { resultTypes: ["violations"], ...options });
    return found.violations.map(rule => `${rule.id}: ${rule.nodes.map(n => n.target.join(" ")).slice(0, 5)}`);
}"""


def objections(tab, then: str) -> list[str]:
    """What axe-core has against a page, in the theme that it is in and, as to colours, in the other."""
    found = tab.evaluate(OBJECTIONS, [])
    tab.emulate_media(color_scheme=then)
    tab.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=then)
    return found + [f"{then}, {objection}" for objection in tab.evaluate(OBJECTIONS, ["color-contrast"])]


@pytest.mark.parametrize(("device", "first", "then"), [("desktop", *THEMES), ("phone", *THEMES[::-1])])
def test_every_page_is_whole_and_accessible(
    browser, site: Path, axe: str, device: str, first: str, then: str
) -> None:
    wrong = {}
    with tab_of(browser, WIDTHS[device], first) as (tab, trouble):
        for page in pages_of(site):
            tab.emulate_media(color_scheme=first)
            go(tab, page)
            found = complaints(tab.evaluate(LOOK)) | {"errors": list(trouble)}  # axe makes its own
            if axe:
                tab.evaluate(axe)
                tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
                found["keeps readers out"] = objections(tab, then)
            trouble.clear()
            if found := {what: value for what, value in found.items() if value}:
                wrong[page.relative_to(site).as_posix()] = found
    assert not wrong


def test_the_first_page_is_light(browser, site: Path) -> None:
    tab = browser.new_page()
    answers = []
    tab.on("response", lambda answer: answers.append(answer))  # Playwright takes no builtin
    tab.goto((site / "index.html").as_uri())
    tab.wait_for_selector("article h1")
    tab.wait_for_load_state("networkidle")
    files = {Path(unquote(urlsplit(answer.url).path)) for answer in answers}
    tab.close()
    assert site / "book" / "index.html" in files and any(file.suffix == ".js" for file in files)
    assert sum(file.stat().st_size for file in files) < FIRST_PAGE


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("feed-forward", "Glossary"),
        ("anisotropy", "Glossary"),
        ("cite", "How to cite"),
        ("related work", "Related work"),
    ],
)
def test_search_finds_without_a_server(browser, site: Path, word: str, page: str) -> None:
    tab = browser.new_page()
    tab.goto((site / "search.html").as_uri() + f"?q={word}")
    tab.wait_for_selector("#search-results li a")
    hits = tab.locator("#search-results li a").all_inner_texts()
    tab.close()
    assert page in " ".join(hits)


def test_what_is_copied_has_no_prompts(browser, site: Path) -> None:
    with opened(browser, site / "book" / "decomposition.html", WIDTHS["desktop"], "light") as (tab, _trouble):
        tab.evaluate("document.querySelector('article').prepend(document.createElement('textarea'))")
        tab.locator(".copybtn").nth(1).click(force=True)  # it shows on hover
        tab.focus("textarea")
        tab.keyboard.press("Control+V")
        copied = tab.input_value("textarea")
    assert copied.startswith("from dissect.decomposition.families import family_of\n")
    assert "for sublayer in row.sublayers:\n    print(" in copied
    assert ">>>" not in copied and "LayerNorm" not in copied  # nor what is printed


def test_mathematics_is_rendered_where_there_is_any(browser, site: Path) -> None:
    page = site / "notebooks" / "1-derivation.html"
    with opened(browser, page, WIDTHS["desktop"], "light") as (tab, _trouble):
        assert tab.evaluate(LOOK)["rendered"] > 20


def test_columns_of_computed_tables_stand_apart(browser, site: Path) -> None:
    page = site / "notebooks" / "4-wsd.html"
    with opened(browser, page, WIDTHS["desktop"], "light") as (tab, _trouble):
        gaps = tab.eval_on_selector_all(
            ".cell_output table td", "all => all.map(td => parseFloat(getComputedStyle(td).paddingRight))"
        )
    assert gaps and min(gaps) >= 8


def test_clean_notebooks_come_with_the_site(site: Path) -> None:
    offered = {path.name for path in (site / "_downloads").rglob("*.ipynb")}
    assert offered >= {f"{chapter}.ipynb" for chapter in CHAPTERS}
    for chapter in CHAPTERS:
        both = {path for path in (site / "_downloads").rglob(f"{chapter}.ipynb")}
        clean = (NOTEBOOKS / f"{chapter}.ipynb").read_bytes()
        assert sorted(path.read_bytes() == clean for path in both) == [False, True]
        page = (site / "book" / "downloads.html").read_text(encoding="utf-8")
        assert len(re.findall(f"href=[^>]*_downloads/[^>]*/{chapter}.ipynb", page)) == 2


def test_former_addresses_lead_on(site: Path) -> None:
    """Each chapter's and each function's, to a place that is there."""
    led = moved.addresses(site)
    assert {Path(former).stem for former in led if former.startswith(moved.CHAPTERS)} == set(CHAPTERS)
    assert len([former for former in led if former.count("/") == 3]) == 58
    for former, now in led.items():
        text = (site / former).read_text(encoding="utf-8")
        (to,) = re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', text)
        page, _, place = to.partition("#")
        assert (site / former).parent.joinpath(page).resolve() == (site / now.split("#")[0]).resolve()
        arrived = Page((site / former).parent / page)
        assert place in arrived.places and "Content-Security-Policy" in text, former


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("book/chapters/4-wsd.html#evidence", "notebooks/4-wsd.html#evidence"),
        ("book/api/models/models-load.html", "book/api/models.html#models-load"),
        ("book/api/runs/listing-compare.html", "book/api/site.html#compare-compare"),
        (
            "book/api/measures/finer-word-in.html#dissect.experiments.finer.Word",
            "book/api/experiments.html#dissect.experiments.finer.Word",
        ),
    ],
)
def test_a_former_address_leads_to_the_place_that_was_asked_for(
    browser, site: Path, former: str, now: str
) -> None:
    with tab_of(browser, WIDTHS["desktop"], "light") as (tab, trouble):
        tab.goto(f"{site.resolve().as_uri()}/{former}")
        tab.wait_for_url(f"{site.resolve().as_uri()}/{now}")
        tab.wait_for_selector("main")
        assert tab.evaluate("document.getElementById(decodeURIComponent(location.hash.slice(1))) !== null")
    assert not trouble


def test_a_run_without_chapters_has_no_site(tmp_path: Path) -> None:
    with pytest.raises(DissectError, match="no executed chapter"):
        build(tmp_path, required(PUBLISHED / "minilm"), {}, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_site_without_the_repository_says_what_is_missing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("dissect.site.build.ROOT", tmp_path)
    with pytest.raises(DissectError, match="checkout of the repository"):
        build(tmp_path, required(PUBLISHED / "minilm"), {}, tmp_path / "site")


def test_the_log_is_summed_up_by_its_first_complaint(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("reading\n\x1b[91ma.md:3: WARNING: unknown document\x1b[0m\nb.md: ERROR: more\ndone\n")
    assert first_complaint(log) == "a.md:3: WARNING: unknown document"


def test_a_new_site_takes_the_place_of_the_old(tmp_path: Path) -> None:
    new, out = tmp_path / "new", tmp_path / "site"
    for folder, name in ((new, "fresh"), (out, "stale")):
        folder.mkdir()
        (folder / name).touch()
    replace(new, out)
    assert [path.name for path in out.iterdir()] == ["fresh"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "site"]


def test_a_full_disk_leaves_the_old_site(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "site").mkdir()

    def full(*_):
        raise shutil.Error([("a", "b", "[Errno 28] No space left on device")])

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(DissectError, match="No space left on device.: make room"):
        replace(tmp_path / "new", tmp_path / "site")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "site"]
