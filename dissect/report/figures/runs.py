"""Runs beside one another, and beside the paper; and what work costs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from matplotlib.transforms import ScaledTranslation

from dissect.report.figures.style import (
    COLOURS,
    MARKERS,
    NAMES,
    drawn,
    legend_below,
    look,
    panels,
    rows,
    title,
)

ASIDE = 0.04  # inches at most between the points of one run
LARGE = 10_000.0
WIDE = 20.0  # times as large as the smallest: then values are set out by their logarithms
# How subsets are told apart by the sublayers that they have: with h, with f.
SUBLAYERS = {
    (True, False): ("h, not f", COLOURS["h"], MARKERS["h"]),
    (False, True): ("f, not h", COLOURS["f"], MARKERS["f"]),
    (True, True): ("h and f", COLOURS["i"], "^"),
    (False, False): ("neither", "#555555", "v"),
}


@drawn
def senses_beside_paper(table: pd.DataFrame) -> Figure:
    """The probe's accuracy by subset, a run's filled and the paper's hollow; a panel a run.

    Subsets stand in the paper's order; those with h, with f, with both and with neither are told apart.

    Args:
        table: Run, terms, paper, here.
    """
    if table.empty:
        figure, (axis,) = panels(1, 1.2)
        axis.axis("off")
        axis.text(0.5, 0.5, "no run here has the chapter on word senses", ha="center", va="center")
        return figure
    order = table.drop_duplicates("terms").sort_values("paper", ascending=False)["terms"].tolist()
    runs = list(dict.fromkeys(table["run"]))
    figure, axes = panels(len(runs), 0.9 + 0.27 * len(order), sharex=True, sharey=True)
    for axis, run in zip(axes, runs, strict=True):
        part = table[table["run"] == run].assign(row=lambda of: of["terms"].map(order.index))
        axis.plot(part["paper"], part["row"], "o", color="grey", mfc="none", label="BERT in the paper")
        for (h, f), (said, colour, marker) in SUBLAYERS.items():
            of = part[[("h" in name, "f" in name) == (h, f) for name in part["terms"]]]
            axis.plot(of["here"], of["row"], marker, color=colour, label=f"here: {said}")
        rows(axis, order)
        axis.set(xlabel="accuracy (%)")
        title(axis, run)
    legend_below(figure, axes[:1])
    return figure


@drawn
def along_runs(table: pd.DataFrame, by: str, label: str) -> Figure:
    """Numbers along a row of runs, each with its 95 % interval; a line a subset of the terms.

    A run without a number breaks the lines.

    Args:
        table: Run, value (where it stands), terms, mean, low, high.
        by: What the runs are in a row by.
        label: What the numbers are.
    """
    figure, (axis,) = panels(1, 3.2)
    lines = list(dict.fromkeys(table["terms"]))
    apart = min(ASIDE, 4.5 / len(table))
    for terms, aside in _aside(figure, lines, apart, 0).items():
        of = table[table["terms"] == terms]
        axis.errorbar(
            of["value"], of["mean"], _reach(of), linestyle="-", linewidth=1.4, markersize=5,
            transform=axis.transData + aside, **_look(terms),
        )  # fmt: skip
    for end in ("mean", "low", "high"):  # an axis takes no notice of what is drawn aside
        axis.update_datalim(table[["value", end]].dropna().to_numpy(float))
    axis.autoscale_view()
    axis.set(xlabel=by, ylabel=label)
    _spread(axis, table["value"])
    legend_below(figure, [axis])
    return figure


@drawn
def runs_one_below_another(table: pd.DataFrame, label: str) -> Figure:
    """Numbers of runs that are in a row by nothing, each with its 95 % interval; a line of the picture a run.

    Args:
        table: Run, terms, mean, low, high.
        label: What the numbers are.
    """
    runs = list(dict.fromkeys(table["run"]))
    lines = list(dict.fromkeys(table["terms"]))
    table = table.assign(place=table["run"].map(runs.index))
    figure, (axis,) = panels(1, 1.2 + 0.34 * len(runs))
    for terms, aside in _aside(figure, lines, 0, -ASIDE).items():
        of = table[table["terms"] == terms]
        axis.errorbar(
            of["mean"], of["place"], xerr=_reach(of), linestyle="none", markersize=4,
            transform=axis.transData + aside, **_look(terms),
        )  # fmt: skip
    for end in ("mean", "low", "high"):
        axis.update_datalim(table[[end, "place"]].dropna().to_numpy(float))
    axis.autoscale_view()
    axis.set(xlabel=label, ylim=(len(runs) - 0.4, -0.6))
    axis.set_yticks(range(len(runs)), runs, parse_math=False)
    legend_below(figure, [axis])
    return figure


def _look(terms: str) -> dict[str, Any]:
    """How a subset of the terms is drawn."""
    colour, marker = look(terms)
    return {"color": colour, "marker": marker, "elinewidth": 1, "label": NAMES.get(terms, terms)}


def _reach(of: pd.DataFrame) -> list[pd.Series]:
    """How far intervals reach to either side of their means."""
    return [of["mean"] - of["low"], of["high"] - of["mean"]]


def _aside(figure: Figure, lines: Sequence[str], x: float, y: float) -> dict[str, ScaledTranslation]:
    """Where each line is drawn: so many inches from the last, so that none hides another's interval."""
    middle = (len(lines) - 1) / 2
    return {
        line: ScaledTranslation(x * (n - middle), y * (n - middle), figure.dpi_scale_trans)
        for n, line in enumerate(lines)
    }


def _spread(axis: Axes, values: pd.Series) -> None:
    """Set out what runs are in a row by: from some 10,000 on in k, M and G, of several orders logarithmic.

    On a logarithmic axis 0 stands at its beginning.
    """
    above = values[values > 0]
    if above.empty or (values < 0).any():
        return
    if above.max() / above.min() >= WIDE:
        zero = {"linthresh": float(above.min())} if (values == 0).any() else {}
        axis.set_xscale("symlog" if zero else "log", **zero)
    if above.max() >= LARGE:
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))


@drawn
def cost_by_tokens(table: pd.DataFrame) -> Figure:
    """Seconds over tokens, both logarithmic, with the line of equal cost per token.

    Args:
        table: Tokens, seconds, batches (how they were made).
    """
    figure, (axis,) = panels(1, 3)
    sns.scatterplot(table, x="tokens", y="seconds", hue="batches", style="batches", s=70, ax=axis)
    first = table.iloc[0]
    ends = np.array([table["tokens"].min(), table["tokens"].max()])
    axis.plot(ends, ends * first["seconds"] / first["tokens"], color="grey", linewidth=0.8)
    axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel="seconds")
    axis.legend(title=None)
    return figure
