"""MathJax from a pip package, so that the site shows its mathematics without a connection."""

from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.fileutil import copy_asset

PACKAGE = "sphinx-mathjax-offline"
SCRIPT = "tex-chtml.js"
FONTS = "output/chtml/fonts/woff-v2"


def mathjax() -> Path:
    """The folder of the package that holds MathJax. Raises `ExtensionError` when it is missing."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ExtensionError(f"the book's mathematics needs a package: pip install {PACKAGE}")
    return Path(spec.origin).parent / "static" / "mathjax"


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Copy the one script that the pages load and its fonts: 1.6 MB of the package's 15."""
    if error is None and app.builder.format == "html":
        target = Path(app.outdir) / "_static" / "mathjax"
        for part, folder in ((SCRIPT, target), (FONTS, target / FONTS)):
            folder.mkdir(parents=True, exist_ok=True)
            copy_asset(str(mathjax() / part), str(folder))


def setup(app: Sphinx) -> dict[str, bool]:
    app.config.mathjax_path = f"mathjax/{SCRIPT}"
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
