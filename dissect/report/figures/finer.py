"""One word in two sentences: who wrote what into its vector, and in what the two differ."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dissect.report.figures.style import (
    COLOURS,
    KINDS,
    NAMES,
    drawn,
    legend_below,
    look,
    panels,
    proxy,
    title,
    wrapped,
)
from dissect.report.intervals import number

STYLES = (("-", None), (":", "white"))  # line, and inside of the marker: of the first sentence, the second
LESS = "the first less the second"


@drawn
def shares_by_layer(table: pd.DataFrame) -> Figure:
    """What each layer's sublayers wrote into a word's vector in two sentences, and the difference.

    Args:
        table: Sentence, term, layer, importance.
    """
    one, two = dict.fromkeys(table["sentence"])
    wide = 100 * table.pivot(index=["term", "layer"], columns="sentence", values="importance")
    figure, (both, apart) = panels(2, 2.8, sharex=True)
    for term in dict.fromkeys(table["term"]):
        colour, marker = look(term)
        of = wide.loc[term]
        for sentence, (style, inside) in zip((one, two), STYLES, strict=True):
            inner: dict[str, Any] = {"markerfacecolor": inside or colour}
            both.plot(of.index, of[sentence], style, color=colour, marker=marker, **inner)
        apart.plot(of.index, of[one] - of[two], color=colour, marker=marker, label=NAMES[term])
    both.set(ylabel="importance (%)", title="both sentences")
    apart.set(ylabel="points", title=LESS)
    for axis in (both, apart):
        axis.axhline(0, color="grey", linewidth=0.8)
        axis.set(xlabel="layer")
    looks = [{"linestyle": line, "marker": "o", "markerfacecolor": of or "#555555"} for line, of in STYLES]
    sentences = [proxy(told, **of) for told, of in zip(_told(one, two), looks, strict=True)]
    legend_below(figure, [apart], sentences)
    return figure


def _told(one: str, two: str) -> list[str]:
    """Two sentences for a legend."""
    return [wrapped(f"first: {one}", 46), wrapped(f"second: {two}", 46)]


@drawn
def shares_by_head(table: pd.DataFrame) -> Figure:
    """What each attention head wrote in two sentences, and the difference: heads across, layers upward.

    Args:
        table: Sentence, layer, head, importance.
    """
    one, two = dict.fromkeys(table["sentence"])
    of_head = table.groupby(["layer", "head", "sentence"])["importance"].sum()
    wide = 100 * of_head.unstack("sentence")
    grids = {f"first: {one}": wide[one], f"second: {two}": wide[two], LESS: wide[one] - wide[two]}
    layers = table["layer"].nunique()
    figure, axes = panels(len(grids), 0.9 + 0.24 * layers, columns=1, sharex=True)
    largest = max(of.abs().max() for of in grids.values())
    for axis, (said, of) in zip(axes, grids.items(), strict=True):
        _grid(axis, of.unstack().iloc[::-1], largest)
        axis.set(xlabel="head" if said == LESS else "", ylabel="layer")
        title(axis, said, 60)
    figure.tight_layout()
    return figure


@drawn
def shares_by_source(table: pd.DataFrame, columns: int = 1) -> Figure:
    """Which token attention's contribution came from: tokens down, layers across; a panel a sentence.

    Args:
        table: Sentence, layer, source, token, importance.
        columns: Panels side by side.
    """
    sentences = list(dict.fromkeys(table["sentence"]))
    tokens = max(part["source"].nunique() for _, part in table.groupby("sentence"))
    grids = [
        100 * part.pivot_table(index="source", columns="layer", values="importance", aggfunc="sum")
        for _, part in table.groupby("sentence", sort=False)
    ]
    largest = max(grid.abs().max(axis=None) for grid in grids)
    figure, axes = panels(len(sentences), 0.8 + 0.26 * tokens, columns)
    for axis, sentence, grid in zip(axes, sentences, grids, strict=True):
        _grid(axis, grid, largest)
        of = table[table["sentence"] == sentence].drop_duplicates("source").set_index("source")["token"]
        axis.set_yticks(np.arange(len(grid)) + 0.5, [of[n] for n in grid.index], parse_math=False)
        axis.set(xlabel="layer", ylabel="")
        title(axis, sentence, 60 // columns)
    figure.tight_layout()
    return figure


def _grid(axis: Axes, grid: pd.DataFrame, largest: float) -> None:
    """A heat map in percent with whole numbers in it, where they fit."""
    written = grid.map(lambda share: number(share, 0) if abs(share) >= 0.5 else "")
    sns.heatmap(
        grid, cmap="vlag", center=0, vmin=-largest, vmax=largest, ax=axis, cbar=False, fmt="",
        annot=written if grid.shape[1] <= 16 else None,
    )  # fmt: skip
    axis.tick_params(axis="both", rotation=0)
    axis.grid(False)


@drawn
def units(table: pd.DataFrame) -> Figure:
    """How few feed-forward units write how much, and how few make the difference between two sentences.

    Args:
        table: Sentence, layer, unit, importance; a row a unit.
    """
    one, two = dict.fromkeys(table["sentence"])
    wide = 100 * table.pivot(index=["layer", "unit"], columns="sentence", values="importance")
    figure, (sums, apart) = panels(2, 2.8, sharex=True)
    count = np.arange(1, len(wide) + 1)
    for label, sentence, style in zip(_told(one, two), (one, two), ("-", ":"), strict=True):
        running = wide[sentence].sort_values(ascending=False).cumsum()
        sums.plot(count, running, style, color=COLOURS["f"], linewidth=2, label=label)
    difference = (wide[one] - wide[two]).abs().sort_values(ascending=False).cumsum()
    apart.plot(count, 100 * difference / difference.iloc[-1], color="#555555", linewidth=2)
    sums.axhline(0, color="grey", linewidth=0.8)
    for axis in (sums, apart):
        axis.set(xscale="log", xlabel="units, largest first")
    sums.set(title="both sentences", ylabel="importance so far (%)")
    apart.set(title="their difference", ylabel="of all differences (%)")
    legend_below(figure, [sums])
    return figure


@drawn
def logits_by_layer(table: pd.DataFrame) -> Figure:
    """What each term of each layer says for the candidates: logits less their mean over candidates.

    Args:
        table: Term, layer, word, logit.
    """
    centred = table.assign(logit=table["logit"] - table.groupby(["term", "layer"])["logit"].transform("mean"))
    layers = centred["layer"].astype(str).where(centred["layer"] > 0, "")
    centred = centred.assign(part=centred["term"] + layers)
    parts = list(dict.fromkeys(centred["part"]))
    figure, (axis,) = panels(1, 0.9 + 0.24 * len(parts))
    for word, (colour, marker) in zip(dict.fromkeys(centred["word"]), KINDS, strict=False):
        of = centred[centred["word"] == word]
        axis.plot(of["logit"], of["part"].map(parts.index), marker, color=colour, markersize=6, label=word)
    axis.axvline(0, color="grey", linewidth=0.8)
    axis.set_yticks(range(len(parts)), parts)
    axis.set(xlabel="logit, less the mean", ylim=(len(parts) - 0.4, -0.6))
    legend_below(figure, [axis])
    return figure
