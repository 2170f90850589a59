"""How large the terms are, and how that changes from model to model."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dissect.decomposition import TERMS
from dissect.report.figures.style import (
    COLOURS,
    IMPORTANCE,
    MARKERS,
    NAMES,
    PANEL,
    drawn,
    legend_below,
    look,
    panels,
    proxy,
    slant,
    title,
)
from dissect.report.intervals import number
from dissect.report.published import COUNTERPARTS

TOTAL: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 13, "color": "#333333"}
PAPERS: dict[str, Any] = {"linestyle": ":", "markerfacecolor": "white", "markersize": 4.5}


@drawn
def importance_by_layer(table: pd.DataFrame, columns: int = 2) -> Figure:
    """Mean importance of each term by relative depth with a band of one standard deviation; a panel a model.

    Args:
        table: Model, layer, term, mean, std.
        columns: Panels side by side.
    """
    table = _by_depth(table)
    models = list(dict.fromkeys(table["model"]))
    figure, axes = panels(len(models), columns=columns, sharey=True)
    for axis, model in zip(axes, models, strict=True):
        _terms(axis, table[table["model"] == model])
        axis.set(xlabel="layer / layers")
        title(axis, model)
    _label_left(axes, IMPORTANCE)
    legend_below(figure, axes)
    return figure


@drawn
def importance_beside_paper(table: pd.DataFrame, paper: pd.DataFrame) -> Figure:
    """Mean importance of each term by relative depth, a run's and the paper's; a panel a model.

    A run's model stands with the paper's of the same task, see `published.COUNTERPARTS`; those of the paper
    that have none stand alone.

    Args:
        table: Model, layer, term, mean, std.
        paper: The same, the paper's.
    """
    table, paper = _by_depth(table), _by_depth(paper)
    models = list(dict.fromkeys(table["model"]))
    tasks = {model: _task(model) for model in models}
    alone = [task for task in COUNTERPARTS if task not in tasks.values()]
    figure, axes = panels(len(models) + len(alone), sharex=True, sharey=True)
    for axis, model in zip(axes, [*models, *alone], strict=True):
        task = tasks.get(model, model)
        theirs = paper[paper["model"] == COUNTERPARTS.get(task)]
        _terms(axis, table[table["model"] == model])
        for term in TERMS:
            line = theirs[theirs["term"] == term]
            axis.plot(line["depth"], line["mean"], color=COLOURS[term], marker=MARKERS[term], **PAPERS)
        fine_tuned = "" if task == "pretrained" else "fine-tuned: "
        title(axis, f"{fine_tuned}{model}" + ("" if model in models else ", the paper alone"))
    for axis in axes[-2:]:
        axis.set(xlabel="layer / layers")
    _label_left(axes, IMPORTANCE)
    ours = proxy("this run", marker="o", markersize=5)
    legend_below(figure, axes, [ours, proxy("the paper's BERT", marker="o", **PAPERS)])
    return figure


def _terms(axis: Axes, of: pd.DataFrame) -> None:
    """A model's four terms with their bands."""
    for term in TERMS:
        line = of[of["term"] == term]
        colour, marker = look(term)
        axis.plot(line["depth"], line["mean"], color=colour, marker=marker, markersize=5, label=NAMES[term])
        low, high = line["mean"] - line["std"], line["mean"] + line["std"]
        axis.fill_between(line["depth"], low, high, color=colour, alpha=0.15)


def _by_depth(table: pd.DataFrame) -> pd.DataFrame:
    """A table with the layer over the number of layers, since models differ in it."""
    return table.assign(depth=table["layer"] / table.groupby("model")["layer"].transform("max"))


def _task(model: str) -> str:
    """What a model of a run was tuned for: "ner" of "ner", "ner 2" and "ner (seed 1)"."""
    return model.partition(" ")[0]


def _label_left(axes: list[Axes], label: str) -> None:
    for axis in axes:
        place = axis.get_subplotspec()
        if place is not None and place.is_first_col():
            axis.set_ylabel(label)


@drawn
def importance_correlation(table: pd.DataFrame, columns: int = 2) -> Figure:
    """Spearman's correlation of importance with the first model, by term and layer; a panel a model.

    Args:
        table: Model_a, model_b, layer, term, spearman.
        columns: Panels side by side.
    """
    first = table["model_a"].iloc[0]
    with_first = table[table["model_a"] == first]
    models = list(dict.fromkeys(with_first["model_b"]))
    figure, axes = panels(len(models), columns=columns, sharey=True)
    lowest = min(-0.1, with_first["spearman"].min() - 0.05)
    for axis, model in zip(axes, models, strict=True):
        pair = with_first[with_first["model_b"] == model]
        for term in TERMS:
            line = pair[pair["term"] == term]
            axis.plot(
                line["layer"], line["spearman"], color=COLOURS[term], marker=MARKERS[term], markersize=5,
                label=NAMES[term],
            )  # fmt: skip
        axis.axhline(0, color="grey", linewidth=0.8)
        axis.set(xlabel="layer", ylim=(lowest, 1.05))
        title(axis, f"{first} and {model}")
    _label_left(axes, "Spearman's ρ")
    legend_below(figure, axes)
    return figure


@drawn
def importance_between(table: pd.DataFrame) -> Figure:
    """Spearman's correlation of importance in the last layer between all pairs of models; a panel a term.

    Args:
        table: Model_a, model_b, layer, term, spearman.
    """
    models = list(dict.fromkeys([*table["model_a"], *table["model_b"]]))
    last = table[table["layer"] == table["layer"].max()]
    terms = [term for term in TERMS if term in set(last["term"])]
    side_by_side = len(models) <= 3  # more numbers do not fit
    figure, axes = panels(
        len(terms), PANEL if side_by_side else 1 + 0.34 * len(models), 2 if side_by_side else 1,
        sharex=True, sharey=True, layout="constrained",
    )  # fmt: skip
    for axis, term in zip(axes, terms, strict=True):
        grid = pd.DataFrame(np.nan, index=models, columns=models)
        for row in last[last["term"] == term].itertuples():
            grid.loc[str(row.model_a), str(row.model_b)] = grid.loc[str(row.model_b), str(row.model_a)] = (
                row.spearman
            )
        written = grid.map(lambda rho: "" if pd.isna(rho) else number(rho, 2))
        sns.heatmap(grid, annot=written, fmt="", vmin=-1, vmax=1, cmap="vlag", cbar=False, ax=axis)
        axis.set_facecolor("#eeeeee")
        axis.set_title(NAMES[term])
        axis.tick_params(axis="y", rotation=0)
        axis.grid(False)
        slant(axis, 45)
    return figure


@drawn
def sentence_importance(table: pd.DataFrame, subset: str = "+".join(TERMS)) -> Figure:
    """One sentence, token by token: importance of terms, and of the sum of a few.

    Args:
        table: Token, i, h, f, c; a row a token.
        subset: The terms that are drawn, and with them their sum; all four always add up to 1.
    """
    terms = subset.split("+")
    figure, (axis,) = panels(1, 0.9 + 0.3 * len(table))
    places = np.arange(len(table))
    for term in terms:
        axis.plot(
            table[term], places, color=COLOURS[term], marker=MARKERS[term], markersize=7, linestyle="none",
            label=NAMES[term],
        )  # fmt: skip
    if 1 < len(terms) < len(TERMS):
        axis.plot(table[terms].sum(axis=1), places, label=f"${subset}$", **TOTAL)
    axis.axvline(0, color="grey", linewidth=0.8)
    axis.set_yticks(places, table["token"], **{"parse_math": False})
    axis.set(xlabel=IMPORTANCE, ylim=(len(table) - 0.4, -0.6))
    legend_below(figure, [axis])
    return figure
