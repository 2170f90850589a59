"""Pages at the addresses that the site's pages had once, which lead on to where their text is now."""

import os
from pathlib import Path

CHAPTERS = "book/chapters"
API = "book/api"
PAGES = {"book/your-sentence.html": "book/explore.html#sentence"}
# Once each function of the reference had a page: the folder of some, the page that has them now, their names.
FUNCTIONS = (
    ("models", "decomposition", "families-family-of families-known"),
    ("models", "corpora", "corpora-entities corpora-fetch corpora-senses corpora-text corpora-tuning"),
    ("models", "models", "finetuning-tune models-load models-load-masked-head models-load-unembedding"),
    ("experiments", "features", "features-target-terms features-word-terms"),
    ("experiments", "tables", "results-results"),
    ("runs", "tables", "results-export results-read schema-conform"),
    (
        "measures",
        "experiments",
        "explain-explain finer-logits finer-word-in measures-adjusted measures-agreement "
        "measures-feedforward-r2 measures-importance measures-importance-correlation "
        "measures-importance-table measures-term-dependence statistics-intervals statistics-pairs",
    ),
    (
        "experiments",
        "experiments",
        "experiments-found hyperparameters-search masked-words-masked-targets masked-words-masked-words "
        "masking-mask-text named-entities-named-entities named-entities-tagged-terms probes-masked-head "
        "probes-nearest-neighbours probes-sense-probe probes-split-groups probes-training probes-two-layer "
        "word-senses-sense-terms word-senses-word-senses",
    ),
    ("measures", "report", "published"),
    ("runs", "report", "claims-verdicts"),
    (
        "runs",
        "runs",
        "checking-check-model doctor-examine manifest-required run-run settings-settings-from "
        "verification-verify",
    ),
    (
        "runs",
        "site",
        "across-numbers across-read listing-compare run-build-site site-book-process site-build",
    ),
)
# The place on the page, where it has another name than the page had, or what it told of is gone.
RENAMED = {
    "checking-check-model": "model-check-check-model",
    "experiments-found": "units-found",
    "listing-compare": "compare-compare",
    "run-build-site": "build-build-site",
    "site-book-process": "build-build",
    "site-build": "build-build",
    "statistics-intervals": "certainty-intervals",
    "statistics-pairs": "certainty-pairs",
}
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>This page has moved</title>
<meta http-equiv="refresh" content="0; url={to}"></head>
<body><a href="{to}">This page has moved.</a>
<script src="{root}/_static/moved.js"></script></body></html>
"""


def addresses(html: Path) -> dict[str, str]:
    """Former addresses on the site in the folder `html`, and where each leads; both from its root."""
    led = {
        f"{API}/{folder}/{name}.html": f"{API}/{page}.html#{RENAMED.get(name, name)}"
        for folder, page, names in FUNCTIONS
        for name in names.split()
    }
    led[f"{API}/measures.html"] = f"{API}/experiments.html#measures-importance"
    chapters = sorted((html / "notebooks").glob("*.html"))
    return PAGES | led | {f"{CHAPTERS}/{page.name}": f"notebooks/{page.name}" for page in chapters}


def lead_on(html: Path) -> None:
    """Write a page at each former address of the site in the folder `html`."""
    for former, now in addresses(html).items():
        place = html / former
        place.parent.mkdir(parents=True, exist_ok=True)
        root = Path(os.path.relpath(html, place.parent)).as_posix()
        place.write_text(PAGE.format(to=f"{root}/{now}", root=root), encoding="utf-8")
