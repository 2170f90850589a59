"""Keys: SHA-256 of an object, of a text, of a file, and of code as Python reads it."""

import ast
import hashlib
import importlib.metadata
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from dissect import MODULES
from dissect.chapter import HANDED_OUT
from dissect.places import PACKAGE

# Names that are loaded when asked for, which no import statement tells, and the modules that they are of.
OF_PACKAGE = {name: f"dissect.{module}" for name, module in MODULES.items()}
OF_CHAPTER = {name: f"dissect.{module}" for name, module in HANDED_OUT.items()}
OF_REPORT = {"verdicts": "dissect.report.claims"}
LATE = {"dissect": OF_PACKAGE, "dissect.chapter": OF_CHAPTER, "dissect.report": OF_REPORT}
# Packages that numbers come out of.
COMPUTING = (
    "torch", "transformers", "tokenizers", "numpy", "scipy", "scikit-learn", "accelerate", "optuna",
)  # fmt: skip
# Rooms that make numbers, and what halves their batches; of corpora the text is in keys, not the code.
NUMBERS = {"decomposition", "models", "features", "experiments", "memory"}
Definition = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def of_object(thing: Any) -> str:
    """SHA-256 of what JSON can hold; the order of a dictionary's names is no part of it."""
    return of_text(json.dumps(thing, sort_keys=True))


def of_text(text: str) -> str:
    """SHA-256 of a text, which may hold halves of characters."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def made_by(module: str) -> dict[str, Any]:
    """What a module's numbers come out of, for a key: the code of its `makers`, and versions of packages."""
    versions = {name: importlib.metadata.version(name) for name in COMPUTING}
    return {"code_sha256": of_code(makers(module)), "versions": versions}


@cache
def makers(module: str) -> frozenset[str]:
    """A module, and those it imports, directly or not, that make numbers."""
    reached = reached_from([f"import dissect.{module}"])
    return frozenset(name for name in reached if name.split(".")[0] in {*NUMBERS, module.split(".")[0]})


def of_file(path: Path) -> str:
    """SHA-256 of a file; "" where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def of_code(modules: Iterable[str]) -> str:
    """SHA-256 of modules of the package, such as "corpora.files", as `plain` has them.

    Raises:
        FileNotFoundError: A module is not there.
    """
    return of_object({name: of_module(name) for name in modules})


@cache  # keys are asked for some hundred times a chapter
def of_module(name: str) -> str:
    """SHA-256 of a module's code, as it was when first asked for."""
    return of_text(plain(file_of(name).read_text(encoding="utf-8")))


def plain(source: str) -> str:
    """Python code without what changes nothing: comments, docstrings, and how lines are broken."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, Definition) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return ast.dump(tree)


def file_of(module: str) -> Path:
    """The file of a module of the package; "" is the package itself."""
    place = PACKAGE / module.replace(".", "/")
    package = place / "__init__.py"  # a folder without is what a module that moved left behind
    return package if package.is_file() else place.with_suffix(".py")


def reached_from(sources: Iterable[str]) -> set[str]:
    """The modules of the package that code imports, directly or not, wherever the import stands.

    Code that is not plain Python, such as a cell with IPython's magic, may import any of them.
    """
    reached: set[str] = set()
    to_read = list(sources)
    while to_read:
        try:
            names = imported(to_read.pop())
        except SyntaxError:
            return modules()
        found = {name for name in names if file_of(name).is_file()} - reached
        reached |= found
        to_read += [file_of(name).read_text(encoding="utf-8") for name in found]
    return reached


def modules() -> set[str]:
    """All modules of the package."""
    files = [file.relative_to(PACKAGE).with_suffix("") for file in PACKAGE.rglob("*.py")]
    return {".".join(file.parts).removesuffix("__init__").removesuffix(".") for file in files}


def imported(source: str) -> set[str]:
    """What code may import of the package: modules, what they lie in, and names taken from them."""
    names: set[str] = set()
    whole: set[str] = set()  # at hand as objects, which load more when asked
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            late, taken = LATE.get(node.module, {}), {alias.name for alias in node.names}
            found = {late.get(name, f"{node.module}.{name}") for name in taken}
            names |= found | ({node.module} - {"dissect.chapter"})  # which only hands out
            whole |= found | ({node.module} if "*" in taken else set())
        elif isinstance(node, ast.Import):
            dotted = [alias.name.split(".") for alias in node.names]
            whole |= {".".join(parts[:n]) for parts in dotted for n in range(1, len(parts) + 1)}
    names |= whole | {module for package in whole for module in LATE.get(package, {}).values()}
    inside = {name.removeprefix("dissect.") for name in names if name.startswith("dissect.")}
    parents = {name.rsplit(".", n)[0] for name in inside for n in range(1, name.count(".") + 1)}
    return inside | parents  # importing a module runs the packages that it lies in
