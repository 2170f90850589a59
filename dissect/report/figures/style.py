"""What all pictures have in common: their width, their type, colours and markers, panels and legends."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dissect import reuse

P = ParamSpec("P")

# Colours that colour-blind readers can tell apart, the same for a term everywhere.
COLOURS = {"i": "#0173b2", "h": "#de8f05", "f": "#029e73", "c": "#cc78bc"}
MARKERS = {"i": "o", "h": "s", "f": "D", "c": "X"}
NAMES = {"i": "$i$ input", "h": "$h$ attention", "f": "$f$ feed-forward", "c": "$c$ biases"}
# Colours and markers of what is no term.
KINDS = [
    ("#0173b2", "o"),
    ("#de8f05", "s"),
    ("#029e73", "D"),
    ("#cc78bc", "X"),
    ("#555555", "v"),
    ("#ca9161", "^"),
]
OTHER = ("#555555", "v")  # of a subset that is no term
TITLE: dict[str, Any] = {"parse_math": False}  # names may hold dollars
IMPORTANCE = "importance  $e·x\\,/\\,e·e$"
BASELINE = "none"  # how the empty subset is written in pictures
WIDTH = 5.2  # inches; 342 px on a phone, where type of POINTS is then 10 px high
POINTS = 11
PANEL = 2.5  # inches: the height of one
SIZE: ContextVar[tuple[float, float] | None] = ContextVar("SIZE", default=None)  # that is asked for

matplotlib.rcdefaults()  # whatever the user has set, as LaTeX for all text
OF_ALL_TYPE = dict.fromkeys(
    [
        "font.size",
        "axes.labelsize",
        "axes.titlesize",
        "xtick.labelsize",
        "ytick.labelsize",
        "legend.fontsize",
    ],
    POINTS,
)
AS_FILE = {"figure.dpi": 110, "savefig.bbox": "tight", "savefig.pad_inches": 0.04}
sns.set_theme(style="whitegrid", rc=AS_FILE | OF_ALL_TYPE)


def drawn(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """A function that draws, timed as pictures; so is the figure whenever it becomes a picture."""
    timed = reuse.timed("pictures")

    @wraps(draw)
    def drawing(*args: P.args, **options: P.kwargs) -> Figure:
        figure = timed(draw)(*args, **options)
        figure.canvas.print_figure = timed(figure.canvas.print_figure)  # type: ignore[method-assign]
        return figure

    return drawing


@contextmanager
def sized(width: float, height: float) -> Iterator[None]:
    """Panels drawn within fill a size in inches, however many there are; what stands below them does not."""
    before = SIZE.set((width, height))
    try:
        yield
    finally:
        SIZE.reset(before)


def look(terms: str) -> tuple[str, str]:
    """Colour and marker of a subset of the terms; of one that is no term, grey."""
    return (COLOURS[terms], MARKERS[terms]) if terms in COLOURS else OTHER


def panels(count: int, height: float = PANEL, columns: int = 2, **shared: Any) -> tuple[Figure, list[Axes]]:
    """Panels below and beside one another.

    Args:
        count: How many.
        height: Of one, in inches, unless all are `sized`.
        columns: How many side by side, where there are so many.
        **shared: Options of `plt.subplots`, as `sharey=True`.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    size = SIZE.get() or (WIDTH, height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **shared)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
        if rows > 1:  # the panel above is then the last of its column
            axes[-2, list(axes.flat).index(axis) % columns].tick_params(labelbottom=True)
    return figure, list(axes.flat[:count])


def band(
    axis: Axes, of: pd.DataFrame, where: str, look: tuple[str, str], label: str, style: str = "-",
    factor: float = 1,
) -> None:  # fmt: skip
    """A line with the band of its intervals.

    Args:
        axis: To draw on.
        of: Mean, low, high, and the column `where`.
        where: What is along the axis.
        look: Colour and marker.
        label: Of the line.
        style: Of the line.
        factor: By which numbers are multiplied.
    """
    colour, marker = look
    axis.plot(of[where], factor * of["mean"], style, color=colour, marker=marker, markersize=5, label=label)
    axis.fill_between(of[where], factor * of["low"], factor * of["high"], color=colour, alpha=0.15)


def proxy(label: str, **looks: Any) -> Line2D:
    """A line for a legend alone."""
    return Line2D([], [], label=label, **{"color": "#555555", **looks})


def legend_below(figure: Figure, axes: Sequence[Axes], more: Sequence[Line2D] = ()) -> None:
    """One legend for panels, of all that is drawn in any of these, in as many columns as fit.

    Args:
        figure: The picture.
        axes: Its panels.
        more: Further entries, see `proxy`.
    """
    found = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    } | {str(line.get_label()): line for line in more}
    figure.tight_layout()
    for columns in range(min(4, len(found)), 0, -1):
        legend = figure.legend(
            list(found.values()), list(found), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=columns,
            frameon=False, handletextpad=0.4, columnspacing=1,
        )  # fmt: skip
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def wrapped(text: str, width: int = 60) -> str:
    """Lines of so many letters at most."""
    return textwrap.fill(text, width)


def title(axis: Axes, text: str, width: int = 28) -> None:
    """Name a panel.

    Args:
        axis: The panel.
        text: Its name, which may be data.
        width: Letters of a line.
    """
    axis.set_title(wrapped(text, width), **TITLE)


def slant(axis: Axes, degrees: int) -> None:
    """Turn the labels below the picture so that each ends under its own tick."""
    plt.setp(axis.get_xticklabels(), rotation=degrees, ha="right", rotation_mode="anchor")


def in_columns(terms: str) -> str:
    """A subset with each term in a column of its own, for type of one width.

    >>> in_columns("h+c"), in_columns("")
    ('  h   c', '   none')
    """
    names = terms.split("+")
    return " ".join(term if term in names else " " for term in COLOURS) if terms else f"   {BASELINE}"


def rows(axis: Axes, names: Sequence[str]) -> None:
    """Subsets as rows, the first on top, each term in a column of its own."""
    axis.set_yticks(range(len(names)), [in_columns(name) for name in names], family="monospace")
    axis.set_ylim(len(names) - 0.4, -0.6)
