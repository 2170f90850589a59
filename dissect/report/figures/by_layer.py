"""Lines over layers: linearity, controls and causes."""

from collections.abc import Mapping

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from dissect.decomposition import TERMS
from dissect.report.figures.style import (
    IMPORTANCE,
    KINDS,
    NAMES,
    band,
    drawn,
    legend_below,
    look,
    panels,
    title,
)
from dissect.report.readings import called


@drawn
def feedforward_r2(table: pd.DataFrame) -> Figure:
    """R² of the linear stand-in for each feed-forward, by layer; a line a model.

    Layers are set side by side by relative depth, since models differ.

    Args:
        table: Model, layer, r2.
    """
    table = table.assign(depth=table["layer"] / table.groupby("model")["layer"].transform("max"))
    figure, (axis,) = panels(1, 3)
    sns.lineplot(table, x="depth", y="r2", hue="model", style="model", markers=True, ax=axis)
    axis.set(xlabel="layer / layers", ylabel="$R^2$ of a linear map", ylim=(0, 1))
    sns.move_legend(axis, "upper center", bbox_to_anchor=(0.5, -0.25), ncols=2, frameon=False, title=None)
    figure.tight_layout()
    return figure


@drawn
def trained_and_random(table: pd.DataFrame) -> Figure:
    """Mean importance by layer of a trained model, and of its architecture with random weights.

    Args:
        table: Weights, layer, term, mean, low, high.
    """
    kinds = list(dict.fromkeys(table["weights"]))
    figure, axes = panels(len(kinds), 2.8, sharey=True)
    for axis, kind in zip(axes, kinds, strict=True):
        of_kind = table[table["weights"] == kind]
        for term in TERMS:
            band(axis, of_kind[of_kind["term"] == term], "layer", look(term), NAMES[term])
        axis.set(xlabel="layer", title=f"{kind} weights")
    axes[0].set_ylabel(IMPORTANCE)
    legend_below(figure, axes)
    return figure


@drawn
def causes(table: pd.DataFrame) -> Figure:
    """What scores lose by layer: full lines in the model, broken ones in the sum; a panel a score.

    Args:
        table: Experiment, predictor, score, effect, term, layer, mean, low, high; accuracies alone are drawn.
    """
    shown = table[(table["score"] == "accuracy") & (table["layer"] > 0)]
    by_panel = list(shown.groupby(["experiment", "predictor"], sort=False))
    figure, axes = panels(len(by_panel), 2.8)
    for axis, (names, part) in zip(axes, by_panel, strict=True):
        for term, effect in part[["term", "effect"]].drop_duplicates().itertuples(index=False):
            of = part[(part["term"] == term) & (part["effect"] == effect)]
            label = f"{NAMES.get(term, term)}, {effect}"
            band(axis, of, "layer", look(term), label, "-" if effect == "cause" else "--", 100)
        axis.axhline(0, color="grey", linewidth=0.8)
        title(axis, ", ".join(map(called, names)))
        axis.set(xlabel="layer", ylabel="accuracy lost (points)")
    legend_below(figure, axes)
    return figure


@drawn
def lines_by_layer(
    table: pd.DataFrame, key: str, label: str, names: Mapping[str, str], factor: float = 1
) -> Figure:
    """Numbers by layer with the band of their 95 % intervals, a line for each value of a key.

    Args:
        table: Layer, the column `key`, mean, low, high.
        key: What lines are told apart by.
        label: What the numbers are.
        names: What lines are called, by value; those left out are not drawn.
        factor: By which numbers are multiplied.
    """
    figure, (axis,) = panels(1, 3)
    for n, (value, name) in enumerate(names.items()):
        band(axis, table[table[key] == value], "layer", KINDS[n % len(KINDS)], name, factor=factor)
    axis.set(xlabel="layer", ylabel=label)
    legend_below(figure, [axis])
    return figure


@drawn
def updates(table: pd.DataFrame) -> Figure:
    """How far what a sublayer wrote moves the distribution over words, and over how many words, by layer.

    Args:
        table: Predictor, quantity, term, layer, mean, low, high.
    """
    shown = table[table["layer"] > 0]
    labels = {"divergence": "KL divergence (nats)", "words": "words that change"}
    names = [(kind, quantity) for kind in dict.fromkeys(shown["predictor"]) for quantity in labels]
    figure, axes = panels(len(names), 2.8)
    for axis, (predictor, quantity) in zip(axes, names, strict=True):
        part = shown[(shown["predictor"] == predictor) & (shown["quantity"] == quantity)]
        for term in dict.fromkeys(part["term"]):
            band(axis, part[part["term"] == term], "layer", look(term), NAMES.get(term, term))
        axis.set(xlabel="layer", ylabel=labels[quantity])
        title(axis, called(predictor))
    legend_below(figure, axes)
    return figure


@drawn
def layer_order(table: pd.DataFrame) -> Figure:
    """How far embeddings turn, and what accuracy is left, when layers change places or work twice.

    Args:
        table: Predictor, score, change, first, second, mean, low, high.
    """
    shown = table[table["score"].isin(["cosine_distance", "accuracy"])].copy()
    apart = (shown["second"] - shown["first"]).astype(str)
    shown["kind"] = shown["change"].where(shown["change"] != "swap", "swap, " + apart + " apart")
    by_panel = list(shown.groupby(["predictor", "score"], sort=False))
    figure, axes = panels(len(by_panel), 2.8)
    kinds = [kind for kind in dict.fromkeys(shown["kind"]) if kind != "none"]
    for axis, ((predictor, score), part) in zip(axes, by_panel, strict=True):
        for n, kind in enumerate(kinds):
            band(axis, part[part["kind"] == kind], "first", KINDS[n % len(KINDS)], kind)
        none = part[part["kind"] == "none"]["mean"].mean()
        axis.axhline(none, color="grey", linewidth=0.8)
        axis.set(xlabel="first layer changed", ylabel=score.replace("_", " "))
        title(axis, called(predictor))
        if part["mean"].max() > 20 * part["mean"].median() > 0:
            axis.set_yscale("symlog", linthresh=float(part["mean"].median()))
    legend_below(figure, axes)
    return figure
