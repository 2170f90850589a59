"""Where a run keeps its numbers: one Parquet file a table."""

import os
from pathlib import Path

import pandas as pd


def save(table: pd.DataFrame, name: str, folder: str | Path | None) -> pd.DataFrame:
    """Write a table to `folder`/`name`.parquet, whole or not at all; returns the table.

    With folder None, as when a chapter is opened in Jupyter, nothing is written.
    """
    if folder is not None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{name}.{os.getpid()}"
        table.to_parquet(unfinished, index=False)
        unfinished.replace(folder / f"{name}.parquet")
    return table
