"""How much longer a decomposition takes than the plain forward pass, on the same batches.

    python benchmarks/overhead.py [--model minilm …] [--corpus teaching] [--sentences 1000]
                                  [--save book/measured/overhead.csv]

Batches are as the package makes them: so many tokens at a time, of sentences sorted by length. In
each round every way goes once through all batches, right after a plain pass over them; the table gives
the median over rounds of the ratio of the two. The plain pass is a way too, so its row tells how
well the measurement repeats. Peak memory is that of fresh processes which do one thing only, less what
the loaded model takes.
"""

import argparse
import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from dissect import Decomposer, corpora
from dissect.experiments.least_squares import LeastSquares
from dissect.experiments.measures import fit_feedforwards
from dissect.features.gathering import TOKENS_PER_BATCH, batches, padded, tokenized
from dissect.models import load

PLAIN = "plain forward pass"
PROCESSES = 3  # whose peak memory is taken, one after the other; the median counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", nargs="+", default=["minilm"])
    parser.add_argument("--corpus", default="teaching")
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--save")
    options = parser.parse_args()
    table = pd.concat([measured(name, options) for name in options.model], ignore_index=True)
    print(f"{machine()}; {options.sentences} sentences, batches of {TOKENS_PER_BATCH} tokens")
    print(table.to_string(index=False))
    if options.save:
        Path(options.save).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.save, index=False)
        Path(options.save).with_suffix(".txt").write_text(
            f"{machine()}; {options.sentences} sentences of the corpus *{options.corpus}*, "
            f"batches of {TOKENS_PER_BATCH} tokens, median of {options.rounds} rounds.\n"
        )


@dataclass
class Way:
    """What is done with every batch, and once after the last."""

    of_batch: Callable[[dict[str, Any]], object]
    finish: Callable[[], object] = lambda: None

    def __call__(self, made: list[dict[str, Any]]) -> None:
        for batch in made:
            self.of_batch(batch)
        self.finish()


def measured(name: str, options: argparse.Namespace) -> pd.DataFrame:
    """Ratios of time and of peak memory to the plain pass, a row a way."""
    made, ways = ways_of(name, options)
    times = paired({way: (partial(work, made), partial(ways[PLAIN], made)) for way, work in ways.items()},
                   options.rounds)  # fmt: skip
    memory = {
        way: statistics.median(peak_memory(name, way, options) for _ in range(PROCESSES)) for way in ways
    }
    rows = []
    for way, rounds in times.items():
        seconds = statistics.median(taken for taken, _ in rounds)
        peak = memory[way] / memory[PLAIN]
        rows.append((load(name).label, way, *ratio_and_range(rounds), f"{seconds:.2f}", f"{peak:.2f}"))
    return pd.DataFrame(rows, columns=["model", "way", "time", "range", "seconds", "peak memory"])


def ways_of(name: str, options: argparse.Namespace) -> tuple[list[dict[str, Any]], dict[str, Way]]:
    """The batches, and what is done with them."""
    loaded = load(name)
    sentences = corpora.text(options.corpus, options.sentences)
    ids = tokenized(loaded, sentences)
    made = [padded(loaded, [ids[n] for n in batch]) for batch in batches([len(row) for row in ids])]
    decomposer = Decomposer(loaded.model)
    fits: dict[int, LeastSquares] = {}

    @torch.no_grad()
    def plain(batch: dict[str, Any]) -> None:
        loaded.model(**batch)

    def last_layer(batch: dict[str, Any]) -> None:
        decomposer(**batch)

    def all_layers(batch: dict[str, Any]) -> None:
        for parts in decomposer.each_layer(**batch):
            parts.importance()

    def linear(batch: dict[str, Any]) -> None:
        fit_feedforwards(fits, decomposer.feedforwards(**batch))

    def solve() -> None:
        for fit in fits.values():
            fit.r2()
        fits.clear()

    return made, {
        PLAIN: Way(plain),
        "terms of the last layer": Way(last_layer),
        "terms and importance of all layers": Way(all_layers),
        "R² of all feed-forwards": Way(linear, solve),
    }


def peak_memory(name: str, way: str, options: argparse.Namespace) -> float:
    """Bytes that a fresh process takes for one way, less what it had before it began."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_peak, args=(name, way, options, send))
    process.start()
    taken = receive.recv()
    process.join()
    return taken


def _peak(name: str, way: str, options: argparse.Namespace, send) -> None:
    made, ways = ways_of(name, options)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # Linux forgets the peak of loading
        begun = _status("VmRSS")
        ways[way](made)
        send.send(_status("VmHWM") - begun)
    except OSError:  # other systems have no such files
        send.send(float("nan"))


def _status(field: str) -> int:
    """Bytes that the system counts for this process: VmRSS now, VmHWM at the peak."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def machine() -> str:
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [
            line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")
        ]
        processor = names[0].partition(":")[2].strip() if names else processor
    return f"{processor}, {torch.get_num_threads()} threads, torch {torch.__version__}"


Timed = Callable[[], object]


def paired(ways: Mapping[str, tuple[Timed, Timed]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of each way and of its base, which is timed right before it, by round.

    ways: by name, a way and its base. One more round goes ahead, to warm up.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, (work, base) in ways.items():
            before = clock(base)
            times[name].append((clock(work), before))
    return {name: some[1:] for name, some in times.items()}


def ratio_and_range(times: list[tuple[float, float]]) -> tuple[str, str]:
    """The median of the ratios of a way to its base, and the smallest and largest."""
    ratios = [taken / base for taken, base in times]
    return f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}"


def clock(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
