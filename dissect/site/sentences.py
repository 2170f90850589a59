"""The data behind the page Explore: a few sentences dissected, and the tables of all runs, as JSON.

The script of the page (book/_static/explore.js) draws them; for print, and where no script runs, the
page has pictures of the same.
"""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dissect import models
from dissect.decomposition import TERMS, Decomposer, subsets
from dissect.errors import DissectError
from dissect.experiments.explain import explain
from dissect.models import Loaded
from dissect.report import figures
from dissect.site.across import Run
from dissect.site.markdown import markdown
from dissect.site.page_model import products

DEFAULT = "minilm"
# From the chapters and from the teaching corpus: one word in two senses, a name, a repeated word.
SENTENCES = (
    "The crane lifted a steel beam over the river.",
    "A crane stood in the shallow river.",
    "She bit into the apple and wondered whether Apple would ever call her back.",
    "After the merger, our little bank lost its name, its manager and its fern.",
)
MATRICES = {
    "senses_agreement": ("word senses", {"knn": "kNN", "classifier": "probe"}),
    "entities_agreement": ("named entities", {"base": "pretrained", "finetuned": "fine-tuned"}),
}
Data = dict[str, Any]


def loaded_for(name: str) -> Loaded:
    """The run's own model; the default one where that is not to be had, as when a run was copied here.

    Raises:
        DissectError: The default is not there either.
    """
    try:
        return models.load(name, "cpu")
    except DissectError:
        return models.load(DEFAULT, "cpu")


def dissected(loaded: Loaded, sentences: Sequence[str] = SENTENCES) -> Data:
    """Sentences by token and layer: `gram` is (layers + 1, tokens, 10), see `products`."""
    decomposer = Decomposer(loaded.model)
    found = []
    for sentence in sentences:
        batch = loaded.tokenizer(sentence, return_tensors="pt").to(loaded.model.device)
        layers = [products(parts) for parts in decomposer.each_layer(**batch)]
        tokens = loaded.tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist())
        found.append({"text": sentence, "tokens": tokens, "gram": layers})
    return {"model": loaded.label, "sentences": found}


def curves(runs: Sequence[Run]) -> list[Data]:
    """Importance by layer, one entry a run and model: mean and standard deviation by term."""
    found = []
    for run in runs:
        table = run.tables.get("importance", pd.DataFrame(columns=["model"]))
        for model, part in table.groupby("model", sort=False):
            wide = part.pivot(index="layer", columns="term", values=["mean", "std"]).fillna(0.0)
            lines = {term: {kind: wide[kind][term].tolist() for kind in ("mean", "std")} for term in TERMS}
            found.append({"run": run.name, "model": str(model), "lines": lines})
    return found


def matrices(runs: Sequence[Run]) -> list[Data]:
    """Agreement between predictors on different subsets, in percent: one entry a run and predictor.

    Rows and columns are the fifteen subsets that are not empty, in the order of `parts.subsets`.
    """
    found = []
    for run in runs:
        for table, (task, predictors) in MATRICES.items():
            if table not in run.tables:
                continue
            for predictor, called in predictors.items():
                rows = run.tables[table]
                rows = rows[rows["predictor"] == predictor]
                if len(rows):
                    name = f"{task}, {called}"
                    found.append({"run": run.name, "name": name, "task": task, "grid": grid(rows)})
    return found


def grid(rows: pd.DataFrame) -> list[list[float | None]]:
    """Agreement in percent, subsets by subsets; None on the diagonal. rows: terms_a, terms_b, agreement."""
    names = subsets()[1:]
    cells: list[list[float | None]] = [[None] * len(names) for _ in names]
    for a, b, agreement in zip(rows["terms_a"], rows["terms_b"], rows["agreement"], strict=True):
        first, second = names.index(a), names.index(b)
        cells[first][second] = cells[second][first] = 100 * agreement
    return cells


def read(runs: Sequence[Run], loaded: Loaded) -> Data:
    """All that the page shows; runs: first the one whose book is built."""
    return {
        "terms": {term: figures.COLOURS[term] for term in TERMS},
        "subsets": subsets()[1:],
        "dissected": dissected(loaded),
        "curves": curves(runs),
        "matrices": matrices(runs),
    }


def page(data: Data) -> str:
    """The data as an element that the page includes; nothing in it can end the element."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    model = markdown(data["dissected"]["model"])
    return (
        f"The sentences were dissected with {model} when this site was built.\n\n"
        f'<script type="application/json" id="explore-data">{text}</script>\n'
    )


def pictures(runs: Sequence[Run], loaded: Loaded) -> dict[str, Figure]:
    """What the page shows in print and without a script, by file name; runs: the paper's among them."""
    table = pd.concat(
        [run.tables["importance"].assign(run=run.name) for run in runs if "importance" in run.tables],
        ignore_index=True,
    )
    table["model"] = table["run"] + "\n" + table["model"]
    shown = next(run for run in runs if "senses_agreement" in run.tables)
    agreement = shown.tables["senses_agreement"]
    title = f"{shown.name}, word senses: kNN above the diagonal, the probe below"
    return {
        "explore-sentence": figures.sentence_importance(explain(loaded, SENTENCES[0])),
        "explore-importance": figures.importance_by_layer(table),
        "explore-agreement": figures.agreement(agreement, above="knn", below="classifier", title=title),
    }
