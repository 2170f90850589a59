"""How many of a list of mistakes the tests notice: `make mutants`.

Each mutant in the `*.toml` files beside this one is one mistake that somebody might make. It is made in a
copy of the checkout, and the tests that ought to notice run there. Verdicts are kept in `.mutants`, so that
what was interrupted goes on; they are made again when the code, the mutant or its tests have changed.
"""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".mutants"
LIMIT = 300.0  # seconds that the tests of one mutant may take
WANTED = 0.95
SLOW_TO_IMPORT = [  # by all tests, and the same for all mutants: imported once, then forked
    "pytest", "hypothesis", "pandas", "torch", "scipy.stats", "sklearn.metrics", "seqeval.metrics", "optuna",
    "transformers.trainer", "transformers.models.auto.modeling_auto",
]  # fmt: skip
CAUGHT = {1, 2, -signal.SIGKILL}  # pytest's codes: a test failed, or could not be collected; and too slow


@dataclass(frozen=True)
class Mutant:
    """A mistake: a piece of a file that stands there once, and what stands there instead."""

    name: str
    room: str  # the list it is in
    file: str
    old: str
    new: str
    breaks: str  # what is wrong then
    tests: tuple[str, ...]  # files or node ids that should notice
    equivalent: str = ""  # why no test could, where none can

    def applied(self, text: str) -> str:
        """The file's text with the mistake. Raises `ValueError` where the piece is not there once."""
        if (times := text.count(self.old)) != 1:
            raise ValueError(f"{self.room}/{self.name}: {self.old!r} stands {times} times in {self.file}")
        return text.replace(self.old, self.new)


def listed(pattern: str = "") -> list[Mutant]:
    """The mutants whose room/name holds the pattern."""
    found = []
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        room = tomllib.loads(file.read_text(encoding="utf-8"))
        shared = {"room": file.stem, "tests": room.get("tests", [])}
        for one in room["mutant"]:
            tests = tuple(one.get("tests", shared["tests"]))
            found.append(Mutant(**shared | one | {"tests": tests}))
    return [one for one in found if pattern in f"{one.room}/{one.name}"]


def misfits(mutants: Iterable[Mutant]) -> list[str]:
    """What is wrong with those that fit the code no more."""
    found = []
    for one in mutants:
        before = (ROOT / one.file).read_text(encoding="utf-8")
        try:
            compile(after := one.applied(before), one.file, "exec")
        except (ValueError, SyntaxError) as error:
            found.append(str(error))
            continue
        if after == before:
            found.append(f"{one.room}/{one.name} changes nothing")
    return found


def key(mutant: Mutant) -> str:
    """A hash of what a verdict depends on, nearly: the mutant, its file, and its tests."""
    files = {mutant.file, "tests/conftest.py", *(test.partition("::")[0] for test in mutant.tests)}
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in sorted(files)]
    return hashlib.sha256(json.dumps([asdict(mutant), texts]).encode()).hexdigest()


def left_out(folder: str, names: list[str]) -> set[str]:
    """What a copy of the checkout does without, for `shutil.copytree`."""
    made = ("runs", "_build", "dist", "build") if Path(folder) == ROOT else ()  # dissect/runs is no run
    return set(shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", *made)(folder, names))


def copied(to: Path) -> Path:
    """A copy of the checkout, beside which the real corpora lie as they lie beside the checkout."""
    tree = to / "tree"
    shutil.copytree(ROOT, tree, ignore=left_out)
    if (shared := ROOT.parent / "shared").is_dir():
        (to / "shared").symlink_to(shared)
    return tree


def child(tree: Path, tests: Iterable[str], log: Path) -> None:
    """Run tests in a copy; the exit code is pytest's."""
    import pytest

    os.setsid()
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))
    with log.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(int(pytest.main(["-n", "0", "-x", "-p", "no:cacheprovider", "--tb=line", *tests])))


def run(tree: Path, tests: Iterable[str], limit: float) -> int:
    """The exit code of tests in a copy, which are killed when they take too long."""
    process = multiprocessing.get_context("forkserver").Process(
        target=child, args=(tree, list(tests), tree.parent / "log")
    )
    process.start()
    process.join(limit)
    if process.is_alive():
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
    return process.exitcode


def judged(mutant: Mutant, tree: Path) -> dict:
    """Whether the tests notice a mutant: {"verdict", "seconds"}."""
    place = tree / mutant.file
    before = place.read_text(encoding="utf-8")
    begun = monotonic()
    try:
        place.write_text(mutant.applied(before), encoding="utf-8")
        code = run(tree, mutant.tests, LIMIT)
    finally:
        place.write_text(before, encoding="utf-8")
    verdict = "caught" if code in CAUGHT else "missed" if code == 0 else f"pytest ended with {code}"
    return {"verdict": verdict, "seconds": round(monotonic() - begun, 1)}


def refuse_failing(mutants: list[Mutant], tree: Path) -> None:
    """Where tests fail without a mutant, their failing says nothing of it."""
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    if tests and run(tree, tests, LIMIT * len(tests)) != 0:
        print((tree.parent / "log").read_text()[-2000:])
        raise SystemExit("tests fail without any mutant: mend them first")


def report(mutants: list[Mutant], found: dict[str, dict]) -> bool:
    """Print the share that was caught, room by room; whether it is as large as is wanted."""
    real = [one for one in mutants if not one.equivalent]
    caught = {one for one in real if found[key(one)]["verdict"] == "caught"}
    for room in dict.fromkeys(one.room for one in real):
        inside = [one for one in real if one.room == room]
        print(f"{room}: {len(caught.intersection(inside))} of {len(inside)}")
    for one in real:
        if one not in caught:
            print(f"{found[key(one)]['verdict']}: {one.room}/{one.name}, {one.breaks}")
    share = len(caught) / len(real)
    print(f"{len(caught)} of {len(real)} caught ({share:.1%}); {len(mutants) - len(real)} change nothing")
    return share >= WANTED


def main(
    only: Annotated[str, typer.Option(help="Those whose room/name holds this.")] = "",
    jobs: Annotated[int, typer.Option(help="So many at once.")] = 1,
    again: Annotated[bool, typer.Option(help="Forget the verdicts that are kept.")] = False,
) -> None:
    """Make every mistake of the list and see whether the tests notice."""
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    multiprocessing.get_context("forkserver").set_forkserver_preload(SLOW_TO_IMPORT)
    KEPT.mkdir(exist_ok=True)
    verdicts = KEPT / "verdicts.jsonl"
    lines = [] if again or not verdicts.exists() else verdicts.read_text(encoding="utf-8").splitlines()
    found = {row["key"]: row for row in map(json.loads, lines)}
    mutants = listed(only)
    if all(one.equivalent for one in mutants):
        raise SystemExit(f"no mutant that changes anything has {only!r} in its name")
    if wrong := misfits(mutants):
        raise SystemExit("\n".join(wrong))
    left = [one for one in mutants if not one.equivalent and key(one) not in found]
    with (
        tempfile.TemporaryDirectory() as scratch,
        verdicts.open("w" if again else "a", encoding="utf-8") as file,
        ThreadPoolExecutor(jobs) as pool,
    ):
        trees: SimpleQueue[Path] = SimpleQueue()
        for n in range(jobs):
            (Path(scratch) / str(n)).mkdir()
            trees.put(copied(Path(scratch) / str(n)))
        refuse_failing(left, first := trees.get())
        trees.put(first)

        def one(mutant: Mutant) -> None:
            tree = trees.get()
            row = {"key": key(mutant), "mutant": f"{mutant.room}/{mutant.name}"} | judged(mutant, tree)
            trees.put(tree)
            found[row["key"]] = row
            print(f"{row['verdict']:8} {row['mutant']} ({row['seconds']} s)", flush=True)
            file.write(json.dumps(row) + "\n")
            file.flush()

        list(pool.map(one, left))
    raise SystemExit(0 if report(mutants, found) else 1)


if __name__ == "__main__":
    typer.run(main)
