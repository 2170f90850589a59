"""Where an executed chapter comes from: a box on its page, and the home page's summary."""

from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from dissect.settings import PROFILES, Settings

BOX = """:::{{admonition}} This run
:class: note provenance dropdown
Model `{model}`, profile {profile}, {seeds} seeds{limit}; {seconds:.0f} seconds.
Versions: {versions}.
The notebook as it is before a run: {{download}}`{chapter}.ipynb <../sources/{chapter}.ipynb>`.
:::"""


def stamp(
    book: NotebookNode, chapter: str, settings: Settings, seconds: float, versions: dict[str, str]
) -> None:
    """Put the box below a chapter's opening, and take out what papermill left about this machine."""
    text = BOX.format(
        model=shown(settings.model),
        profile=settings.profile,
        seeds=settings.seeds or PROFILES[settings.profile].seeds,
        limit=f", at most {settings.limit} sentences" if settings.limit else "",
        seconds=seconds,
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
        chapter=chapter,
    )
    book.cells.insert(1, new_markdown_cell(text, id="provenance"))
    book.metadata.pop("papermill", None)
    for cell in book.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected"


def shown(model: str) -> str:
    """A model's name for a page: of a folder its last part; nothing that would end the code it is set in."""
    return (Path(model).name if Path(model).is_dir() else model).replace("`", "'")


def summary(manifest: dict) -> str:
    """The home page's table on this run, in Markdown."""
    settings = manifest["settings"]
    profile = PROFILES[settings["profile"]]
    versions = manifest["versions"]
    chapters = manifest["chapters"]
    rows = {
        "model": f"`{shown(settings['model'])}`",
        "text": settings["corpus"] or profile.text,
        "word senses": profile.senses,
        "named entities": f"{profile.entities}; fine-tuned on {profile.tuning}",
        "limit": settings["limit"] or "none",
        "seeds": settings["seeds"] or profile.seeds,
        "date": manifest["date"][:10],
        "time": f"{sum(c['seconds'] for c in chapters.values()):.0f} seconds for "
        f"{len(chapters)} chapters, {manifest['machine']['threads']} threads, "
        f"{manifest['machine']['device']}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    lines = [f"| {key} | {value} |" for key, value in rows.items()]
    return "\n".join(["| this run | |", "|---|---|", *lines]) + "\n"
