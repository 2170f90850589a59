"""The verdicts on a run, by the folder of its tables."""

from pathlib import Path

import pandas as pd

from dissect.report import claims
from dissect.tables import read, save


def judge(results: Path) -> pd.DataFrame:
    """The verdicts on a run by the folder of its tables; columns as those of `claims.verdicts`."""
    return claims.verdicts(read(results))


def score(results: Path) -> pd.DataFrame:
    """Judge a run; keep the verdicts, and how often the criteria err, among its tables."""
    tables = read(results)
    save(claims.operating(tables), "operating", results)
    return save(claims.verdicts(tables), "scorecard", results)
