"""What predictors score: a row a subset of the terms, the best on top."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dissect.report.figures.style import (
    BASELINE,
    KINDS,
    PANEL,
    drawn,
    legend_below,
    panels,
    rows,
    title,
)
from dissect.report.readings import called

ROW = 0.3  # inches
BESIDE = 0.18  # of a row, from one predictor to the next
PAPERS: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 1.4, "markersize": 9}


@drawn
def scores_by_subset(
    table: pd.DataFrame,
    score: str,
    label: str,
    hue: str,
    percent: bool = True,
    intervals: pd.DataFrame | None = None,
    paper: pd.DataFrame | None = None,
) -> Figure:
    """A score for every subset of the terms: a small dot a seed, a large one at the mean.

    Subsets stand by their mean score over predictors, the best on top. What the empty subset scores, which
    is what a predictor has without reading anything, is a dotted line as well; a predictor that has the
    empty subset alone, since it sees no vector, is a line of its own.

    Args:
        table: Terms, seed, the column `score`, and the column `hue`.
        score: The column that is drawn.
        label: What its axis is called.
        hue: The column that tells predictors apart.
        percent: Whether the score is a share, shown in percent, of which more is better.
        intervals: Predictor, score, terms, low and high of 95 % intervals, drawn as bars.
        paper: Terms, the column `score`, and the column `hue`: the paper's, drawn hollow.
    """
    factor = 100 if percent else 1
    means = factor * table.groupby([hue, "terms"], sort=False)[score].mean().unstack(hue)
    blind = _blind(means)
    sighted = means.drop(columns=blind).dropna(how="all")
    order = list(sighted.mean(axis=1).sort_values(ascending=not percent, kind="stable").index)
    papers = pd.DataFrame(columns=[hue, "terms", score]) if paper is None else paper
    kinds = list(dict.fromkeys([*sighted.columns, *papers[hue]]))
    figure, (axis,) = panels(1, 0.8 + ROW * len(order))
    for n, kind in enumerate(kinds):
        colour, marker = KINDS[n % len(KINDS)]
        places = {name: place + (n - (len(kinds) - 1) / 2) * BESIDE for place, name in enumerate(order)}
        if kind in sighted:
            of = table[table[hue] == kind]
            axis.plot(factor * of[score], of["terms"].map(places), ".", color=colour, alpha=0.4, markersize=4)
            mean = sighted[kind].dropna()
            axis.plot(mean, mean.index.map(places), marker, color=colour, markersize=6, label=called(kind))
            _bars(axis, intervals, (kind, score), places, colour, factor)
            if "" in mean:
                axis.axvline(mean[""], color=colour, linestyle=":", linewidth=1)
        theirs = papers[(papers[hue] == kind) & papers["terms"].isin(order)]
        if len(theirs):
            mean = factor * theirs.groupby("terms")[score].mean()
            said = f"{called(kind)}, the paper's BERT"
            axis.plot(mean, mean.index.map(places), marker, color=colour, label=said, **PAPERS)
    for name, style in zip(blind, ("--", "-.", ":"), strict=False):
        axis.axvline(means[name][""], color="#555555", linestyle=style, linewidth=1.4, label=str(name))
    axis.set(xlabel=label)
    rows(axis, order)
    legend_below(figure, [axis])
    return figure


def _blind(means: pd.DataFrame) -> list[str]:
    """The predictors that have the empty subset alone, where others have more."""
    if len(means) == 1:
        return []
    return [name for name in means if set(means[name].dropna().index) == {""}]


def _bars(
    axis: Axes, intervals: pd.DataFrame | None, which: tuple[str, str], places: dict[str, float],
    colour: str, factor: float,
) -> None:  # fmt: skip
    """A predictor's 95 % intervals.

    Args:
        axis: To draw on.
        intervals: Predictor, score, terms, low, high; or None.
        which: The predictor and the score.
        places: The height of each subset.
        colour: Of the bars.
        factor: By which numbers are multiplied.
    """
    if intervals is not None:
        of = intervals[(intervals["predictor"] == which[0]) & (intervals["score"] == which[1])]
        ends = factor * of["low"], factor * of["high"]
        axis.hlines(of["terms"].map(places), *ends, color=colour, linewidth=1)


@drawn
def dots(
    table: pd.DataFrame, x: str, hue: str, panel: Sequence[str], label: str, factor: float = 100
) -> Figure:
    """Numbers with their 95 % intervals, one below another; a panel for each combination of some keys.

    Args:
        table: Keys, mean, low, high.
        x: The key of the rows; "" is written as the baseline.
        hue: The key told apart by colour and marker.
        panel: The keys of which each combination has a panel.
        label: What the numbers are.
        factor: By which they are multiplied, 100 for percent.
    """
    kinds = list(dict.fromkeys(table[hue]))
    by_panel = list(table.groupby(list(panel), sort=False))
    most = max(part[x].nunique() for _, part in by_panel)
    figure, axes = panels(len(by_panel), max(PANEL, 0.9 + ROW * most))
    for axis, (names, part) in zip(axes, by_panel, strict=True):
        places = {name: n for n, name in enumerate(dict.fromkeys(part[x]))}
        for n, kind in enumerate(kinds):
            of = part[part[hue] == kind]
            if of.empty:
                continue
            colour, marker = KINDS[n % len(KINDS)]
            height = of[x].map(places).astype(float) + (n - (len(kinds) - 1) / 2) * BESIDE
            mean = factor * of["mean"]
            axis.errorbar(
                mean, height, xerr=[mean - factor * of["low"], factor * of["high"] - mean],
                fmt=marker, color=colour, markersize=5, label=str(kind) or BASELINE,
            )  # fmt: skip
        axis.set_yticks(list(places.values()), [name or BASELINE for name in places])
        axis.set(ylim=(len(places) - 0.4, -0.6), xlabel=label)
        title(axis, ", ".join(called(name) for name in names), 24)
    legend_below(figure, axes)
    return figure
