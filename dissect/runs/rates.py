"""What a unit of work takes on this machine, from a few batches and probes timed on the spot."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from dissect import corpora
from dissect.decomposition import Decomposer
from dissect.experiments import masked_words, measures, named_entities, word_senses
from dissect.experiments.least_squares import LeastSquares
from dissect.experiments.probes import Choices, Split, Training, entity_probes, masked_heads, sense_probes
from dissect.features import batches, padded, tokenized
from dissect.models import Loaded

PASSES = ("terms", "layers", "linear")
FEW, EPOCHS, SENSES = 1000, 3, 4  # items and epochs of a probe that is timed, and senses of a lemma
TOGETHER = 4  # probes that are timed; those of a run are trained together, too
DEFAULTS = {
    "masked-word heads": masked_words.TRAINING, "sense probes": word_senses.TRAINING,
    "entity probes": named_entities.TRAINING,
}  # fmt: skip
Work = Callable[[], object]


def pass_rates(loaded: Loaded) -> dict[str, float]:
    """Seconds a token of what the chapters do with text, from one batch of each.

    "terms" is a pass that takes the terms of the last layer, "layers" one that takes those of all, "linear"
    the mean of the two of chapter 1, whose least squares are with them.
    """
    ids = tokenized(loaded, corpora.text("teaching", 200))
    batch = padded(loaded, [ids[n] for n in batches([len(row) for row in ids])[0]])
    real = int(batch["attention_mask"].sum())
    decomposer = Decomposer(loaded.model)
    fits: dict[int, LeastSquares] = {}
    pairs = [LeastSquares() for _ in range(12)]

    def layers() -> None:
        for parts in decomposer.each_layer(**batch):
            parts.importance()

    def linear() -> None:
        measures.fit_feedforwards(fits, decomposer.feedforwards(**batch))
        parts = decomposer(**batch)
        for n, fit in enumerate(pairs):
            fit.add(parts.terms[n % 4][parts.mask], parts.terms[(n + 1) % 4][parts.mask])

    terms = clock(lambda: decomposer(**batch)) / real
    return {"terms": terms, "layers": clock(layers) / real, "linear": clock(linear) / (2 * real)}


def probe_rates(hidden: int, sizes: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """Seconds that an item takes in an epoch of a probe, from a short one on few random items.

    Args:
        hidden: The width of the embeddings.
        sizes: Items to train on, and classes, by kind of probe.
    """
    return {kind: probe_rate(kind, hidden, *size) for kind, size in sizes.items()}


def probe_rate(kind: str, hidden: int, items: int, classes: int) -> float:
    """Seconds that an item takes in an epoch of a kind of probe.

    Args:
        kind: Of probe.
        hidden: The width of the embeddings.
        items: How many it is to be trained on, which decides how large batches are.
        classes: How many labels they have.
    """
    batch_size = DEFAULTS[kind].suited_to(items).batch_size
    few = max(FEW, batch_size)
    training = replace(DEFAULTS[kind], epochs=EPOCHS, batch_size=batch_size, patience=EPOCHS)
    x = torch.randn(few + few // 8, hidden)
    dev = torch.arange(few, len(x))
    probe = made(kind, x, classes, Split(torch.arange(few), dev, dev), training)
    return clock(probe) / (TOGETHER * EPOCHS * few)


def made(kind: str, x: Tensor, classes: int, split: Split, training: Training) -> Work:
    """What trains probes of a kind on random labels.

    Args:
        kind: Of probe.
        x: (items, hidden).
        classes: How many labels there are.
        split: Of the items.
        training: How.
    """
    xs, trainings = [x] * TOGETHER, [training] * TOGETHER
    labels = torch.randint(max(1, classes), (len(x),))
    if kind == "masked-word heads":
        return lambda: masked_heads(xs, labels, split, trainings, 0, torch.arange(max(1, classes)))
    if kind == "entity probes":
        return lambda: entity_probes(xs, labels, max(1, classes), split, trainings, 0)
    lemmas = labels // SENSES * SENSES
    choices = Choices(lemmas, torch.full_like(lemmas, SENSES))
    return lambda: sense_probes(xs, labels, max(1, classes) + SENSES, choices, split, trainings, 0)


def clock(call: Work) -> float:
    """Seconds of the second of two calls: the first warms up."""
    call()
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
