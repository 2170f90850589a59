"""The paper's claims, each with a criterion that data decides, and the verdicts on a run.

The claims are those of `data/published/claims.yaml`, which are the words of the paper's readers,
shortened where they name figures. Their criteria were fixed before any run was judged by them;
tests hold them against made-up data in which a claim is true, and false, and against the published
figures.
"""

from collections.abc import Mapping

import pandas as pd

from dissect.errors import DissectError
from dissect.report.claims import chapter1, chapter2, chapter3, chapter4, chapter5  # noqa: F401 they fill CLAIMS
from dissect.report.claims.claim import CLAIMS, VERDICTS, Claim, Verdict

__all__ = ["CLAIMS", "VERDICTS", "Claim", "Verdict", "named", "verdicts"]

Tables = Mapping[str, pd.DataFrame]  # a run's tables by name, as `results` keeps them


def verdicts(tables: Tables) -> pd.DataFrame:
    """The verdict on every claim.

    Returns:
        Columns claim, chapter, text, criterion, verdict, numbers.

    Raises:
        DissectError: A table lacks what a claim compares.
    """
    rows = []
    for one in CLAIMS:
        missing = [name for name in one.needs if name not in tables]
        if missing:
            said = Verdict("not testable", f"this run has no table {', '.join(missing)}")
        else:
            try:
                said = one.judge(*(tables.get(name) for name in one.needs + one.wants))
            except (KeyError, IndexError, ValueError, TypeError) as error:
                raise DissectError(
                    f"the table {one.needs[0]} lacks what claim {one.name} compares "
                    f"({type(error).__name__}): run chapter {one.chapter} again"
                ) from error
        rows.append((one.name, one.chapter, one.text, one.criterion, said.verdict, said.numbers))
    return pd.DataFrame(rows, columns=["claim", "chapter", "text", "criterion", "verdict", "numbers"])


def named(name: str) -> Claim:
    """The claim of that name."""
    return next(one for one in CLAIMS if one.name == name)
