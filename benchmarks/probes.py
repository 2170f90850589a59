"""What training probes together saves, and what bfloat16 does, beside one by one in float32.

    python benchmarks/probes.py [--model minilm] [--sentences 2000] [--seeds 5] [--save book/measured/probes]

The probes of the four terms and of their sum, for entities, senses (of four times as many sentences) and
masked words (of twice as many): trained one after another in float32, together in float32, and together with
products in bfloat16; a ratio is the median over rounds of the time of one epoch. Then scores over seeds in
both precisions, trained to the end: these are to differ by less than they do from seed to seed. Needs the
paper's corpora (see `dissect fetch`).
"""

import argparse
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch
from overhead import clock, machine
from torch import Tensor

from dissect import corpora, models
from dissect.decomposition import TERMS
from dissect.experiments import masked_words, named_entities, word_senses
from dissect.experiments.probes import Split, Training
from dissect.experiments.probes.precision import PRECISIONS, trained_in
from dissect.experiments.units import Answers

SUBSETS = (*TERMS, "i+h+f+c")


@dataclass(frozen=True)
class Kind:
    """A kind of probe, with its data.

    Attributes:
        answers: Subsets, a training and a seed -> of each what is said of the test items.
    """

    name: str
    labels: Tensor
    split: Split
    training: Training
    answers: Callable[[Sequence[str], Training, int], dict[str, Answers]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--save", help="Without an ending: a .csv on times, one on scores, and a .txt.")
    options = parser.parse_args()
    loaded = models.load(options.model, "cpu")
    about = f"{machine()}; {loaded}; {options.sentences:,} sentences a part of WNUT 2016."
    print(about)
    times, scores = [], []
    for kind in kinds(loaded, options.sentences):
        times += timed(kind, options.rounds)
        print(*times[-2:], sep="\n", flush=True)
        scores += scored(kind, options.seeds)
        print(*scores[-len(SUBSETS) :], sep="\n", flush=True)
    of_times = pd.DataFrame(times, columns=["probes", "items", "trained", "time, ratio"])
    columns = ["probes", "terms", "float32 (%)", "from seed to seed", "bfloat16 (%)", "difference"]
    of_scores = pd.DataFrame(scores, columns=columns)
    if options.save:
        of_times.to_csv(f"{options.save}-times.csv", index=False)
        of_scores.to_csv(f"{options.save}-scores.csv", index=False)
        Path(f"{options.save}.txt").write_text(f"{about}\n", encoding="utf-8")


def kinds(loaded: models.Loaded, sentences: int) -> list[Kind]:
    """The three, each with the terms of its items in memory."""
    words = named_entities.tagged_terms(loaded, corpora.entities("wnut16", sentences, 0))
    items = word_senses.sense_terms(loaded, corpora.senses("semcor", 4 * sentences))
    targets = masked_words.masked_targets(loaded, corpora.text("europarl", 2 * sentences, 0), 1, 0)
    tags, senses = words.numbered(), word_senses.numbered(items)
    by_item, by_sentence = items.split(0), targets.split(0)

    def entities(subsets: Sequence[str], how: Training, seed: int) -> dict[str, Answers]:
        return named_entities.learned(words, subsets, words.split, tags, how, seed)

    def of_senses(subsets: Sequence[str], how: Training, seed: int) -> dict[str, Answers]:
        said = word_senses.learned(items, subsets, by_item, senses, how, seed)
        return {subset: {"predicted": numbers(of["predicted"], senses[0])} for subset, of in said.items()}

    def heads(subsets: Sequence[str], how: Training, seed: int) -> dict[str, Answers]:
        return masked_words.learned(targets, subsets, by_sentence, how, seed)

    truth = numbers([senses[0][n] for n in senses[1].tolist()], senses[0])
    return [
        Kind("entities", tags[1], words.split, named_entities.TRAINING, entities),
        Kind("senses", truth, by_item, word_senses.TRAINING, of_senses),
        Kind("masked words", targets.labels, by_sentence, masked_words.TRAINING, heads),
    ]


def numbers(named: Sequence[str], names: Sequence[str]) -> Tensor:
    """Names of senses by number; senses of two lemmas that share a name share it."""
    place = {name: n for n, name in enumerate(names)}
    return torch.tensor([place[str(name)] for name in named])


def timed(kind: Kind, rounds: int) -> list[tuple[str, int, str, str]]:
    """An epoch of each together, in both precisions, beside one after another."""
    once = replace(kind.training, epochs=1)

    def alone() -> None:
        for subset in SUBSETS:
            kind.answers([subset], once, 0)

    ratios: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for _ in range(rounds):
        base = clock(alone)
        for precision in PRECISIONS:
            with trained_in(precision):
                ratios[precision].append(clock(lambda: kind.answers(SUBSETS, once, 0)) / base)
    return [
        (kind.name, len(kind.labels), f"together, {precision}", f"{statistics.median(of):.2f}")
        for precision, of in ratios.items()
    ]


def scored(kind: Kind, seeds: int) -> list[tuple[str, ...]]:
    """Accuracy on the test items in both precisions, by subset, with its deviation over seeds."""
    truth = kind.labels[kind.split.test]
    right: dict[str, pd.DataFrame] = {}
    for precision in PRECISIONS:
        rows = []
        for seed in range(seeds):
            with trained_in(precision):
                said = kind.answers(SUBSETS, kind.training, seed)
            rows.append({name: 100 * (of["predicted"] == truth).double().mean().item()
                         for name, of in said.items()})  # fmt: skip
        right[precision] = pd.DataFrame(rows)
    full, half = (right[precision] for precision in PRECISIONS)
    return [
        (kind.name, subset, f"{full[subset].mean():.2f}", f"{full[subset].std():.2f}",
         f"{half[subset].mean():.2f}", f"{half[subset].mean() - full[subset].mean():+.2f}")
        for subset in SUBSETS
    ]  # fmt: skip


if __name__ == "__main__":
    os.environ.pop("DISSECT_PRECISION", None)
    main()
