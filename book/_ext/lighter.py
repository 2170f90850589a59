"""What the theme leaves to do: pages that weigh less, and that a screen reader can follow.

Its buttons for Binder and Colab need a repository that has an address; here they may be without one.
It draws some ten icons with a script of 1.5 MB; here they are put into the pages as SVG when
the site is built, and the script is left out. The rest mends names and roles that axe-core objects
to. A page's front matter may say `lang: ja`, and its text is then marked as Japanese.
"""

import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

ICON = re.compile(r'<(i|span) class="([^"]*\bfa-solid\b[^"]*)"([^>]*)></\1>')
SCRIPTS = re.compile(
    r"\s*<(?:script|link)[^>]*scripts/fontawesome\.js[^>]*>(?:\s*</script>)?|"
    r'\s*<link[^>]*rel="preload"[^>]*fontawesome[^>]*/?>'
)
SIZES = {"fa-lg", "fa-xl", "fa-fw", "fa-sm"}
MATHJAX = re.compile(r"\s*<script>window\.MathJax = .*?</script>|\s*<script[^>]*mathjax/[^>]*></script>")
AFTER_JAPANESE = re.compile(r"(?<=[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef])\n")
EMPTY_HEADER = re.compile(r"<th(?: class=\"[^\"]*\")?>\s*(?:<p>\s*</p>)?\s*</th>")
MENDED = (
    # A name that differs from the text that is seen; the text is name enough.
    (r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1"),
    (r'(<summary) aria-label="Toggle hidden content"', r"\1"),
    # A control without a name.
    (r"<summary>(<span class=\"toctree-toggle\")", r'<summary aria-label="Pages of this section">\1'),
    # The sidebar begins with the title, outside of any landmark.
    (r'<div id="pst-primary-sidebar"', r'<div id="pst-primary-sidebar" role="navigation" aria-label="Book"'),
    # A role that was withdrawn, and a list whose children are no items.
    (r' role="doc-biblioentry"', ""),
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
)


@cache
def drawing(name: str, script: Path) -> tuple[int, int, str] | None:
    """Width, height and path of a solid icon, out of the theme's script; None when it has none."""
    text = script.read_text(encoding="utf-8")
    found = re.findall(rf'[{{,]"?{name}"?:\[(\d+),(\d+),\[[^\]]*\],"\w*","([^"]+)"\]', text)
    if not found:
        return None
    width, height, path = found[-1]  # the solid style comes last
    return int(width), int(height), path


def icons_drawn(page: str, script: Path) -> str:
    """The page with its icons as SVG, hidden from screen readers as the theme's script has them."""

    def draw(match: re.Match[str]) -> str:
        classes = match[2].split()
        names = [c.removeprefix("fa-") for c in classes if c.startswith("fa-") and c not in SIZES]
        found = next(filter(None, (drawing(name, script) for name in names if name != "solid")), None)
        if found is None:
            return match[0]
        width, height, path = found
        kept = [c for c in classes if not c.startswith("fa-") or c in SIZES]  # no letter of the icon font
        return (
            f'<svg class="svg-inline--fa {" ".join(kept)}"{match[3]} aria-hidden="true" '
            f'viewBox="0 0 {width} {height}"><path fill="currentColor" d="{path}"/></svg>'
        )

    return ICON.sub(draw, page)


def mended(page: str) -> str:
    """The page with names and roles that hold, no table header without text, MathJax if it has formulas."""
    if not re.search(r'class="[^"]*\bmath\b', page):
        page = MATHJAX.sub("", page)
    page = EMPTY_HEADER.sub("<td></td>", page)
    for wrong, right in MENDED:
        page = re.sub(wrong, right, page)
    return page


def finish(app: Sphinx, error: Exception | None) -> None:
    """Go through the pages that were written."""
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    script = out / "_static" / "scripts" / "fontawesome.js"
    for path in out.rglob("*.html"):
        if "_static" in path.relative_to(out).parts:
            continue
        page = path.read_text(encoding="utf-8")
        if script.is_file():
            page = SCRIPTS.sub("", icons_drawn(page, script))
        path.write_text(mended(page), encoding="utf-8")
    for unused in (script, script.with_name("fontawesome.js.map")):
        unused.unlink(missing_ok=True)


def mark_language(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Wrap a page's text in an element of its language. Japanese has no space where a line ends."""
    language = (context.get("meta") or {}).get("lang")
    if language and "body" in context:
        body = AFTER_JAPANESE.sub("", context["body"]) if language == "ja" else context["body"]
        context["body"] = f'<div lang="{language}">{body}</div>'


def launch_where_known(app: Sphinx, config: Config) -> None:
    """Leave out the buttons that the theme cannot make: it fails without an address, and at other hosts."""
    options = config.html_theme_options
    address = (options.get("repository_url") or "").rstrip("/").removesuffix(".git")
    options["repository_url"], host = address, urlsplit(address).hostname
    if host != "github.com":
        options.get("launch_buttons", {}).pop("colab_url", None)
    if host not in ("github.com", "gitlab.com"):
        options.pop("launch_buttons", None)
        options.pop("repository_url", None)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", launch_where_known)
    app.connect("html-page-context", mark_language)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
