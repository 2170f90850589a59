"""Whether the learned heads of chapter 3 would do better at another learning rate.

    python benchmarks/rates.py [--save book/measured/rates.csv]

The first run's split of the published run's targets: 10,000 sentences of Europarl through MiniLM,
masked once, 15 % of the word pieces. The recorded training is the first row of
each set of terms; the others take larger or smaller steps.
Needs Europarl (see `dissect fetch`); some five minutes on two cores.
"""

import argparse
from dataclasses import replace

import pandas as pd

from dissect import corpora, models
from dissect.experiments.masked_words import TRAINING, masked_targets
from dissect.experiments.probes import Judged, Training, masked_head, vectors_of

TRIED = [
    TRAINING,
    *(replace(TRAINING, learning_rate=rate) for rate in (2e-3, 5e-4)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--save")
    save = parser.parse_args().save
    targets = masked_targets(models.load("minilm"), corpora.text("europarl", 10_000, 0), times=1, seed=0)
    split = targets.split(0)
    right = targets.labels[split.test]
    rows = []
    for terms in ("i+h+f+c", "h"):
        x = vectors_of(targets.features, terms, split.train)
        for training in TRIED:
            losses: list[float] = []

            def watch(epoch: int, now: Judged, best: Judged, losses: list[float] = losses) -> None:
                losses.append(now.loss)

            said = masked_head(x, targets.labels, split, training, seed=0, watch=watch)
            rows.append(row(terms, training, losses, (said["predicted"] == right).double().mean().item()))
            print(*rows[-1])
    table = pd.DataFrame(
        rows, columns=["terms", "learning rate", "epochs", "loss (dev, nats)", "accuracy (%)"]
    )
    if save:
        table.to_csv(save, index=False)


def row(terms: str, training: Training, losses: list[float], accuracy: float) -> tuple:
    return terms, f"{training.learning_rate:g}", len(losses), f"{min(losses):.3f}", f"{100 * accuracy:.2f}"


if __name__ == "__main__":
    main()
