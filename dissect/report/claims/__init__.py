"""The paper's claims, each with a criterion that data decides, and the verdicts on a run.

The claims, and the versions of their criteria, are those of `data/published/claims.yaml`: in the words of
the paper's readers, shortened where they name figures. Tests hold the criteria against noise, and against
made-up data in which a claim is true, and false.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from dissect.errors import DissectError
from dissect.report.claims import (  # noqa: F401 they fill CLAIMS
    causes,
    chapter1,
    chapter2,
    chapter3,
    chapter4,
    chapter5,
    tasks,
)
from dissect.report.claims.claim import CLAIMS, VERSION, VERSIONS, Claim, in_order
from dissect.report.claims.evidence import Evidence
from dissect.report.claims.parts import WORLDS, Part
from dissect.report.claims.verdict import NOT_TESTABLE, VERDICTS, NotTestable, Verdict, judged, made_up

__all__ = [
    "CLAIMS", "NOT_TESTABLE", "VERDICTS", "VERSION", "VERSIONS", "Claim", "Verdict", "in_order", "named",
    "operating", "verdicts",
]  # fmt: skip

Tables = Mapping[str, pd.DataFrame]  # a run's tables by name, as `results` keeps them
OPEN = {
    "undecided": "The data do not decide it.",
    "mixed": "Some of what it compares is as claimed, and some the other way round.",
    NOT_TESTABLE: "This run cannot tell.",
}
RUNS = 200  # made-up ones, a world


def verdicts(tables: Tables) -> pd.DataFrame:
    """The verdict on every claim.

    Returns:
        Columns claim, chapter, text, source, criterion, verdict, numbers, reading.

    Raises:
        DissectError: A table lacks what a claim compares.
    """
    rows = []
    for one, said, _ in tested(tables):
        reading = one.readings.get(said.verdict) or OPEN[said.verdict]
        numbers = "; ".join(filter(None, [said.numbers, said.seen]))
        rows.append(
            (one.name, one.chapter, one.text, one.source, one.criterion, said.verdict, numbers, reading)
        )
    columns = ["claim", "chapter", "text", "source", "criterion", "verdict", "numbers", "reading"]
    return pd.DataFrame(rows, columns=columns)


def operating(tables: Tables, runs: int = RUNS) -> pd.DataFrame:
    """How often each criterion says what, at the size of a run, in worlds that are known.

    Without an effect, with the paper's (or, where it gives no number, one that would matter), and with the
    opposite: made-up runs whose numbers vary and hang together as this run's do go through the same code.

    Args:
        tables: The run's.
        runs: How many are made up in each world.

    Returns:
        Columns claim, world, verdict, share; claims that the run cannot test are left out.

    Raises:
        DissectError: A table lacks what a claim compares.
    """
    rows = []
    for one, said, parts in tested(tables):
        for world in WORLDS if said.verdict != NOT_TESTABLE else ():
            found = made_up(parts, world, runs)
            rows += [
                (one.name, world, verdict, found.count(verdict) / runs)
                for verdict in VERDICTS
                if verdict != NOT_TESTABLE
            ]
    return pd.DataFrame(rows, columns=["claim", "world", "verdict", "share"])


def tested(tables: Tables) -> Iterator[tuple[Claim, Verdict, list[Part]]]:
    """Every claim with its verdict and what it compares, which is nothing where it is not testable.

    Raises what `parts_of` raises, but for `NotTestable`.
    """
    run = Evidence(tables)
    for one in in_order():
        try:
            parts = parts_of(one, run)
            yield one, judged(parts), parts
        except NotTestable as error:
            yield one, Verdict(NOT_TESTABLE, error.takes), []


def parts_of(one: Claim, run: Evidence) -> list[Part]:
    """What a claim compares, by the evidence of a run.

    Raises:
        NotTestable: The run lacks what it takes.
        DissectError: A table lacks what the claim compares.
    """
    try:
        return list(one.parts(run))
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise DissectError(
            f"the table {one.table} lacks what claim {one.name} compares "
            f"({type(error).__name__}): run chapter {one.chapter} again"
        ) from error


def named(name: str) -> Claim:
    """The claim of that name."""
    return CLAIMS[name]
