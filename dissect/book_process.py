"""Jupyter Book in a process of its own, which loads what it needs while the book is still being laid out.

Loading takes as long as building some thirty pages: Sphinx, its extensions, and, for the pages on the
functions, this package.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

QUIET = {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}


class BookProcess:
    """A process that builds one book, once `build` is called; end it with `with`."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "dissect.book_process"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, env=os.environ | QUIET, text=True, encoding="utf-8"
        )

    def __enter__(self) -> "BookProcess":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.process.kill()
        self.process.communicate()

    def build(self, staged: Path, log: Path, builder: str) -> int:
        """Build the staged book, warnings as errors, and write what is said to `log`; the exit status."""
        arguments = ["build", str(staged), "--all", "-W", "-n", "--keep-going", "--builder", builder]
        order = {"arguments": arguments, "folder": str(staged), "log": str(log.resolve())}
        self.process.communicate(json.dumps(order))
        return self.process.returncode


def main() -> None:
    """Load, wait for an order on standard input, and carry it out; without one, end."""
    import myst_nb  # noqa: F401
    import sphinx_book_theme  # noqa: F401
    from jupyter_book.cli.main import main as jupyter_book

    import dissect.run  # noqa: F401

    line = sys.stdin.readline()
    if not line:
        return
    order = json.loads(line)
    with open(order["log"], "w", encoding="utf-8") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
    os.chdir(order["folder"])
    jupyter_book(order["arguments"])


if __name__ == "__main__":
    main()
