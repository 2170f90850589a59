"""Buttons on chapters that open their notebooks in Binder and Colab.

They follow `repository: url:` in `_config.yml`; while that is empty, no page has one. They are links:
nothing is asked of either service before one is followed.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from sphinx.application import Sphinx

CHAPTERS = "notebooks/"
GITHUB = "https://github.com/"


def addresses(repository: str, branch: str, notebook: str) -> dict[str, str]:
    """Where a notebook opens, by service; Colab opens those on GitHub only.

    >>> addresses("https://github.com/someone/book", "main", "notebooks/a.ipynb")["Colab"]
    'https://colab.research.google.com/github/someone/book/blob/main/notebooks/a.ipynb'
    """
    repository = repository.rstrip("/").removesuffix(".git")
    if not repository:
        return {}
    if not repository.startswith(GITHUB):
        return {"Binder": _binder(f"git/{quote(repository, safe='')}", branch, notebook)}
    name = repository.removeprefix(GITHUB)
    return {
        "Binder": _binder(f"gh/{name}", branch, notebook),
        "Colab": f"https://colab.research.google.com/github/{name}/blob/{branch}/{notebook}",
    }


def _binder(repository: str, branch: str, notebook: str) -> str:
    return f"https://mybinder.org/v2/{repository}/{branch}?urlpath=lab/tree/{notebook}"


def add_buttons(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Add the buttons to a chapter's header."""
    if not page.startswith(CHAPTERS) or "header_buttons" not in context:
        return
    # From the file: Jupyter Book's own options for the theme, this one among them, are replaced by those
    # under `sphinx:`.
    config = yaml.safe_load((Path(app.confdir) / "_config.yml").read_text(encoding="utf-8"))
    repository = config.get("repository") or {}
    found = addresses(repository.get("url") or "", repository.get("branch") or "main", f"{page}.ipynb")
    icons = {"Binder": "_static/images/logo_binder.svg", "Colab": "_static/images/logo_colab.png"}
    buttons = [
        {"type": "link", "text": name, "tooltip": f"Open in {name}", "icon": icons[name], "url": url}
        for name, url in found.items()
    ]
    if buttons:
        context["header_buttons"].insert(
            0,
            {
                "type": "group", "tooltip": "Open this notebook", "icon": "fas fa-rocket",
                "buttons": buttons, "label": "launch-buttons",
            },
        )  # fmt: skip


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_buttons, priority=502)  # after the theme's own
    return {"parallel_read_safe": True, "parallel_write_safe": True}
