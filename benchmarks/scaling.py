"""Is the cost linear in tokens, and what does sorting by length save?

    python benchmarks/scaling.py [--save book/measured/scaling.csv] [--picture book/images/scaling.svg]

Terms of the last layer for 1,000 to 100,000 sentences (those of the corpus, over and over), in
batches by token budget after sorting, as the package makes them; for the smallest number also in
batches of 32 as the sentences come.
"""

import argparse
from itertools import cycle, islice
from pathlib import Path

import pandas as pd
from overhead import clock, machine

from dissect import Decomposer, corpora
from dissect.features import batches, padded, tokenized
from dissect.models import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--corpus", default="teaching")
    parser.add_argument("--sizes", nargs="+", type=int, default=[1000, 3000, 10_000, 30_000, 100_000])
    parser.add_argument("--save")
    parser.add_argument("--picture")
    options = parser.parse_args()
    loaded = load(options.model)
    decomposer = Decomposer(loaded.model)
    corpus = tokenized(loaded, corpora.text(options.corpus))
    rows = []

    def measure(how: str, ids: list, places: list[list[int]]) -> None:
        def work() -> None:
            for batch in places:
                decomposer(**padded(loaded, [ids[n] for n in batch]))

        rows.append((len(ids), sum(map(len, ids)), how, clock(work)))
        print(*rows[-1], flush=True)

    smallest = list(islice(cycle(corpus), options.sizes[0]))
    measure("warming up", smallest, batches([len(row) for row in smallest]))
    rows.clear()
    for size in options.sizes:
        ids = list(islice(cycle(corpus), size))
        measure("sorted, by token budget", ids, batches([len(row) for row in ids]))
    measure("as they come, 32 a batch", smallest,
            [list(range(n, min(n + 32, len(smallest)))) for n in range(0, len(smallest), 32)])  # fmt: skip
    table = pd.DataFrame(rows, columns=["sentences", "tokens", "batches", "seconds"])
    table["tokens a second"] = (table["tokens"] / table["seconds"]).round(-2).astype(int)
    print(machine())
    print(table.to_string(index=False))
    if options.save:
        Path(options.save).parent.mkdir(parents=True, exist_ok=True)
        table.round(2).to_csv(options.save, index=False)
    if options.picture:
        picture(table, options.picture)


def picture(table: pd.DataFrame, path: str) -> None:
    """Seconds over tokens, both logarithmic, with a line of slope one through the first point."""
    from dissect.report import figures

    figures.cost_by_tokens(table).savefig(path)


if __name__ == "__main__":
    main()
