"""The prose of the pages, by sentence: what the check of style reads."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import nbformat
import yaml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from dissect.places import ROOT
from dissect.site.prose import QUOTE
from dissect.teaching import boxes, discussion

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
EXTENSIONS = set(CONFIG["parse"]["myst_enable_extensions"])
DIRECTIVE = re.compile(r"\{?([\w:-]+)")
OPTIONS = re.compile(r"\A(?:---\n[\s\S]*?\n---\n|(?::[\w-]+:.*\n)+)")
TERM = re.compile(r"^(\S.*)\n(?=  \S)", re.MULTILINE)  # of a glossary
# Directives whose text is prose; the others hold code, formulas, data or the names of files.
OF_PROSE = {"admonition", "note", "tip", "warning", "dropdown", "figure", "glossary", "exercise", "solution",
            "grid", "grid-item-card", "div", "card", "seealso", "important", "caution", "notes"}  # fmt: skip
QUOTED = "blockquote"  # others' words
HEADS = {"heading_open", "th_open", "td_open", "dt_open"}  # no sentences
END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[A-Z0-9“\"(‘§])")
ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|al|cf|Fig|Sec|vs|pp?|No|approx)\.$")


class Block(NamedTuple):
    """A paragraph, a heading, an item or a cell."""

    text: str  # code and formulas stand as § each
    running: bool  # sentences, rather than a heading or a cell of a table


@cache
def parser():
    return create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)


def spoken(inline: Token) -> str:
    """The words of an inline token."""
    return "".join(word_of(child) for child in inline.children or [])


def word_of(token: Token) -> str:
    match token.type:
        case "text":
            return token.content
        case "softbreak" | "hardbreak":
            return " "
        case "myst_role":
            return re.sub(r"\s*<[^<>]*>$", "", token.content)
        case "code_inline" | "math_inline" | "math_inline_double" | "substitution_inline":
            return "§"
    return ""


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page in MyST, those inside directives among them."""
    within: list[str] = []
    for token in parser().parse(QUOTE.sub("§", text)):
        if token.nesting > 0:
            within.append(token.type)
        elif token.nesting < 0:
            within.pop()
        elif token.type == "inline" and f"{QUOTED}_open" not in within:
            yield Block(spoken(token), not HEADS & set(within))
        elif token.type in ("fence", "colon_fence"):
            yield from inside(token)


def inside(fence: Token) -> Iterator[Block]:
    name = DIRECTIVE.match(fence.info.strip())
    if name and name[1].lower() in OF_PROSE:
        yield from blocks(TERM.sub(r"# \1\n\n", OPTIONS.sub("", fence.content)))


def sentences(text: str) -> list[str]:
    """A block's sentences; one that an abbreviation seems to end goes on.

    >>> sentences("It holds. See e.g. chapter 4. (It did.) 2 of 3.")
    ['It holds.', 'See e.g. chapter 4.', '(It did.', '2 of 3.']
    """
    found: list[str] = []
    for part in END.split(text.strip()):
        if found and ABBREVIATED.search(found[-1]):
            found[-1] = f"{found[-1]} {part}"
        else:
            found.append(part)
    return found


def words(sentence: str) -> list[str]:
    return re.findall(r"[\w§][\w§'’.,/=+-]*", sentence)


def prose_of(cell: nbformat.NotebookNode) -> str:
    """A notebook's text, and the captions of what its code draws."""
    if cell.cell_type == "markdown":
        return cell.source
    return cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")


@cache
def pages() -> dict[str, list[Block]]:
    """The blocks of each page by its place."""
    places = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("book/*.md")]
    places += ROOT.glob("dissect/data/exercises/*.md")
    found = {place: list(blocks(place.read_text(encoding="utf-8"))) for place in sorted(places)}
    found[ROOT / "dissect/data/discussion.yaml"] = list(blocks(discussion.page()))
    for place in sorted(ROOT.glob("notebooks/*.ipynb")):
        cells = nbformat.read(place, as_version=4).cells
        found[place] = [block for cell in cells for block in blocks(prose_of(cell))]
    said = "\n\n".join(boxes.before(name) + "\n\n" + boxes.after(name) for name in boxes.boxes())
    found[ROOT / "dissect/data/boxes.yaml"] = list(blocks(said))
    return {place.relative_to(ROOT).as_posix(): found[place] for place in found}
