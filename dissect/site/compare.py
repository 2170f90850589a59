"""Runs side by side: which there are, and what they found."""

from pathlib import Path

import pandas as pd

from dissect.errors import DissectError
from dissect.files import write_parquet, write_text
from dissect.places import PUBLISHED
from dissect.runs import manifest
from dissect.site import across
from dissect.site.build import build_site
from dissect.site.markdown import shown


def listing(runs: Path) -> pd.DataFrame:
    """The runs in a folder and the published ones: run, model, profile, chapters, date, state.

    A run whose manifest cannot be read is listed as damaged.
    """
    rows = []
    for place in [*sorted(runs.glob("*/")), *sorted(PUBLISHED.glob("*/"))]:
        published = place.parent == PUBLISHED
        try:
            told = manifest.read(place)
        except DissectError:
            rows.append((place.name, "–", "–", "–", "–", "damaged: see dissect verify"))
            continue
        if told is None:
            if (place / ".lock").exists():
                rows.append((place.name, "–", "–", "–", "–", "no chapter finished"))
            continue
        wanted = set(told.settings.chapters()) - set(told.left_out)
        open_ = len(wanted - set(told.chapters))
        state = "published" if published else f"{open_} chapters to do" if open_ else "finished"
        chapters = ", ".join(sorted(name[0] for name in told.chapters))
        rows.append(
            (place.name, shown(told.settings.model), told.settings.profile, chapters, told.date[:10], state)
        )
    return pd.DataFrame(rows, columns=["run", "model", "profile", "chapters", "date", "state"])


def compare(folders: list[Path], out: Path, site: bool = True) -> pd.DataFrame:
    """Runs beside one another and the paper: a row a question or claim, a column a run.

    Leaves across.parquet and across.md in `out` and, with site, the book of the first run, whose
    page Across models sets these runs side by side.

    Args:
        folders: The runs'.
        out: A folder.
        site: Whether the book is built.

    Raises:
        DissectError: A folder holds no run, or one is named twice.
    """
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise DissectError("a run is named twice: name each once")
    read = [across.read(folder, here=n == 0) for n, folder in enumerate(folders)]
    runs = [across.paper(), *across.apart(read, folders)]
    verdicts = across.verdicts([across.without_links(run) for run in runs])
    table = pd.concat([across.numbers(runs), verdicts]).rename_axis("question")
    write_parquet(table.reset_index(), out / "across.parquet")
    write_text(
        out / "across.md", "# Across models\n\n" + across.page(runs) + across.markdown(verdicts, "claim")
    )
    if site:
        build_site(folders[0], out / "site", others=folders[1:])
    return table
