"""Where the time of a run went: seconds by chapter and kind of work.

    python benchmarks/run.py NAME [--save book/measured/run-default.csv] [--note "beside other work"]
    python benchmarks/run.py NAME --fresh [options of dissect run …]

The first reads runs/NAME. The second runs it in a fresh folder, so that nothing is found done there, and
keeps nothing else of it; files among the options are given with their whole path. What was done in the run
and what it found done stand in rows apart, since those seconds were spent in another one.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from dissect.runs import manifest
from dissect.runs.manifest import Manifest
from dissect.runs.spent import by_chapter, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--save")
    parser.add_argument("--note", default="", help="what else is to be known of the run, for the page")
    options, given = parser.parse_known_args()
    told = fresh(options.name, given) if options.fresh else manifest.required(Path("runs") / options.name)
    table, on = in_words(by_chapter(spent(told))), "; ".join(filter(None, (machine(told), options.note)))
    print(on)
    print(table.to_string(index=False))
    if options.save:
        table.to_csv(options.save, index=False)
        Path(options.save).with_suffix(".txt").write_text(f"{on}.\n", encoding="utf-8")


def fresh(name: str, given: list[str]) -> Manifest:
    """The manifest of a run with these options, which leaves nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "dissect.cli", "run", "--name", name, "--no-site", *given]
        subprocess.run(command, cwd=folder, check=True)
        return manifest.required(Path(folder) / "runs" / name)


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Seconds with a digit behind the point, and nothing where there are none."""
    seconds = table.columns.drop(["kind", "work"])
    said = table[seconds].map(lambda value: f"{value:.1f}" if value >= 0.05 else "")
    return pd.concat([table[["work", "kind"]], said], axis=1)


def machine(told: Manifest) -> str:
    """On what a run was made, and of which model."""
    on = told.machine
    limit = f"at most {told.settings.limit} sentences, " if told.settings.limit else ""
    return (
        f"Run *{told.settings.name}*: model {told.settings.model}, profile {told.settings.profile}, {limit}"
        f"{manifest.seeds_of(told)} seeds, {told.settings.trials} trials; {on.get('processor')} "
        f"({on.get('instructions')}), {on.get('threads')} threads, {on.get('device')}, "
        f"torch {told.versions.get('torch')}"
    )


if __name__ == "__main__":
    main()
