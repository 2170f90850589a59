"""The pictures of the slides, drawn from a run's tables for a projector.

A slide is 13⅓ by 7½ inches. A picture is drawn as small as a page of the book has it and enlarged until its
type has TYPE points on the slide, so that lines and marks grow with it.
"""

import io
from collections.abc import Callable, Mapping
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from dissect.report import figures
from dissect.report.figures import style
from dissect.report.readings import without_control

TYPE = 19.0  # points on the slide
LARGER = TYPE / style.POINTS
DPI = 300  # of a picture before it is enlarged
BESIDE = (7.9, 5.9)  # inches on the slide: with words at its right
ALONE = (12.1, 5.9)
Tables = Mapping[str, pd.DataFrame]


class Picture(NamedTuple):
    """What it is drawn from, by the names of tables, how, and its width and height on the slide in inches."""

    tables: tuple[str, ...]
    draw: Callable[[Tables], Figure]
    room: tuple[float, float] = BESIDE


def importance(tables: Tables) -> Figure:
    """The pretrained model, and the first fine-tuned one."""
    table = tables["importance"]
    first = list(dict.fromkeys(table["model"]))[:2]
    return figures.importance_by_layer(table[table["model"].isin(first)])


def scores(name: str, score: str, label: str) -> Picture:
    """An experiment's scores by subset.

    Args:
        name: Of the experiment's table.
        score: A column of it.
        label: What the axis is called.
    """

    def draw(tables: Tables) -> Figure:
        shown, bars = without_control(tables[name]), tables[f"{name}_intervals"]
        return figures.scores_by_subset(shown, score, label, hue="predictor", intervals=bars)

    return Picture((name, f"{name}_intervals"), draw)


PICTURES = {
    "importance": Picture(("importance",), importance),
    "masked-words": scores("masked_words", "accuracy", "accuracy (%)"),
    "senses": scores("senses", "accuracy", "accuracy (%)"),
    "entities": scores("entities", "macro_f1", "macro-F1 over tags (%)"),
    "sources": Picture(
        ("finer_sources",), lambda tables: figures.shares_by_source(tables["finer_sources"], 2), ALONE
    ),
}


def drawn(picture: Picture, tables: Tables) -> Figure:
    """A picture as large as its room, its legend included, before it is enlarged.

    Args:
        picture: One of `PICTURES`.
        tables: Of a run, with those that it is drawn from.
    """
    width, height = (inches / LARGER for inches in picture.room)
    figure = _sized(picture, tables, (width, height))
    box = figure.get_tightbbox()
    plt.close(figure)
    return _sized(picture, tables, (2 * width - box.width, 2 * height - box.height))


def _sized(picture: Picture, tables: Tables, size: tuple[float, float]) -> Figure:
    """A picture whose panels have a size in inches."""
    with style.sized(*size):
        return picture.draw(tables)


def png(name: str, tables: Tables) -> bytes | None:
    """A picture by its name, or None where the run lacks its tables."""
    picture = PICTURES[name]
    if any(table not in tables for table in picture.tables):
        return None
    figure, out = drawn(picture, tables), io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    plt.close(figure)
    return out.getvalue()
