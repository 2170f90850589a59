"""Jupyter Book in a process of its own, which loads what it needs while the book is still being laid out.

Loading takes as long as building some thirty pages: Sphinx, its extensions, and, for the pages on the
functions, this package.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

QUIET = {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}


class BookProcess:
    """A process that builds one book, once `build` is called; `with` ends it where it was not."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "dissect.site.book_process"]
        pipe, quiet = subprocess.PIPE, os.environ | QUIET
        self.process = subprocess.Popen(
            command, stdin=pipe, stderr=pipe, env=quiet, text=True, encoding="utf-8"
        )

    def __enter__(self) -> "BookProcess":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.process.kill()
        with self.process:  # closes the pipes, and waits
            pass

    def build(self, staged: Path, log: Path, builder: str) -> int:
        """Build the staged book, warnings as errors, and write what is said to `log`; the exit status."""
        arguments = ["build", str(staged), "--all", "-W", "-n", "--keep-going", "--builder", builder]
        order = {"arguments": arguments, "folder": str(staged), "log": str(log.resolve())}
        with self:  # interrupted or not, it ends here
            log.unlink(missing_ok=True)
            _, failure = self.process.communicate(json.dumps(order))
            if not log.exists():  # it did not come that far
                log.write_text(failure, encoding="utf-8")
        return self.process.returncode


def main() -> None:
    """Load, wait for an order on standard input, and carry it out; without one, end."""
    from jupyter_book.cli.main import main as jupyter_book

    for slow in ("myst_nb", "sphinx_book_theme", "dissect.runs.run"):  # what Sphinx would import later
        import_module(slow)
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
