"""Numbers of pairs: how far predictors agree, how far a term follows from another."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dissect.decomposition import TERMS, subsets
from dissect.report.figures.style import POINTS, WIDTH, drawn, panels, title
from dissect.report.readings import called

NARROW = 10.5  # points, of numbers in cells: ten pixels on a phone where nothing stands beside the cells


def by_sublayers() -> list[str]:
    """The subsets but the empty one: those without a sublayer, with h, with f, and with both."""
    names = [name for name in subsets() if name]
    return sorted(names, key=lambda name: ("f" in name, "h" in name))


@drawn
def agreement(table: pd.DataFrame, above: str, below: str, title: str = "") -> Figure:
    """How far predictors agree, in percent: one above the diagonal, the other below it.

    Args:
        table: Predictor, terms_a, terms_b, agreement (0 to 1).
        above: The predictor above the diagonal.
        below: That below it.
        title: Of the figure.
    """
    halves = (table[table["predictor"] == kind] for kind in (above, below))
    said = title or f"above the diagonal: {called(above)}; below: {called(below)}"
    return _matrices({said: _grid(*halves)})


@drawn
def agreement_beside_paper(table: pd.DataFrame, paper: pd.DataFrame, predictors: list[str]) -> Figure:
    """How far predictors agree, in percent: a run's above the diagonal, the paper's below; a panel for each.

    Args:
        table: Predictor, terms_a, terms_b, agreement (0 to 1).
        paper: The same, the paper's.
        predictors: Their names in both tables.
    """
    grids = {}
    for kind in predictors:
        halves = (of[of["predictor"] == kind] for of in (table, paper))
        grids[f"{called(kind)}; above the diagonal this run, below the paper"] = _grid(*halves)
    return _matrices(grids)


def _grid(above: pd.DataFrame, below: pd.DataFrame) -> pd.DataFrame:
    """Agreement in percent, a row and a column a subset; the diagonal is empty."""
    names = by_sublayers()
    grid = pd.DataFrame(np.nan, index=names, columns=names)
    for half, flip in ((above, 1), (below, -1)):
        for row in half.itertuples():
            pair = sorted((str(row.terms_a), str(row.terms_b)), key=names.index)[::flip]
            grid.loc[pair[0], pair[1]] = 100 * row.agreement
    return grid


def _matrices(grids: Mapping[str, pd.DataFrame]) -> Figure:
    """Matrices one below another, of one scale."""
    lowest = min(grid.min(axis=None) for grid in grids.values())
    figure, axes = panels(len(grids), WIDTH, columns=1)
    for axis, (said, grid) in zip(axes, grids.items(), strict=True):
        sns.heatmap(
            grid, annot=True, fmt=".0f", cmap="crest", vmin=lowest, vmax=100, cbar=False, ax=axis,
            linewidths=0.5, annot_kws={"size": NARROW},
        )  # fmt: skip
        _parted(axis, list(grid.index))
        title(axis, said, 62)
    figure.tight_layout()
    return figure


def _parted(axis: Axes, names: list[str]) -> None:
    """A line where subsets with other sublayers begin, and no tick."""
    with_sublayers = [("f" in name, "h" in name) for name in names]
    for n in range(1, len(names)):
        if with_sublayers[n] != with_sublayers[n - 1]:
            axis.axhline(n, color="white", linewidth=2.5)
            axis.axvline(n, color="white", linewidth=2.5)
    axis.set_facecolor("#eeeeee")
    axis.tick_params(axis="x", rotation=90)
    axis.tick_params(axis="y", rotation=0)
    axis.grid(False)


@drawn
def term_dependence(table: pd.DataFrame) -> Figure:
    """How far each term follows from another: a heat map, sources down and targets across."""
    grid = table.pivot(index="source", columns="target", values="r2").loc[list(TERMS), list(TERMS)]
    figure, (axis,) = panels(1, 3.4)
    sns.heatmap(
        grid, annot=True, fmt=".2f", vmin=0, vmax=1, cmap="crest", ax=axis, square=True, cbar=False,
        annot_kws={"size": POINTS + 2},
    )  # fmt: skip
    axis.set(xlabel="is predicted", ylabel="predicts")
    axis.grid(False)
    axis.tick_params(axis="y", rotation=0)
    return figure
