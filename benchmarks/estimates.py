"""How far off the doctor's estimates are: seconds of chapters that were run, over those estimated.

    python benchmarks/estimates.py runs/default [runs/other ...] [--save book/measured/estimates.csv]

The runs have to be of this machine and idle but for them, and none of their chapters interrupted: what a
run takes from its store it does not compute. A minute a run.
"""

import argparse
from pathlib import Path

import pandas as pd

from dissect import models
from dissect.runs import doctor, manifest
from dissect.runs.run import environment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--save")
    options = parser.parse_args()
    table = pd.concat([compared(run) for run in options.runs], ignore_index=True)
    print(table.to_string(index=False))
    if options.save:
        table.to_csv(options.save, index=False)


def compared(run: Path) -> pd.DataFrame:
    """A row a chapter: estimated and taken, in seconds, and their ratio."""
    told = manifest.required(run)
    with environment(told.settings):
        loaded = models.load(manifest.place(run, told.settings.model))
        sizes, _ = doctor.tokens(told.settings, loaded)
        estimated = doctor.estimates(told.settings, loaded, sizes)
    rows = [
        (run.name, chapter, f"{estimated[chapter]:.0f}", f"{done.seconds:.0f}",
         f"{done.seconds / estimated[chapter]:.2f}")
        for chapter, done in sorted(told.chapters.items())
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["run", "chapter", "estimated (s)", "taken (s)", "ratio"])


if __name__ == "__main__":
    main()
