"""How far off the doctor's estimates are: seconds of chapters that were run, over those estimated.

    python benchmarks/estimates.py runs/default [runs/other ...] [--known FOLDER]
                                   [--save book/measured/estimates.csv]
    python benchmarks/estimates.py runs/default --experience

The runs have to be of this machine, idle but for them. Estimates are from what is timed on the spot, or with
--known from the other runs in that folder. Of a chapter that found work done there is no ratio. With
--experience nothing is estimated: the package's table gets the epochs of the runs' probes and what came
beside the work, which estimates take where no run tells. A minute a run.
"""

import argparse
from pathlib import Path

import pandas as pd

from dissect import models
from dissect.runs import doctor, manifest
from dissect.runs.estimates import estimates
from dissect.runs.experience import TABLE, beside, epochs
from dissect.runs.run import environment

NOWHERE = Path("no-runs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--known", type=Path, default=NOWHERE)
    parser.add_argument("--save")
    parser.add_argument("--experience", action="store_true")
    options = parser.parse_args()
    if options.experience:
        return experienced(options.runs).to_csv(TABLE, index=False)
    table = pd.concat([compared(run, options.known) for run in options.runs], ignore_index=True)
    print(table.to_string(index=False))
    if options.save:
        table.to_csv(options.save, index=False)


def compared(run: Path, known: Path) -> pd.DataFrame:
    """A row a chapter: estimated and taken, in seconds, and their ratio."""
    told = manifest.required(run)
    with environment(told.settings):
        loaded = models.load(manifest.place(run, told.settings.model))
        sizes, _ = doctor.tokens(told.settings, loaded)
        estimated = estimates(told.settings, loaded, sizes, known)
    rows = []
    for chapter, done in sorted(told.chapters.items()):
        found = sum(of.reused for of in (done.work or {}).values())
        ratio = "" if found else f"{done.seconds / estimated[chapter]:.2f}"
        rows.append((run.name, chapter, f"{estimated[chapter]:.0f}", f"{done.seconds:.0f}", ratio))
    return pd.DataFrame(rows, columns=["run", "chapter", "estimated (s)", "taken (s)", "ratio"])


def experienced(runs: list[Path]) -> pd.DataFrame:
    """The table of what runs tell of epochs, and of what comes beside the work; the last of them counts."""
    table = pd.read_csv(TABLE, index_col=["what", "of"])
    for run in runs:
        told = manifest.required(run)
        fixed, rest = beside(told)
        source = f"run {run.name}: {told.settings.model}, profile {told.settings.profile}, {told.date[:10]}"
        for what, values in (("epochs", epochs(told)), ("fixed", fixed), ("rest", rest)):
            for of, value in values.items():
                table.loc[(what, of), :] = [float(f"{value:.3g}"), source]
    return table.reset_index()


if __name__ == "__main__":
    main()
