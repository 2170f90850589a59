"""What the book says of the run that it shows: a box on each chapter, a table on the home page."""

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from dissect.reuse import in_words
from dissect.runs.manifest import Manifest, seeds_of
from dissect.site.markdown import markdown, shown, table

BOX = """:::{{admonition}} This run
:class: note provenance dropdown
Model {model}, profile {profile}{corpus}, {seeds} seeds{limit}; {took}.
Versions: {versions}.
The notebook as it is before a run: {{download}}`{chapter}.ipynb <../book/_run/notebooks/{chapter}.ipynb>`.
:::"""
MADE = """This site was made by one command, which ran the chapters as notebooks and bound their results.
Every number and picture in them was computed in this run; the paper's own values stand beside ours \
and are marked as the paper's.

"""


def box(manifest: Manifest, chapter: str) -> NotebookNode:
    """A cell that says where an executed chapter comes from."""
    settings, ran = manifest.settings, manifest.chapters.get(chapter)
    corpus, limit = (ran.parameters.get(name) if ran else None for name in ("corpus", "limit"))
    text = BOX.format(
        model=markdown(shown(settings.model)),
        corpus=f" on {markdown(shown(corpus))}" if corpus else "",
        profile=settings.profile,
        seeds=seeds_of(manifest),
        limit=f", at most {limit:,} sentences" if limit else "",
        took=in_words(ran.seconds, ran.work) if ran else "how long it took is not recorded",
        versions=markdown(", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        chapter=chapter,
    )
    return new_markdown_cell(text, id="provenance")


def summary(manifest: Manifest) -> str:
    """What the home page says of this run, with a table, in Markdown."""
    settings = manifest.settings
    named = {kind: shown(name) for kind, name in settings.named().items()}
    machine = manifest.machine
    rows = {
        "model": shown(settings.model),
        **{f"its {what}": said for what, said in manifest.card.items()},
        "text": named["text"],
        "word senses": named["senses"],
        "named entities": f"{named['entities']}; fine-tuned on {named['tuning']}",
        "limit": str(settings.limit or "none"),
        "seeds": seeds_of(manifest),
        "date": manifest.date[:10],
        "time": f"{in_words(manifest.seconds(), manifest.all_work())}; {len(manifest.chapters)} chapters, "
        f"{machine.get('threads')} threads, {machine.get('device')}",
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    shown_rows = [(markdown(key), markdown(value)) for key, value in rows.items()]
    return f"{MADE}{table(['this run', ''], shown_rows)}\n"
