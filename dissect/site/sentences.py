"""The data behind the page Explore: a few sentences dissected, and the tables of all runs, as JSON.

The scripts of the page (book/web) draw them with the charts of `dissect.site.charts`; for print, and where
no script runs, the page has still pictures of the same.
"""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from dissect import models
from dissect.decomposition import TERMS, Decomposer, subsets
from dissect.errors import DissectError
from dissect.models import Loaded, fingerprint
from dissect.report import figures, intervals
from dissect.site import charts
from dissect.site.across import Run
from dissect.site.markdown import markdown
from dissect.site.markdown import table as in_markdown
from dissect.site.page_model import LANGUAGE, MODEL, NAME, SCRIPTS, SOURCES, STATIC, STYLE, products

PAIR = 2  # sentences that the page opens with: the first of the prepared ones, with a word in two senses
MATRICES = {
    "senses_agreement": ("word senses", {"knn": "kNN", "classifier": "probe"}),
    "entities_agreement": ("named entities", {"base": "pretrained", "finetuned": "fine-tuned"}),
}
Data = dict[str, Any]


def loaded_for(name: str) -> Loaded:
    """The run's own model; the page's own where that is not to be had, as when a run was copied here.

    Raises:
        DissectError: The page's own is not there either.
    """
    try:
        return models.load(name, "cpu")
    except DissectError:
        return models.load(MODEL, "cpu")


def prepared() -> list[str]:
    """The sentences that are dissected when a site is built."""
    return (SOURCES / "examples.txt").read_text(encoding="utf-8").splitlines()


def dissected(loaded: Loaded, sentences: Sequence[str]) -> Data:
    """Sentences by token and layer: `gram` is (layers + 1, tokens, 10), see `products`."""
    decomposer = Decomposer(loaded.model)
    found = []
    for sentence in sentences:
        batch = loaded.tokenizer(sentence, return_tensors="pt").to(loaded.model.device)
        layers = [products(parts) for parts in decomposer.each_layer(**batch)]
        tokens = loaded.tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist())
        found.append({"text": sentence, "tokens": tokens, "gram": layers})
    return {"label": loaded.label, "unknown": loaded.tokenizer.unk_token, "sentences": found}


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
    """All that the page shows.

    Args:
        runs: First the one whose book is built.
        loaded: Its model. Prepared sentences are dissected with this one and with the page's own.
    """
    page_model = models.load(MODEL, "cpu")
    same = fingerprint(loaded.model) == fingerprint(page_model.model)
    return {
        "terms": {term: figures.COLOURS[term] for term in TERMS},
        "series": charts.SERIES,
        "subsets": subsets()[1:],
        "models": [
            *([] if same else [dissected(loaded, prepared())]),
            dissected(page_model, prepared()) | {"label": NAME, "own": True, "language": LANGUAGE},
        ],
        "curves": curves(runs),
        "matrices": matrices(runs),
        "charts": charts.specifications(),
    }


def page(data: Data) -> str:
    """The data as an element that the page includes, and what draws it; nothing in it can end the element."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    names = " and ".join(markdown(model["label"]) for model in data["models"])
    loads = "".join(f'<script defer src="../_static/{STATIC}/{name}"></script>\n' for name in SCRIPTS)
    return (
        f"The prepared sentences were dissected with {names} when this site was built.\n\n"
        f'<link rel="stylesheet" href="../_static/{STATIC}/{STYLE}">\n'
        f'<script type="application/json" id="explore-data">{text}</script>\n{loads}'
    )


# ---- in print, and where no script runs ----


def shares(ten: Sequence[float]) -> list[float]:
    """Importance of the four terms, from the products of a token: each the sum of a row of sixteen."""
    places = ((0, 1, 2, 3), (1, 4, 5, 6), (2, 5, 7, 8), (3, 6, 8, 9))
    return [sum(ten[n] for n in four) for four in places]


def tables(data: Data) -> str:
    """The pair of sentences that the page opens with, as tables of importance in the last layer."""
    head = ["token", *charts.NAMES.values()]
    texts = []
    for sentence in data["models"][0]["sentences"][:PAIR]:
        rows = [
            (markdown(token), *(intervals.number(share, 2) for share in shares(ten)))
            for token, ten in zip(sentence["tokens"], sentence["gram"][-1], strict=True)
        ]
        name = f"“{markdown(sentence['text'])}”, importance in the last layer:"
        texts.append(f"{name}\n\n{in_markdown(head, rows, right=4)}\n")
    return "\n".join(texts)


def stills(data: Data) -> dict[str, str]:
    """Pictures of what the page shows, in SVG, by file name; without data there is no picture of it."""
    pair = data["models"][0]["sentences"][:PAIR]
    drawn = {"explore-sentence": charts.still([bars(sentence, pair) for sentence in pair])}
    low, high = limits(data["curves"])
    drawn["explore-importance"] = charts.still(
        [
            charts.titled(charts.importance(rows(curve), low, high), f"{curve['run']}: {curve['model']}")
            for curve in data["curves"]
        ]
    )
    above, *others = data["matrices"]
    below = next((one for one in others if one["task"] == above["task"]), above)
    drawn["explore-agreement"] = charts.still(
        [charts.agreement(above["grid"], below["grid"])], with_key=False
    )
    return drawn


def bars(sentence: Data, pair: Sequence[Data]) -> Any:
    """The still bars of one of a pair of sentences in the last layer, on the axis of both."""
    every = [shares(ten) for one in pair for ten in one["gram"][-1]]
    low = min(0.0, *(sum(x for x in four if x < 0) for four in every))
    high = max(1.0, *(sum(x for x in four if x > 0) for four in every))
    drawn = [
        {"place": n, "token": f"{n} {token}", "term": term, "value": share, "picked": True}
        for n, (token, ten) in enumerate(zip(sentence["tokens"], sentence["gram"][-1], strict=True))
        for term, share in zip(TERMS, shares(ten), strict=True)
    ]
    return charts.titled(charts.bars(drawn, low, high), sentence["text"])


def rows(curve: Data) -> list[Data]:
    """The rows of a chart of importance."""
    return [
        {"layer": layer, "term": term, "mean": mean, "std": std}
        for term, line in curve["lines"].items()
        for layer, (mean, std) in enumerate(zip(line["mean"], line["std"], strict=True))
    ]


def limits(found: Sequence[Data]) -> tuple[float, float]:
    """The lowest and highest that curves with their bands come to; 0 and 1 are among them."""
    every = [row["mean"] + side * row["std"] for curve in found for row in rows(curve) for side in (-1, 1)]
    return min([0.0, *every]), max([1.0, *every])
