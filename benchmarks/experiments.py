"""What the experiments cost beside the plain way of doing the same, each pair in one process.

    python benchmarks/experiments.py [--sentences 4000] [--rounds 3] [--save book/measured/experiments.csv]

- terms of SemCor's ambiguous words, taken and kept on disk, beside the plain forward pass over the
  same batches;
- nearest neighbours by one matrix product a lemma, beside a loop over items; both must say the same;
- an epoch of the two-layer probe with the logits of an item's own lemma only, beside the full softmax
  over all senses with the others masked.

Needs SemCor (see `dissect fetch`). A ratio is the median over rounds of this way to the plain one.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from overhead import clock, machine
from torch import Tensor

from dissect import corpora
from dissect.experiments.probes import Choices, Split, Training, nearest_neighbours, sense_probe, vectors_of
from dissect.experiments.probes.training import frequencies
from dissect.experiments.probes.two_layers import SenseProbe
from dissect.experiments.word_senses import TRAINING, SenseTerms, numbered, sense_terms
from dissect.features import gathering
from dissect.models import Loaded, load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--sentences", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save")
    options = parser.parse_args()
    loaded = load(options.model)
    corpus = corpora.senses("semcor", options.sentences)
    size = f"{len(corpus.sentences):,} sentences of SemCor, {len(corpus.items):,} items"
    about = f"{machine()}; {loaded}; {size}"
    print(about)
    rows = [terms(loaded, corpus, options.rounds)]
    items = sense_terms(loaded, corpus)
    rows += [neighbours(items, options.rounds), probe(items, options.rounds)]
    table = pd.DataFrame(rows, columns=["what", "beside", "time, ratio"])
    print(table.to_string(index=False))
    if options.save:
        table.to_csv(options.save, index=False)
        Path(options.save).with_suffix(".txt").write_text(f"{about}.\n")


def ratio(ours: Callable[[], object], plain: Callable[[], object], rounds: int) -> str:
    """The median over rounds of our time to the plain one; below one it is written as 1/n."""
    of_rounds = []
    for _ in range(rounds):
        base = clock(plain)
        of_rounds.append(clock(ours) / base)
    median = statistics.median(of_rounds)
    return f"{median:.2f}" if median > 0.1 else f"1/{1 / median:.0f}"


def terms(loaded: Loaded, corpus: corpora.SenseCorpus, rounds: int) -> tuple[str, str, str]:
    encoded = loaded.tokenizer(corpus.sentences, return_offsets_mapping=True, verbose=False)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    targets = []
    for item in corpus.items:
        pieces = [n for n, (a, b) in enumerate(offsets[item.sentence]) if a < item.end and b > item.start]
        targets.append((item.sentence, pieces))
    shards = gathering.in_shards(ids, targets, range(len(targets)))

    @torch.no_grad()
    def plain() -> None:
        for shard in shards:
            for batch in gathering.batches([len(ids[s]) for s in shard.sentences]):
                loaded.model(**gathering.padded(loaded, [ids[shard.sentences[n]] for n in batch]))

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = gathering.open_store(folder, loaded, ids, targets, shards)
            for n, shard in enumerate(shards):
                make = partial(gathering.shard_terms, loaded, ids, targets, shard)
                store.shard(n, (), make)

    return "terms of words, kept on disk", "plain forward pass", ratio(ours, plain, rounds)


def neighbours(items: SenseTerms, rounds: int) -> tuple[str, str, str]:
    split = items.split(0)
    x = items.features.subset("i+h+f+c")

    def ours() -> list[str]:
        return nearest_neighbours(x, items.senses, items.lemmas, split)

    few = replace(split, test=split.test[:100])  # the loop is too slow for more; scaled below

    def loop() -> list[str]:
        return one_by_one(x, items.senses, items.lemmas, few)

    same = ours()[:100] == loop()
    assert same, "the two ways of finding neighbours differ"
    scaled = len(split.test) / 100
    found = statistics.median(clock(ours) / (clock(loop) * scaled) for _ in range(rounds))
    return "nearest neighbours, one product a lemma", "a loop over items", f"1/{1 / found:.0f}"


def one_by_one(x: Tensor, senses: list[str], lemmas: list[str], split: Split, k: int = 5) -> list[str]:
    """As `nearest_neighbours`, one test item at a time."""
    answers = []
    train = split.train.tolist()
    for n in split.test.tolist():
        near = [m for m in train if lemmas[m] == lemmas[n]]
        cosines = [F.cosine_similarity(x[n], x[m], dim=0).item() for m in near]
        best = sorted(range(len(near)), key=lambda place: -cosines[place])[:k]
        votes = [senses[near[place]] for place in best]
        answers.append(max(votes, key=votes.count) if votes else "")
    return answers


def probe(items: SenseTerms, rounds: int) -> tuple[str, str, str]:
    names, labels, choices = numbered(items)
    split = items.split(0)
    x = vectors_of(items.features, "i+h+f+c", split.train)
    once = replace(TRAINING, epochs=1)

    def ours() -> object:
        return sense_probe(x, labels, len(names), choices, split, once, 0)

    def full() -> None:
        full_softmax(x, labels, names, choices.first, choices.count, split, once)

    return "an epoch of the sense probe, own logits", "full softmax, masked", ratio(ours, full, rounds)


def full_softmax(
    x: Tensor, labels: Tensor, names: list[str], first: Tensor, count: Tensor, split: Split, once: Training
) -> None:
    """The same epoch with all senses' logits, those of other lemmas masked out."""
    often = frequencies(labels[split.train], len(names))
    net = SenseProbe(x.shape[1], often, Choices(first, count))
    optimizer = torch.optim.AdamW(net.parameters(), lr=once.learning_rate, fused=True)
    numbers = torch.arange(len(names))
    size = once.suited_to(len(split.train)).batch_size
    for n in split.train[torch.randperm(len(split.train))].split(size):
        own = (numbers >= first[n, None]) & (numbers < (first + count)[n, None])
        logits = net.second(net.hidden(x[n], None)).masked_fill(~own, -torch.inf)
        optimizer.zero_grad()
        F.cross_entropy(logits, labels[n]).backward()
        optimizer.step()


if __name__ == "__main__":
    main()
