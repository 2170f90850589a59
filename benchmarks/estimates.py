"""How far off the doctor's estimates are: seconds of chapters that were run, over those estimated.

    python benchmarks/estimates.py runs/default [runs/other ...] [--save book/measured/estimates.csv]

The runs have to be of this machine and idle but for them, and none of their chapters interrupted: what a
run takes from its store it does not compute. A minute a run.
"""

import argparse
import os
from pathlib import Path

import pandas as pd
import torch

from dissect import doctor, manifest, models


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
    settings = told.settings
    model = manifest.place(run, settings.model)
    if settings.data:
        os.environ["DISSECT_DATA"] = settings.data
    loaded = models.load(str(model))
    sizes, _ = doctor.tokens(settings, loaded)
    torch.set_num_threads(settings.threads(torch.get_num_threads()))
    estimated = doctor.estimates(settings, loaded, sizes)
    rows = [
        (run.name, chapter, f"{estimated[chapter]:.0f}", f"{done.seconds:.0f}",
         f"{done.seconds / estimated[chapter]:.2f}")
        for chapter, done in sorted(told.chapters.items())
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["run", "chapter", "estimated (s)", "taken (s)", "ratio"])


if __name__ == "__main__":
    main()
