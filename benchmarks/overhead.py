"""How much longer a decomposition takes than the plain forward pass, on the same batches.

    python benchmarks/overhead.py [--model minilm] [--corpus teaching] [--sentences 1000]

Each round times the plain pass and, after it, the decompositions, on every batch of 32 sentences;
the table gives the median over rounds of the ratio to the plain pass of the same round.
"""

import argparse
import platform
import resource
import statistics
import time

import torch

from dissect import Decomposer, corpora
from dissect.features import padded, tokenized
from dissect.models import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--corpus", default="teaching")
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    loaded = load(options.model)
    sentences = corpora.text(options.corpus, options.sentences)
    ids = sorted(tokenized(loaded, sentences), key=len)
    batches = [padded(loaded, ids[n : n + options.batch]) for n in range(0, len(ids), options.batch)]
    decomposer = Decomposer(loaded.model)

    def plain():
        with torch.no_grad():
            for batch in batches:
                loaded.model(**batch)

    def last_layer():
        for batch in batches:
            decomposer(**batch)

    def all_layers():
        for batch in batches:
            for parts in decomposer.layers(**batch):
                parts.importance()

    ways = {
        "plain forward pass": plain,
        "terms of the last layer": last_layer,
        "terms and importance of all layers": all_layers,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(options.rounds + 1):
        for name, way in ways.items():
            seconds = clock(way)
            if round_ > 0:  # the first warms up
                times[name].append(seconds)

    print(
        f"{loaded}; {len(ids)} sentences, {sum(map(len, ids))} pieces, batches of {options.batch}; "
        f"{torch.get_num_threads()} threads, {platform.machine()}, torch {torch.__version__}"
    )
    base = times["plain forward pass"]
    for name, taken in times.items():
        ratios = [t / b for t, b in zip(taken, base, strict=True)]
        print(
            f"{name:36s} {statistics.median(ratios):5.2f} times "
            f"({min(ratios):.2f} to {max(ratios):.2f}), median {statistics.median(taken):.2f} s"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process: {peak:.0f} MiB")


def clock(work) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
