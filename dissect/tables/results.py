"""Where a run keeps its numbers: one Parquet file a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from dissect.errors import DissectError
from dissect.files import write_parquet, written_whole
from dissect.tables.schema import TABLES, conform


@dataclass(frozen=True)
class Results:
    """What an experiment on all subsets finds.

    All scores are between 0 and 1, but for cross-entropy, in nats.

    Attributes:
        scores: A row a predictor, subset and seed.
        groups: Predictor, score, terms, seed, group, value: pseudo-values; see `experiments.certainty`.
        intervals: Predictor, score, terms, mean and std over seeds, low and high of the 95 % interval.
        pairs: Predictor, score, terms_a, terms_b, difference, low, high, p; see `certainty.pairs`.
        agreement: Predictor, terms_a, terms_b, agreement, the mean over seeds; None where not asked for.
        consistency: Predictor, terms, seed, group, value: of each subset the mean kappa with the others of
            being right, as pseudo-values; None where not asked for.
        more: Further tables of the experiment, by the end of their name, such as "stood".
    """

    scores: pd.DataFrame
    groups: pd.DataFrame
    intervals: pd.DataFrame
    pairs: pd.DataFrame
    agreement: pd.DataFrame | None = None
    consistency: pd.DataFrame | None = None
    more: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def save(self, name: str, folder: str | Path | None) -> "Results":
        """Write the tables as `NAME`, `NAME_groups` and so on; returns the results."""
        tables = {
            "": self.scores, "_groups": self.groups, "_intervals": self.intervals, "_pairs": self.pairs,
            "_agreement": self.agreement, "_consistency": self.consistency,
            **{f"_{end}": table for end, table in self.more.items()},
        }  # fmt: skip
        for suffix, table in tables.items():
            if table is not None:
                save(table, name + suffix, folder)
        return self


def save(table: pd.DataFrame, name: str, folder: str | Path | None) -> pd.DataFrame:
    """Write a table to `folder`/`name`.parquet, whole or not at all; returns the table.

    Args:
        table: With the columns that the schema has for it.
        name: Its name in the schema.
        folder: Of tables; with None, as when a chapter is opened in Jupyter, nothing is written.

    Raises:
        DissectError: The table is not as the schema has it, or cannot be written.
    """
    table = conform(name, table)
    if folder is not None:
        write_parquet(table, Path(folder) / f"{name}.parquet")
    return table


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a run, by name.

    Raises:
        DissectError: A file is damaged, or holds other columns than the schema has.
    """
    tables = {}
    for file in sorted(folder.glob("*.parquet")):
        if file.stem in TABLES:
            try:
                tables[file.stem] = conform(file.stem, pd.read_parquet(file))
            except DissectError:
                raise
            except Exception as error:  # whatever the reader has against it
                reason = str(error).strip().splitlines()[0][:100] if str(error).strip() else "damaged"
                raise DissectError(f"{file} cannot be read ({reason}): run its chapter again") from None
    return tables


def export(folder: Path, out: Path) -> list[Path]:
    """Write every table in `folder` to `out` as CSV (UTF-8, a header line); returns the files.

    Raises:
        DissectError: There is none; besides, what `read` raises.
    """
    tables = read(folder)
    if not tables:
        raise DissectError(f"no table in {folder}: give the folder of a run")
    files = [out / f"{name}.csv" for name in tables]
    for table, file in zip(tables.values(), files, strict=True):
        with written_whole(file) as unfinished:
            table.to_csv(unfinished, index=False)
    return files
