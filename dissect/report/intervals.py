"""Numbers for a reader, each with its interval and as many digits as the interval lets mean something."""

from collections.abc import Sequence
from math import floor, isfinite, log10

import pandas as pd

from dissect.report.readings import called

MOST = 4  # digits after the point
TWO = 3.55  # up to here the error's first digit says too little by itself, so it gets a second one


def digits(error: float) -> int:
    """How many digits after the point a number gets whose error is so large.

    As the Particle Data Group rounds: the error has two digits where it begins with 10 to 35, and one
    where it begins with more.

    >>> digits(0.25), digits(0.8), digits(2.3), digits(8.5), digits(17)
    (2, 1, 1, 0, 0)

    Args:
        error: Half of an interval; 0, or what is no number, tells nothing, and gives 1.
    """
    if not isfinite(error) or error <= 0:
        return 1
    return min(MOST, max(0, -floor(log10(error / TWO))))


def number(value: float, digits: int, sign: str = "") -> str:
    """A number with a minus sign, where Python writes a hyphen, and with no minus before zero.

    >>> number(-0.25, 2), number(0.25, 1, "+"), number(-0.001, 1)
    ('−0.25', '+0.2', '0.0')

    Args:
        value: The number.
        digits: How many stand after the point.
        sign: "+" where positive numbers get a sign too, as differences do.
    """
    return f"{value:{sign}z.{digits}f}".replace("-", "−")


def of_all(low: pd.Series, high: pd.Series) -> int:
    """The digits of a column of numbers: those of the median of its intervals.

    Args:
        low: The lower ends.
        high: The upper ends.
    """
    half = (high - low) / 2
    return digits(float(half[half > 0].median()))


def written(table: pd.DataFrame, down: Sequence[str], across: str, factor: float = 1) -> pd.DataFrame:
    """Each number as "mean [low, high]", a column with the digits that its intervals give it.

    Args:
        table: Keys, mean, low and high; see `experiments.measured`.
        down: The keys that tell rows apart.
        across: The key that tells columns apart.
        factor: By which numbers are multiplied, such as 100 for percent.
    """
    parts = [_cells(part, factor) for _, part in table.groupby(across, sort=False)]
    cells = pd.concat(parts).assign(**{across: lambda of: of[across].replace("", "none")})
    for name in down:
        cells[name] = cells[name].replace("", "none").map(called)
    cells = cells.sort_index()
    wide = cells.pivot(index=list(down), columns=across, values="cell")
    rows = pd.MultiIndex.from_frame(cells[list(down)].drop_duplicates())
    wide = wide.loc[list(rows) if len(down) > 1 else rows.get_level_values(0)]
    return wide[[name or "none" for name in dict.fromkeys(table[across])]].fillna("")


def _cells(column: pd.DataFrame, factor: float) -> pd.DataFrame:
    """The rows of a column with what is written in them."""
    told = of_all(factor * column["low"], factor * column["high"])

    def one(row: pd.Series) -> str:
        mean, low, high = (number(factor * row[name], told) for name in ("mean", "low", "high"))
        return f"{mean} [{low}, {high}]"

    return column.assign(cell=column.apply(one, axis=1))
