"""The first screen: what was replicated on what, how it came out, and ways on."""

from collections.abc import Mapping

import pandas as pd

from dissect.report import claims, published, readings
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import Manifest
from dissect.runs.settings import PROFILES
from dissect.site import citation, page_model
from dissect.site.markdown import markdown, shown
from dissect.site.openings import FULL
from dissect.site.scorecard import anchor, chip, coloured

REPLICATION, TRANSFER = "replication", "transfer"
PAPERS = set(list(CHAPTERS)[:5])  # chapters that repeat experiments of the paper
WAYS = """::::{grid} 1 3 3 3
:gutter: 2
:class-container: ways

:::{grid-item-card} Read the report
:link: ../notebooks/1-derivation
:link-type: doc
From the sum to what it cannot say, in eight chapters.
:::

:::{grid-item-card} Try a sentence
:link: explore
:link-type: doc
Take it apart in the browser, layer by layer.
:::

:::{grid-item-card} See the scorecard
:link: scorecard
:link-type: doc
Every claim with its criterion and numbers.
:::
::::
"""


def page(told: Manifest, verdicts: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> str:
    """The top of the home page, in Markdown.

    Args:
        told: The run's manifest.
        verdicts: As `claims.verdicts` returns them.
        tables: The run's.
    """
    sentences = [studied(), rerun(told), outcome(verdicts, tables.get("importance"))]
    parts = [
        f"{{.byline}}\n{citation.byline(told.date[:10])}",
        "\n".join(sentences),
        WAYS,
        strip(verdicts),
    ]
    return "\n\n".join(parts) + "\n"


def studied() -> str:
    """What the paper did, in a sentence."""
    terms = citation.listed([f"a term **{term}** from {name}" for term, name in FULL.items()])
    return (
        f"The paper takes **BERT** (`{published.MODELS[0]}`) apart: what it returns for a word is exactly "
        f"the sum of {terms}, and each term can be asked what it knows."
    )


def rerun(told: Manifest) -> str:
    """On what the report repeats it, in a sentence, and whether that is the paper's own model."""
    card, which = told.card, kind(told)
    size = f" ({card['family']}, {card['layers']} layers, {card['width']} wide)" if card else ""
    model = f"**{markdown(named(told.settings.model))}**{markdown(size)}"
    own = {REPLICATION: "the paper's own model", TRANSFER: "another model"}[which]
    part = "" if told.chapters.keys() >= PAPERS else "a part of "
    return f"This is a **{which}**: it repeats {part}the experiments on {own}, {model}, and {corpora(told)}."


def corpora(told: Manifest) -> str:
    """On which corpora, in words, and how much of them: the paper's, those for teaching, or their names."""
    settings, limit = told.settings.named(), told.settings.limit
    used = {name: markdown(shown(settings[name])) for name in published.CORPORA}
    limits = PROFILES[told.settings.profile].limits
    in_part = ", some chapters with a part of their sentences" if limits else ""
    most = f", at most {limit:,} sentences of each" if limit else in_part
    if settings.items() >= published.CORPORA.items():
        return f"the paper's corpora{most}"
    if set(used.values()) == {"teaching"}:
        return f"small corpora written for teaching{most}"
    return citation.listed([f"{of} for {name}" for name, of in used.items()]) + most


def named(model: str) -> str:
    """A model's name for readers: of the default one that of its authors."""
    return page_model.NAME if model == page_model.MODEL else shown(model)


def kind(told: Manifest) -> str:
    """Whether a run repeats the paper on a model of the paper, by its name and its shape, or on another."""
    name, _, _ = told.settings.model.partition("@")
    alike = not told.card or told.card.items() >= published.SHAPE.items()
    return REPLICATION if name in published.MODELS and alike else TRANSFER


def outcome(verdicts: pd.DataFrame, importance: pd.DataFrame | None) -> str:
    """How it came out, in a sentence or two."""
    counts = readings.verdict_counts(verdicts)
    each = citation.listed([f"{counts[name]} {name}" for name in claims.VERDICTS])
    text = f"Of {len(verdicts)} claims, {each}"
    if importance is None or importance.empty:
        return text + "."
    ours, theirs = (leading(table) for table in (importance, published.importance()))
    return f"{text}. In the last layer the largest term is {ours}; in BERT it is {theirs}."


def leading(importance: pd.DataFrame) -> str:
    """The largest term of the last layer and its share, in words."""
    model, _ = readings.models_of(importance)
    last = readings.shares(importance, model).iloc[-1]
    return f"**{last.idxmax()}**, with a share of {last.max():.2f}"


def strip(verdicts: pd.DataFrame) -> str:
    """The claims in a few words, by verdict, each a link to its row of the scorecard; in Markdown."""
    lines = []
    for verdict in claims.VERDICTS:
        part = verdicts[verdicts["verdict"] == verdict].astype(str)
        if not part.empty:
            links = (
                coloured(verdict, f"[{claims.named(row.claim).title}](#{anchor(row.claim)})")
                for row in part.itertuples()
            )
            lines += [chip(verdict, f"{verdict} ({len(part)})"), f": {' '.join(links)}", ""]
    return ":::{div} claims-strip\n" + "\n".join(lines) + ":::"
