"""What each chapter takes when it is run on its own with its defaults, as in a class.

    python benchmarks/chapters.py [--small] [--save book/measured/chapters.csv]

Seconds include the start of the kernel; those to the first picture end with the cell that shows it. Memory is
what the kernel held at its peak. All runs on the processor. The first chapter runs as on the first day: it
finds no compiled Python, no list of fonts and nothing in the cache of `dissect`. What the operating system
keeps of the files that it has read stays, which takes its administrator to drop. The model that chapters 2
and 5 compare with is fine-tuned before these, and timed in a row of its own. Five minutes on two cores.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import pandas as pd

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
FINE_TUNING = "fine-tuning"
TUNE = "from dissect.models.finetuning import tuned_sibling; tuned_sibling"
COMPARING = "2-visualisation"  # the first chapter that needs a fine-tuned model
COLUMNS = ["chapter", "seconds", "seconds to the first picture", "peak memory (GiB)"]
COLD = {"DISSECT_CACHE": "dissect", "MPLCONFIGDIR": "fonts", "PYTHONPYCACHEPREFIX": "compiled"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--small", action="store_true", help="as `dissect teach --small` hands them out")
    parser.add_argument("--save")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # so that each chapter has a parent of its own,
    parser.add_argument("--given", help=argparse.SUPPRESS)  # which compiles nothing that the kernel does
    options = parser.parse_args()
    if options.one:
        return one(options.one, json.loads(options.given))
    from dissect.runs.chapters import CHAPTERS, by_default

    first, *others = (list(CHAPTERS)[n - 1] for n in by_default("teach"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        caches = {name: str(Path(folder) / place) for name, place in COLD.items()}
        for name in (first, FINE_TUNING, *others):
            said = subprocess.run(
                [sys.executable, __file__, "--one", name, "--given", json.dumps(given(name, options.small))],
                env=os.environ | caches | {"CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": ""},
                stdout=subprocess.PIPE, text=True, check=True,
            ).stdout  # fmt: skip
            seconds, picture, gib = map(float, said.split()[-3:])
            rows.append((name, f"{seconds:.0f}", f"{picture:.0f}".replace("nan", ""), f"{gib:.1f}"))
            print(*rows[-1], flush=True)
    table = pd.DataFrame(rows, columns=COLUMNS)
    if options.save:
        table.to_csv(options.save, index=False)


def given(name: str, small: bool) -> dict[str, int | None]:
    """The parameters of a row that are not the defaults."""
    if not small:
        return {}
    from dissect.teaching.handouts import sizes

    if name == FINE_TUNING:
        return {"limit": sizes(COMPARING)["limit"]}
    return sizes(name)


def one(name: str, parameters: dict) -> None:
    """Print seconds, those to the first picture, and GiB of a chapter, the only child of this process."""
    begun, picture = time.monotonic(), float("nan")
    if name == FINE_TUNING:
        tune = f"{TUNE}('minilm', **{parameters})"
        subprocess.run([sys.executable, "-c", tune], check=True, stdout=subprocess.DEVNULL)
    else:
        picture = to_the_first_picture(executed(name, parameters))
    gib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(time.monotonic() - begun, picture, gib)


def executed(name: str, parameters: dict):
    """A chapter with its outputs, and when each cell began and ended."""
    import papermill

    with tempfile.TemporaryDirectory() as folder:
        return papermill.execute_notebook(
            str(NOTEBOOKS / f"{name}.ipynb"), str(Path(folder) / f"{name}.ipynb"), parameters=parameters,
            kernel_name="python3", progress_bar=False, cwd=str(NOTEBOOKS),
        )  # fmt: skip


def to_the_first_picture(notebook) -> float:
    """Seconds from the start of the kernel to the end of the first cell that shows a picture."""
    ends = (
        cell.metadata.papermill["end_time"]
        for cell in notebook.cells
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
    )
    begun = notebook.metadata.papermill["start_time"]
    return (datetime.fromisoformat(next(ends)) - datetime.fromisoformat(begun)).total_seconds()


if __name__ == "__main__":
    main()
