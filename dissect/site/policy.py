"""What a page of the site may do: load nothing from elsewhere, and run no script but the book's own.

Every page says so to the browser, in a Content-Security-Policy. Scripts that stand in a page are named by
their hashes; only those that the theme and Sphinx are known to write are, so that one which came with
somebody's run could not run.
"""

import base64
import re
from html import escape
from pathlib import Path

from dissect.errors import DissectError
from dissect.hashing import of_text

SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
MATHJAX = re.compile(r'window\.MathJax = \{[\w\s{}":|,]*\}')
# What the theme and Sphinx write into pages.
KNOWN = re.compile(
    r"DOCUMENTATION_OPTIONS\.pagename = '[\w/.-]+';"
    r"|let toggle\w+ = '\w+';"
    r"|var togglebuttonSelector = '[\w., -]+';"
    rf"|{MATHJAX.pattern}"
    r"|document\.documentElement\.dataset\.mode = localStorage\.getItem\(\"mode\"\) \|\| \"\w+\";\s*"
    r"document\.documentElement\.dataset\.theme = localStorage\.getItem\(\"theme\"\) \|\| \"\w*\";"
    r"|// Activate the search field on page load\s*"
    r"let searchInput = document\.querySelector\(\"form\.bd-search input\"\);\s*"
    r"if \(searchInput\) \{\s*searchInput\.focus\(\);\s*searchInput\.select\(\);\s*"
    r"console\.log\(\"[^\"]*\"\);\s*\}"
)
POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'"
)
WEBASSEMBLY = "'wasm-unsafe-eval'"  # the model in the page is a program of that kind
WITH_MODEL = 'id="explore-data"'  # what the page with the model has


def secure(site: Path) -> None:
    """Give every page of a built site its policy; themes keep fragments of pages under _static.

    Raises:
        DissectError: A page holds a script that is not known.
    """
    for page in sorted(site.rglob("*.html")):
        if "_static" not in page.relative_to(site).parts:
            text = page.read_text(encoding="utf-8")
            page.write_text(secured(text, page.relative_to(site).as_posix()), encoding="utf-8")


def secured(page: str, name: str = "the page") -> str:
    """A page with its policy. Raises `DissectError` when it holds a script that is not known."""
    allowed = {f"'sha256-{digest(script)}'" for script in scripts(page, name)}
    if WITH_MODEL in page:
        allowed.add(WEBASSEMBLY)
    policy = POLICY.format(scripts="".join(f" {one}" for one in sorted(allowed)))
    meta = f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=True)}">'
    head = HEAD.search(page)
    end = head.end() if head else 0
    return page[:end] + meta + page[end:]


def scripts(page: str, name: str) -> list[str]:
    """The scripts that stand in a page, but for data and those in files."""
    inside = [
        script
        for attributes, script in SCRIPT.findall(page)
        if not re.search(r'\bsrc=|type="application/json"', attributes)
    ]
    for script in inside:
        if not KNOWN.fullmatch(script.strip()):
            raise DissectError(f"{name} holds a script that is not the book's: {script.strip()[:60]!r}")
    return inside


def digest(script: str) -> str:
    """A script's hash as a policy names it."""
    return base64.b64encode(bytes.fromhex(of_text(script))).decode()
