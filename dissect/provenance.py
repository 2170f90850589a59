"""Where a run comes from: revisions and checksums, a box on each page, the home page's summary."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from dissect import corpora, models
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


def revisions(settings: Settings, tuned: Sequence[str]) -> dict:
    """SHA-256 of the models' settings and weights, and of what is read from each corpus.

    tuned: the fine-tuned models; they are numbered, since the folder of one may be called anything.
    """
    profile, sections = PROFILES[settings.profile], set(settings.sections)
    named = {"model": settings.model} | {f"tuned {n}": place for n, place in enumerate(tuned, start=1)}
    found: dict[str, dict[str, str]] = {
        "models": {
            name: models.fingerprint(models.load(place, "cpu").model) for name, place in named.items()
        },
        "corpora": {},
    }
    if sections & {1, 2, 3}:
        found["corpora"]["text"] = _sha256("\n".join(corpora.text(settings.corpus or profile.text)))
    if 4 in sections:
        found["corpora"]["senses"] = _sha256(repr(corpora.senses(profile.senses)))
    if 5 in sections:
        found["corpora"]["entities"] = _sha256(repr(corpora.entities(profile.entities)))
    if sections & {2, 5} and not settings.tuned:
        found["corpora"]["tuning"] = _sha256(repr(corpora.tuning(profile.tuning)))
    return found


def checksums(results: Path) -> dict[str, str]:
    """SHA-256 of a run's tables, by file name."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(results.glob("*.parquet"))
    }


def git_state(root: Path) -> dict[str, str | bool]:
    """The commit that the code is at, and whether it was changed since; empty without git."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_git(root, "status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {}


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
