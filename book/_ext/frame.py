"""The frame around every page: its foot, its title, and what others show where they link to it."""

from pathlib import Path

from docutils.nodes import document
from sphinx.application import Sphinx
from sphinx.config import Config

PREVIEW = "_static/preview.png"
DATE = "book/_run/date.txt"  # of the run, which `dissect site` writes


def framed(app: Sphinx, config: Config) -> None:
    """Fill in what CITATION.cff, the run and _config.yml tell."""
    from dissect.site import citation

    date = Path(app.srcdir) / DATE
    options = config.html_theme_options
    options["logo"] = {"text": config.html_title}  # else that of the home page would be its empty one
    options["extra_footer"] = citation.footer(
        date.read_text(encoding="utf-8") if date.is_file() else "", options.get("repository_url", "")
    )
    config.ogp_site_url, config.ogp_site_name = config.html_baseurl, config.html_title
    if (Path(app.srcdir) / "book" / PREVIEW).is_file():
        config.ogp_image = PREVIEW


def titled(app: Sphinx, page: str, template: str, context: dict, doctree: document | None) -> None:
    """The home page's title is the book's, which others have after theirs."""
    if page == app.config.root_doc:
        context["docstitle"] = ""


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("sphinxext.opengraph")
    app.connect("config-inited", framed, priority=400)  # before the address of other hosts is left out
    app.connect("html-page-context", titled)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
