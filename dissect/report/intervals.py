"""Tables of measurements for a reader: each number with its interval."""

from collections.abc import Sequence

import pandas as pd


def written(
    table: pd.DataFrame, down: Sequence[str], across: str, factor: float = 1, digits: int = 3
) -> pd.DataFrame:
    """Each number as "mean [low, high]".

    Args:
        table: Keys, mean, low and high; see `experiments.measured`.
        down: The keys that tell rows apart.
        across: The key that tells columns apart.
        factor: By which numbers are multiplied, such as 100 for percent.
        digits: After the point.
    """

    def one(row: pd.Series) -> str:
        mean, low, high = (f"{factor * row[name]:.{digits}f}" for name in ("mean", "low", "high"))
        return f"{mean} [{low}, {high}]"

    order = list(dict.fromkeys(table[across]))
    cells = table.assign(cell=table.apply(one, axis=1), **{across: table[across].replace("", "none")})
    for name in down:
        cells[name] = cells[name].replace("", "none")
    wide = cells.pivot(index=list(down), columns=across, values="cell")
    rows = pd.MultiIndex.from_frame(cells[list(down)].drop_duplicates())
    wide = wide.loc[list(rows) if len(down) > 1 else rows.get_level_values(0)]
    return wide[[name or "none" for name in order]].fillna("")
