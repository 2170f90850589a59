"""Vectors of two numbers, which can be drawn as they are."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dissect.report.figures.style import COLOURS, NAMES, WIDTH, drawn

SUM = ("#333333", "$e$ their sum", "--")
ROOM = 0.8  # around the arrows


@drawn
def head_to_tail(terms: Mapping[str, Sequence[float]]) -> Figure:
    """The terms of one embedding as arrows, each from where the one before ends, and their sum, dashed.

    Args:
        terms: Two numbers a term, by its letter, in the order in which they are drawn.
    """
    vectors = {term: np.asarray(vector, dtype=float) for term, vector in terms.items()}
    corners = np.cumsum([np.zeros(2), *vectors.values()], axis=0)
    figure, axis = plt.subplots(figsize=(WIDTH, WIDTH * 0.7))
    for term, start, end in zip(vectors, corners, corners[1:], strict=False):
        _arrow(axis, start, end, (COLOURS[term], NAMES[term], "-"))
    _arrow(axis, corners[0], corners[-1], SUM)
    low, high = corners.min(0) - ROOM, corners.max(0) + ROOM
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axis.set(xlabel="first number", ylabel="second number")
    figure.tight_layout()
    return figure


def _arrow(axis: Axes, start: np.ndarray, end: np.ndarray, look: tuple[str, str, str]) -> None:
    """An arrow, with its name at the right of its way; its look is colour, name and line."""
    colour, name, line = look
    props = {"arrowstyle": "-|>", "color": colour, "lw": 2.2, "linestyle": line, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", (end[0], end[1]), (start[0], start[1]), arrowprops=props)
    across = np.array([end[1] - start[1], start[0] - end[0]])
    across = across / max(float(np.hypot(*across)), 1e-9)
    x, y = (start + end) / 2 + 0.15 * across
    sideways = "left" if across[0] > 0.3 else "right" if across[0] < -0.3 else "center"
    axis.text(x, y, name, color=colour, ha=sideways, va="center")
