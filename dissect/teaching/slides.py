"""Slides from book/slides.md: a Markdown file, and an HTML page that asks no other host for anything.

A slide ends at a line of `---`. Between `:::notes 4` and `:::` stands what to say in so many minutes, which
the key n shows. A picture `![…](CHAPTER/NAME)` is the figure of that name in the
published run's chapter; formulas are drawn by matplotlib.
"""

import base64
import io
import re
from html import escape
from pathlib import Path

import matplotlib
import nbformat
from markdown_it import MarkdownIt
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image
from mdit_py_plugins.dollarmath import dollarmath_plugin

from dissect.errors import DissectError
from dissect.files import write_text, written_whole
from dissect.places import PUBLISHED, ROOT

SOURCE = ROOT / "book" / "slides.md"
RUN = PUBLISHED / "minilm" / "notebooks"
PICTURE = re.compile(r"!\[([^\]]*)\]\(([\w-]+)/([\w-]+)\)")
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
p:has(> img.picture) {{ flex: 1 1 0; min-height: 0; text-align: center; }}
img.picture {{ width: 100%; height: 100%; object-fit: contain; }}
img.display {{ display: block; max-width: 100%; margin: 2rem auto; font-size: 1.7em; object-fit: contain; }}
aside {{ display: none; margin-top: auto; padding: 0.6rem 1rem; background: #fff6dd;
  font-size: 1.5rem; }}
body.notes aside {{ display: block; }}
aside b {{ float: right; }}
@media (max-width: 40rem) {{ body {{ font-size: 1.1rem; }} section {{ padding: 1.2rem; height: auto; }}
  h1, h2 {{ font-size: 1.6rem; }} }}
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


def write(folder: Path) -> None:
    """Write slides.md with its pictures, and slides.html, into a folder.

    Raises:
        DissectError: A picture is not in the published run.
    """
    text = SOURCE.read_text(encoding="utf-8")
    pictures = {f"{chapter}/{name}": picture(chapter, name) for _, chapter, name in PICTURE.findall(text)}
    for place, png in pictures.items():
        with written_whole(folder / f"{Path(place).name}.png") as file:
            file.write_bytes(png)
    write_text(folder / "slides.md", PICTURE.sub(r"![\1](\3.png)", NOTES.sub(quoted, text)))
    embedded = PICTURE.sub(lambda m: f"![{m[1]}]({data('image/png', pictures[f'{m[2]}/{m[3]}'])})", text)
    write_text(folder / "slides.html", html(embedded))


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
    shown = markdown.render(NOTES.sub("", text)).replace("<img src", '<img class="picture" src')
    said = [f"<b>{minutes} min</b>\n{markdown.render(words)}" for minutes, words in NOTES.findall(text)]
    return shown + "".join(f"<aside>{words}</aside>\n" for words in said)


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


def picture(chapter: str, name: str) -> bytes:
    """The PNG of a figure in the published run, by chapter and the figure's name."""
    for cell in nbformat.read(RUN / f"{chapter}.ipynb", as_version=4).cells:
        if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == name:
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output["data"]["image/png"])
    raise DissectError(f"the slides show {chapter}/{name}, which the published run does not have")
