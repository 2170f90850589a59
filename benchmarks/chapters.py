"""What each chapter takes when it is run on its own with its defaults, as in a class.

    python benchmarks/chapters.py [--save book/measured/chapters.csv]

Seconds include the start of the kernel; memory is what its process held at its peak. The fine-tuned
copy that chapters 2 and 5 compare with is made before, and timed in a row of its own. Four minutes
on two cores.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
TUNE = "from dissect.models.finetuning import tuned_sibling; tuned_sibling('minilm')"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--save")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # so that each chapter has a parent of its own
    options = parser.parse_args()
    if options.one:
        return one(options.one)
    rows = []
    with tempfile.TemporaryDirectory() as cache:  # an empty one, or the copy would be there already
        for name in ("fine-tuning", *(path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb")))):
            said = subprocess.run(
                [sys.executable, __file__, "--one", name],
                env=os.environ | {"DISSECT_CACHE": cache}, stdout=subprocess.PIPE, text=True, check=True,
            ).stdout  # fmt: skip
            seconds, gib = map(float, said.split()[-2:])
            rows.append((name, f"{seconds:.0f}", f"{gib:.1f}"))
            print(*rows[-1])
    table = pd.DataFrame(rows, columns=["chapter", "seconds", "peak memory (GiB)"])
    if options.save:
        table.to_csv(options.save, index=False)


def one(name: str) -> None:
    """Print seconds and GiB of a chapter, the only child of this process."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        if name == "fine-tuning":
            subprocess.run([sys.executable, "-c", TUNE], check=True, stdout=subprocess.DEVNULL)
        else:
            import papermill

            source, out = NOTEBOOKS / f"{name}.ipynb", Path(folder) / f"{name}.ipynb"
            papermill.execute_notebook(
                str(source), str(out), kernel_name="python3", progress_bar=False, cwd=str(NOTEBOOKS)
            )
    print(time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20)


if __name__ == "__main__":
    main()
