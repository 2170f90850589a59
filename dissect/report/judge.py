"""The verdicts on a run, by the folder of its tables."""

from pathlib import Path

import pandas as pd

from dissect.report import claims
from dissect.tables import read, save


def judge(results: Path) -> pd.DataFrame:
    """The verdicts on a run by the folder of its tables; columns as those of `claims.verdicts`."""
    return claims.verdicts(read(results))


def score(results: Path) -> pd.DataFrame:
    """Judge a run and keep the verdicts among its tables, as verdicts.parquet."""
    return save(judge(results), "verdicts", results)
