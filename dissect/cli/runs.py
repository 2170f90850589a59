"""The commands on runs and models: site, list, compare, verify, export, doctor, check."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dissect.cli.app import app
from dissect.cli.options import with_settings
from dissect.errors import DissectError

if TYPE_CHECKING:
    import pandas as pd

    from dissect.runs.settings import Settings

Runs = Annotated[list[str], typer.Argument(help="Runs: names in runs/, published ones, or folders.")]
One = Annotated[str, typer.Argument(help="A run: its name in runs/, a published one, or a folder.")]


@app.command()
def site(
    run: Annotated[
        str, typer.Argument(help="A published run (book/published/RUN), or the folder of any run.")
    ] = "minilm",
    out: Annotated[Path | None, typer.Option(help="Where to; by default runs/published-RUN/site.")] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Also print the book to book.pdf beside the site; needs Chromium.")
    ] = False,
    live: Annotated[
        bool, typer.Option(help="Build in the model that dissects the reader's own sentences (40 MB).")
    ] = True,
) -> None:
    """Build the book of a run that is finished, without executing anything."""
    from dissect.places import PUBLISHED
    from dissect.site.build import build_site

    folder = PUBLISHED / run if (PUBLISHED / run).is_dir() else folder_of(run)
    build_site(folder, out or Path("runs") / f"published-{folder.name}" / "site", with_pdf=pdf, live=live)


@app.command("list")
def list_runs() -> None:
    """List the runs in runs/ and the published ones."""
    from dissect.site.compare import listing

    show(listing(Path("runs")), "runs")


@app.command()
def compare(
    runs: Runs,
    out: Annotated[Path, typer.Option(help="A folder for the table and the book.")] = Path("runs/compared"),
    site: Annotated[bool, typer.Option(help="Build the book of the first run, with the page.")] = True,
) -> None:
    """Set runs beside one another and the paper: the page Across models, and its table."""
    from dissect.site.compare import compare as compare_runs

    table = compare_runs([folder_of(name) for name in runs], out, site)
    show(table.rename_axis("").reset_index(), "across models")


@app.command()
def verify(
    run: One,
    sample: Annotated[bool, typer.Option(help="Recompute some results, which takes a while.")] = True,
) -> None:
    """Hold a run against its manifest: files, models, corpora, and a sample of results."""
    from dissect.runs.verification import verify as verify_run

    found = verify_run(folder_of(run), sample)
    show(found, f"{run} against its manifest")
    wrong = found[found["finding"] == "differs"]
    if len(wrong):
        raise DissectError(f"{run} differs from its manifest in {len(wrong)} places: see above")


@app.command()
def export(run: One, out: Annotated[Path, typer.Argument(help="A folder for the files.")]) -> None:
    """Write a run's tables as CSV."""
    from dissect.tables import export as export_tables

    files = export_tables(folder_of(run) / "results", out)
    print(f"{len(files)} tables are in {out}")


@app.command()
@with_settings
def doctor(settings: "Settings") -> None:
    """Tell what a run would find here: packages, model, corpora, disk, memory, and how long it would take."""
    from dissect.runs.doctor import examine

    found = examine(settings)
    show(found, "what a run would find")
    if (found["state"] == "missing").any():
        raise DissectError("a run with these settings would not work: see what is missing above")


@app.command()
def check(
    model: Annotated[str, typer.Argument(help="minilm, a folder, or a Hugging Face name.")],
) -> None:
    """Tell whether a model's family is supported, and whether the sum is exact on real text."""
    from dissect.runs.model_check import check_model

    print(check_model(model))


def folder_of(run: str) -> Path:
    """The folder of a run by its name or path. Raises `DissectError` when there is none."""
    from dissect.places import PUBLISHED

    for place in (Path("runs") / run, PUBLISHED / run, Path(run)):
        if (place / "manifest.json").is_file():
            return place
    if zipfile.is_zipfile(run):
        raise DissectError(f"{run} is an archive: unpack it, and give the folder of the run that is in it")
    raise DissectError(f"no run {run!r} in runs/, among the published ones, or as a folder; see dissect list")


def show(table: "pd.DataFrame", title: str) -> None:
    """Print a table; nothing in it is taken for markup."""
    shown = Table(*map(escape, map(str, table.columns)), title=escape(title))
    for row in table.astype(str).itertuples(index=False):
        shown.add_row(*map(escape, row))
    Console().print(shown)
