"""How much longer a decomposition takes than the plain forward pass, on the same batches.

    python benchmarks/overhead.py [--model minilm …] [--corpus teaching] [--sentences 1000]
                                  [--save book/measured/overhead.csv]

Each round times the plain pass and, after it, the other ways, on every batch of 32 sentences; the
table gives the median over rounds of the ratio to the plain pass of the same round. Peak memory is
that of a fresh process which does one thing only, less what the loaded model takes.
"""

import argparse
import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from dissect import Decomposer, corpora
from dissect.features import padded, tokenized
from dissect.measures import LeastSquares
from dissect.models import load

PLAIN = "plain forward pass"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", nargs="+", default=["minilm"])
    parser.add_argument("--corpus", default="teaching")
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--save")
    options = parser.parse_args()
    table = pd.concat([measured(name, options) for name in options.model], ignore_index=True)
    print(f"{machine()}; {options.sentences} sentences, batches of {options.batch}")
    print(table.to_string(index=False))
    if options.save:
        Path(options.save).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.save, index=False)
        Path(options.save).with_suffix(".txt").write_text(
            f"{machine()}; {options.sentences} sentences of the corpus *{options.corpus}*, "
            f"batches of {options.batch}, median of {options.rounds} rounds.\n"
        )


def measured(name: str, options: argparse.Namespace) -> pd.DataFrame:
    """Ratios of time and of peak memory to the plain pass, a row a way."""
    ways = ways_of(name, options)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for round_ in range(options.rounds + 1):
        for way, work in ways.items():
            seconds = clock(work)
            if round_ > 0:  # the first warms up
                times[way].append(seconds)
    base = times[PLAIN]
    memory = {way: peak_memory(name, way, options) for way in ways}
    rows = []
    for way, taken in times.items():
        ratios = [t / b for t, b in zip(taken, base, strict=True)]
        middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
        label = load(name).label
        seconds = statistics.median(taken)
        rows.append((label, way, f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"{seconds:.2f}",
                     f"{memory[way] / memory[PLAIN]:.2f}"))  # fmt: skip
    return pd.DataFrame(rows, columns=["model", "way", "time", "range", "seconds", "peak memory"])


def ways_of(name: str, options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    loaded = load(name)
    sentences = corpora.text(options.corpus, options.sentences)
    ids = sorted(tokenized(loaded, sentences), key=len)
    batches = [padded(loaded, ids[n : n + options.batch]) for n in range(0, len(ids), options.batch)]
    decomposer = Decomposer(loaded.model)

    def plain() -> None:
        with torch.no_grad():
            for batch in batches:
                loaded.model(**batch)

    def last_layer() -> None:
        for batch in batches:
            decomposer(**batch)

    def all_layers() -> None:
        for batch in batches:
            for parts in decomposer.layers(**batch):
                parts.importance()

    def linear() -> None:
        fits: dict[int, LeastSquares] = {}
        for batch in batches:
            for layer, (x, y) in decomposer.feedforwards(**batch).items():
                fits.setdefault(layer, LeastSquares()).add(x, y)
        for fit in fits.values():
            fit.r2()

    return {
        PLAIN: plain,
        "terms of the last layer": last_layer,
        "terms and importance of all layers": all_layers,
        "R² of all feed-forwards": linear,
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
    work = ways_of(name, options)[way]
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux forgets the peak of loading
        begun = _status("VmRSS")
        work()
        send.send(_status("VmHWM") - begun)
    except OSError:  # other systems have no such files
        send.send(float("nan"))


def _status(field: str) -> int:
    """Bytes that the system counts for this process: VmRSS now, VmHWM at the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def machine() -> str:
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    return f"{processor}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def clock(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
