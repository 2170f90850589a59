"""Where a run keeps its numbers: one Parquet file a table."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dissect.files import written_whole


@dataclass(frozen=True)
class Results:
    """What an experiment on all subsets finds.

    scores: a row a predictor, subset and run.
    intervals: predictor, score, terms, mean and std over runs, low and high (95 %, over sentences).
    pairs: predictor, score, terms_a, terms_b, difference, low, high, p; see `statistics.pairs`.
    agreement: predictor, terms_a, terms_b, agreement, the mean over runs; None where not asked for.
    All scores are between 0 and 1, but for cross-entropy, in nats.
    """

    scores: pd.DataFrame
    intervals: pd.DataFrame
    pairs: pd.DataFrame
    agreement: pd.DataFrame | None = None

    def save(self, name: str, folder: str | Path | None) -> "Results":
        """Write the tables as `name`, `name`_intervals and so on; returns the results."""
        save(self.scores, name, folder)
        save(self.intervals, f"{name}_intervals", folder)
        save(self.pairs, f"{name}_pairs", folder)
        if self.agreement is not None:
            save(self.agreement, f"{name}_agreement", folder)
        return self


def save(table: pd.DataFrame, name: str, folder: str | Path | None) -> pd.DataFrame:
    """Write a table to `folder`/`name`.parquet, whole or not at all; returns the table.

    With folder None, as when a chapter is opened in Jupyter, nothing is written.
    """
    if folder is not None:
        with written_whole(Path(folder) / f"{name}.parquet") as unfinished:
            table.to_parquet(unfinished, index=False)
    return table
