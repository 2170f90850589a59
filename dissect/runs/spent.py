"""Where a run's time went: seconds by chapter and kind of work, what was done apart from what was found."""

import pandas as pd

from dissect.reuse import Work
from dissect.runs.kernels import STARTING
from dissect.runs.manifest import Chapter, Manifest

FOR_ALL, OTHER, UNTOLD = "for all chapters", "other", "not told"
COLUMNS = ["chapter", "kind", "computed", "seconds", "found", "found_seconds"]


def spent(told: Manifest) -> pd.DataFrame:
    """What a run's manifest tells of its seconds.

    Args:
        told: The manifest.

    Returns:
        Columns chapter, kind, computed and seconds (pieces of work that were done in it, and that these
        took), found and found_seconds (that were found done, and that those took when they were). Of a
        chapter seconds add up to how long it took. "other" is what no kind has, "not told" all of a chapter
        that was run before kinds were.
    """
    rows = [(FOR_ALL, *row) for row in _rows(told.work or {})]
    for name, chapter in told.chapters.items():
        rows += [(name, *row) for row in _rows(of_chapter(chapter))]
    return pd.DataFrame(rows, columns=COLUMNS)


def of_chapter(chapter: Chapter) -> dict[str, Work]:
    """The work of a chapter, with what is left of its seconds."""
    if STARTING not in (work := chapter.work or {}):
        return {UNTOLD: Work(seconds=chapter.seconds)}
    left = chapter.seconds - sum(of.seconds for of in work.values())
    return {**work, OTHER: Work(seconds=max(0.0, left))}


def _rows(work: dict[str, Work]) -> list[tuple[str, int, float, int, float]]:
    return [(kind, of.computed, of.seconds, of.reused, of.reused_seconds) for kind, of in work.items()]


def by_chapter(table: pd.DataFrame) -> pd.DataFrame:
    """Seconds with a column a chapter and one for all of them, a row a kind; what was found done below.

    A number is of what was done in the run, or of what was found, and never of both.

    Args:
        table: As `spent` gives it.
    """
    parts = [_wide(table, "seconds", "done"), _wide(table, "found_seconds", "found done")]
    return pd.concat([part for part in parts if part["all"].any()], ignore_index=True).fillna(0.0)


def _wide(table: pd.DataFrame, values: str, how: str) -> pd.DataFrame:
    wide = table.pivot_table(values, "kind", "chapter", "sum", fill_value=0.0, sort=False)
    wide.insert(0, "all", wide.sum(axis=1))
    wide = wide[wide["all"] > 0].sort_values("all", ascending=False)
    wide.loc["together"] = wide.sum()
    wide.insert(0, "work", how)
    return wide.reset_index()
