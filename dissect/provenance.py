"""Where a run's results come from: the revisions of what it read, the box on each page, the summary."""

import os
import re
from collections.abc import Sequence

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from dissect import corpora, models
from dissect.chapters import CHAPTERS
from dissect.hashing import of_text
from dissect.manifest import Manifest
from dissect.reuse import in_words
from dissect.settings import PROFILES, Settings

BOX = """:::{{admonition}} This run
:class: note provenance dropdown
Model {model}, profile {profile}, {seeds} seeds{limit}; {took}.
Versions: {versions}.
The notebook as it is before a run: {{download}}`{chapter}.ipynb <../sources/{chapter}.ipynb>`.
:::"""
TOKENIZER = "tokenizer of "  # before the name of its model


def clean(book: NotebookNode) -> None:
    """Take out what papermill left about this machine."""
    book.metadata.pop("papermill", None)
    for cell in book.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected"


def box(manifest: Manifest, chapter: str) -> NotebookNode:
    """A cell that says where an executed chapter comes from."""
    settings, ran = manifest.settings, manifest.chapters.get(chapter)
    text = BOX.format(
        model=markdown(shown(settings.model)),
        profile=settings.profile,
        seeds=settings.seeds or PROFILES[settings.profile].seeds,
        limit=f", at most {settings.limit} sentences" if settings.limit else "",
        took=in_words(ran.seconds, ran.work) if ran else "how long it took is not recorded",
        versions=markdown(", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        chapter=chapter,
    )
    return new_markdown_cell(text, id="provenance")


def shown(model: str) -> str:
    """A model's name for a page: of a local path its last part."""
    local = model.startswith((".", "/")) or os.path.isdir(model)
    return os.path.basename(os.path.abspath(model)) if local else model


def markdown(text: str) -> str:
    """Text of unknown origin as Markdown that shows it letter by letter, on one line.

    What stands in a page and comes out of a run's folder passes through here.
    """
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", line)


def summary(manifest: Manifest) -> str:
    """The home page's table on this run, in Markdown."""
    settings = manifest.settings
    profile = PROFILES[settings.profile]
    machine = manifest.machine
    rows = {
        "model": shown(settings.model),
        "text": shown(settings.corpus or profile.text),
        "word senses": profile.senses,
        "named entities": f"{profile.entities}; fine-tuned on {profile.tuning}",
        "limit": str(settings.limit or "none"),
        "seeds": str(settings.seeds or profile.seeds),
        "date": manifest.date[:10],
        "time": f"{in_words(manifest.seconds(), manifest.all_work())}; {len(manifest.chapters)} chapters, "
        f"{machine.get('threads')} threads, {machine.get('device')}",
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    lines = [f"| {key} | {markdown(value)} |" for key, value in rows.items()]
    return "\n".join(["| this run | |", "|---|---|", *lines]) + "\n"


def revisions(settings: Settings, tuned: Sequence[str]) -> dict[str, dict[str, str]]:
    """SHA-256 of the models' settings and weights, of their tokenizers, and of what is read from each corpus.

    tuned: the fine-tuned models; they are numbered, since the folder of one may be called anything.
    """
    named = {"model": settings.model} | {f"tuned {n}": place for n, place in enumerate(tuned, start=1)}
    of_models = {}
    for name, place in named.items():
        loaded = models.load(place, "cpu")
        of_models[name] = models.fingerprint(loaded.model)
        of_models[TOKENIZER + name] = models.tokenizer_sha256(loaded.tokenizer)
    if any(CHAPTERS[name].head for name in settings.chapters()):
        head = models.load_masked_head(settings.head or settings.model)
        of_models |= {"head": models.fingerprint(head)} if head else {}
    of_corpora = {kind: of_corpus(kind, name) for kind, name in settings.corpora().items()}
    return {"models": of_models, "corpora": of_corpora}


def of_corpus(kind: str, name: str) -> str:
    """SHA-256 of what is read from a corpus of one of `corpora.KINDS`."""
    read = corpora.KINDS[kind](name)
    return of_text("\n".join(read) if kind == "text" else repr(read))


def read_by(chapter: str, found: dict[str, dict[str, str]]) -> dict[str, str]:
    """The revisions of what a chapter reads."""
    everything = {**found["models"], **found["corpora"]}
    of = {name: name.removeprefix(TOKENIZER).split()[0] for name in everything}
    row = CHAPTERS[chapter]
    read = {"model", row.corpus}
    read |= {"tuned", "tuning"} if row.tuned else set()
    read |= {"head"} if row.head else set()
    return {name: sha for name, sha in everything.items() if of[name] in read}
