"""Slides from book/slides.md: a Markdown file, and an HTML page that asks no other host for anything.

A slide ends at a line of `---`. Between `:::notes 4` and `:::` stands what to say in so many minutes, which
the key n shows. A picture `![…](CHAPTER/NAME)` is the figure of that name in the
published run's chapter; formulas are drawn by matplotlib.
"""

import base64
import io
import re
from collections.abc import Collection, Mapping
from html import escape
from pathlib import Path

import matplotlib
from markdown_it import MarkdownIt
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image
from mdit_py_plugins.dollarmath import dollarmath_plugin

from dissect.errors import DissectError
from dissect.files import write_text, written_whole
from dissect.places import PUBLISHED, ROOT
from dissect.progress import note
from dissect.tables import read
from dissect.teaching import slide_pictures

SOURCE = ROOT / "book" / "slides.md"
RUN = PUBLISHED / "minilm"
PICTURE = re.compile(r"!\[([^\]]*)\]\(([\w-]+)\)")
SHOWN = re.compile(r"^<p><img class=\"picture\".*?</p>\n", re.MULTILINE)
MISSING = "The run {run} has no tables for this picture."
NOTES = re.compile(r"^:::notes (\d+)\n(.*?)^:::$", re.MULTILINE | re.DOTALL)
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0; background: #e9ebee; color: #1b1f24; font: 1.8rem/1.45 system-ui, sans-serif; }}
section {{ box-sizing: border-box; display: flex; flex-direction: column;
  max-width: 80rem; height: 45rem; margin: 1.5rem auto;
  padding: 2.5rem 3.5rem; background: #fff; scroll-margin: 1.5rem; }}
h1, h2 {{ margin: 0 0 1rem; line-height: 1.15; font-size: 2.6rem; }}
p {{ margin: 0.6rem 0; }}
ul, ol {{ margin: 0.6rem 0; padding-left: 1.6rem; }}
section:not(:has(.beside)) {{ font-size: 2.2rem; }}
.beside {{ flex: 1 1 0; min-height: 0; display: flex; gap: 1.5rem; align-items: center; }}
.beside > p {{ flex: 0 0 auto; height: 100%; margin: 0; }}
.beside > p:has(+ div:empty) {{ flex: 1 1 0; }}
img.picture {{ height: 100%; max-width: 100%; object-fit: contain; }}
img.display {{ display: block; max-width: 100%; margin: 1.3rem auto; font-size: 1.7em; object-fit: contain; }}
img.inline {{ font-size: 1.12em; }}
aside {{ display: none; margin-top: auto; padding: 0.6rem 1rem; background: #fff6dd;
  font-size: 1.5rem; }}
body.notes aside {{ display: block; }}
aside b {{ float: right; }}
@media (max-width: 40rem) {{ body {{ font-size: 1.1rem; }} section {{ padding: 1.2rem; height: auto; }}
  h1, h2 {{ font-size: 1.6rem; }} .beside {{ display: block; }}
  section:not(:has(.beside)) {{ font-size: 1.1rem; }} }}
@media print {{
  @page {{ size: 33.867cm 19.05cm; margin: 0; }}
  body {{ background: #fff; }}
  section {{ margin: 0; max-width: none; height: 19.05cm; min-height: 0;
    break-after: page; overflow: hidden; }}
}}
</style>
</head>
<body>
{slides}
<script>
// Keys: right, space and page down go on; left and page up go back; n shows the notes.
const slides = [...document.querySelectorAll("section")];
addEventListener("keydown", event => {{
  if (event.key === "n") document.body.classList.toggle("notes");
  const step = {{ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1}}[event.key];
  if (!step) return;
  event.preventDefault();
  const here = slides.findIndex(slide => slide.getBoundingClientRect().bottom > innerHeight / 3);
  slides[Math.min(Math.max(here + step, 0), slides.length - 1)].scrollIntoView();
}});
</script>
</body>
</html>
"""


def write(folder: Path, run: Path = RUN) -> None:
    """Write slides.md with its pictures, and slides.html, into a folder.

    A slide whose chapter the run did not execute says so in the place of its picture.

    Args:
        folder: To write to.
        run: The folder of the run from which pictures are drawn.

    Raises:
        DissectError: A picture has an unknown name, or a table of the run is damaged.
    """
    text = SOURCE.read_text(encoding="utf-8")
    pictures = drawn({name for _, name in PICTURE.findall(text)}, run)
    for name, png in pictures.items():
        with written_whole(folder / f"{name}.png") as file:
            file.write_bytes(png)
    there = with_pictures(text, {name: f"{name}.png" for name in pictures}, run)
    write_text(folder / "slides.md", NOTES.sub(quoted, there))
    embedded = {name: data("image/png", png) for name, png in pictures.items()}
    write_text(folder / "slides.html", html(with_pictures(text, embedded, run)))


def drawn(names: Collection[str], run: Path) -> dict[str, bytes]:
    """The pictures for which a run has tables; of the others it is told.

    Args:
        names: Of pictures.
        run: The folder of the run.

    Raises:
        DissectError: See `write`.
    """
    if unknown := set(names) - slide_pictures.PICTURES.keys():
        raise DissectError(f"slides.md has no picture to show for {', '.join(sorted(unknown))}")
    tables = read(run / "results")
    pictures = {name: slide_pictures.png(name, tables) for name in sorted(names)}
    if missing := [name for name, png in pictures.items() if png is None]:
        note(f"the run {run.name} has no tables for these pictures of the slides: {', '.join(missing)}")
    return {name: png for name, png in pictures.items() if png is not None}


def with_pictures(text: str, addresses: Mapping[str, str], run: Path) -> str:
    """The slides with the addresses of their pictures.

    Args:
        text: The slides in Markdown.
        addresses: By the names of pictures.
        run: The folder of the run, which is named where a picture is missing.
    """

    def shown(match: re.Match[str]) -> str:
        address = addresses.get(match[2])
        return f"![{match[1]}]({address})" if address else MISSING.format(run=f"`{run.name}`")

    return PICTURE.sub(shown, text)


def quoted(notes: re.Match[str]) -> str:
    """What to say, as a quotation."""
    return "\n".join(f"> {line}" for line in [f"Notes, {notes[1]} minutes.", *notes[2].splitlines()])


class WithData(MarkdownIt):
    """Takes any address: pictures are data, and the text is our own."""

    def validateLink(self, url: str) -> bool:
        """True of all of them."""
        return True


def html(text: str) -> str:
    """The slides as one page; the first heading is its title."""
    markdown = WithData("commonmark", {"html": False}).use(dollarmath_plugin, renderer=formula)
    parts = re.split(r"^---$", text, flags=re.MULTILINE)
    rendered = [slide(part, markdown) for part in parts]
    slides = "\n".join(f"<section>\n{part}</section>" for part in rendered)
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    return PAGE.format(title=escape(title[1] if title else "Slides"), slides=slides)


def slide(text: str, markdown: MarkdownIt) -> str:
    """One slide, with what to say below it.

    Args:
        text: In Markdown.
        markdown: That renders it.
    """
    shown = beside(markdown.render(NOTES.sub("", text)).replace("<img src", '<img class="picture" src'))
    said = [f"<b>{minutes} min</b>\n{markdown.render(words)}" for minutes, words in NOTES.findall(text)]
    return shown + "".join(f"<aside>{words}</aside>\n" for words in said)


def beside(html: str) -> str:
    """A slide in HTML, what follows its heading beside its picture, if it has one."""
    found = SHOWN.search(html)
    if not found:
        return html
    head, end, rest = SHOWN.sub("", html).partition("</h2>\n")
    return f'{head}{end}<div class="beside">\n{found[0]}<div>{rest}</div>\n</div>\n'


def formula(tex: str, options: dict) -> str:
    """A formula as a picture, whose alternative text is its TeX."""
    out = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever the user has set, as LaTeX for all text
        matplotlib.rcParams.update({"mathtext.fontset": "stix", "svg.hashsalt": "slides"})
        depth = math_to_image(f"${tex.strip()}$", out, prop=FontProperties(size=10), dpi=72, format="svg")
    found = re.search(rb'height="([\d.]+)pt"', out.getvalue())
    height = float(found[1]) if found else 10.0
    kind = "display" if options["display_mode"] else "inline"
    style = f"height: {height / 10:.2f}em; vertical-align: {-depth / 10:.2f}em"  # 10 points are 1 em
    # not <img src: that is how pictures are told
    return (
        f'<img alt="{escape(tex.strip())}" class="{kind}" style="{style}" '
        f'src="{data("image/svg+xml", out.getvalue())}">'
    )


def data(kind: str, content: bytes) -> str:
    """Content as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
