"""Probes on subsets of the terms, trained together, with answers that are kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict

from torch import Tensor

from dissect import reuse
from dissect.experiments.probes.precision import pick_precision
from dissect.experiments.probes.training import Answers, Split, Training
from dissect.experiments.probes.vectors import vectors_of
from dissect.features import EPOCHS, AnswerStore, Features, checksum
from dissect.hashing import made_by
from dissect.models import pick_device
from dissect.progress import part_named

MEMORY = 4 * 2**30  # bytes of vectors, weights and what is kept of these while they are trained
# Bytes of weights and of what each step changes with them, on a processor. What is larger does not stay in
# its cache from step to step: probes with many senses took three times as long together as one by one.
CACHE = 32 * 2**20
COPIES = 5  # of weights: themselves, gradients, two moments, and the best so far
FLOAT = 4  # bytes

# Of each probe its vectors (items, hidden) and its training -> of each its answers by name
Probes = Callable[[Sequence[Tensor], Sequence[Training]], list[Answers]]


def trained(
    probes: Probes,
    name: str,
    features: Features,
    trainings: Mapping[str, Training],
    labels: Tensor,
    split: Split,
    seed: int,
    **data: Tensor,
) -> dict[str, Answers]:
    """What probes trained on the vectors of subsets answer, by subset.

    Where features are in a store the answers are kept there, so that what was interrupted goes on
    with the next probes; they are taken from there when nothing that they depend on has changed.

    Args:
        probes: What trains them.
        name: Of their architecture.
        features: The terms of the items.
        trainings: How, by subset of the terms.
        labels: (items,).
        split: Which items are learned from, and which tested.
        seed: Of what is drawn.
        **data: What they learn from beside the labels.
    """
    told = learned_from(labels, split, **data)
    kind, _, _ = name.partition(" over ")  # so many classes
    answers = AnswerStore(features.folder, kind, items=len(split.train))
    about = {
        subset: {
            "probe": name, "terms": subset, "seed": seed, "training": asdict(training), "data": told,
            "device": pick_device().type, "precision": pick_precision(), **made_by("experiments.probes"),
        }
        for subset, training in trainings.items()
    }  # fmt: skip
    there = {subset: answers.found(key) for subset, key in about.items()}
    missing = [subset for subset, found in there.items() if found is None]
    done = len(trainings) - len(missing)
    for group, xs in together(features, missing, split.train, len(labels.unique())):
        with reuse.timed() as timer, part_named(f"{done} of {len(trainings)} done"):
            said = probes(xs, [trainings[subset] for subset in group])
        done += len(group)
        for subset, of in zip(group, said, strict=True):
            there[subset] = answers.keep(about[subset], of, timer.seconds / len(group))
    return {
        subset: {what: tensor for what, tensor in of.items() if what != EPOCHS}
        for subset, of in there.items()
        if of is not None
    }


def together(
    features: Features, subsets: Sequence[str], fit_on: Tensor, classes: int
) -> Iterator[tuple[list[str], list[Tensor]]]:
    """Subsets whose probes fit into memory together, on a processor into its cache, and are equally wide.

    Args:
        features: The terms.
        subsets: Of the terms.
        fit_on: Places of the items by which vectors are standardised.
        classes: How many a probe tells apart.

    Yields:
        Subsets, and the vectors of each.
    """
    on_processor = pick_device().type == "cpu"
    group: list[str] = []
    xs: list[Tensor] = []
    for subset in subsets:
        x = vectors_of(features, subset, fit_on)
        weights = x.shape[1] * (x.shape[1] + classes)
        memory, cache = FLOAT * (x.numel() + COPIES * weights), FLOAT * (COPIES - 1) * weights
        fit = (len(xs) + 1) * memory <= MEMORY and (not on_processor or (len(xs) + 1) * cache <= CACHE)
        if xs and not (fit and x.shape[1] == xs[0].shape[1]):
            yield group, xs
            group, xs = [], []
        group.append(subset)
        xs.append(x)
    if xs:
        yield group, xs


def learned_from(labels: Tensor, split: Split, **data: Tensor) -> str:
    """A hash of what probes learn from beside the terms, for a key.

    Args:
        labels: (items,).
        split: Which items are learned from, and which tested.
        **data: What probes learn from beside these.
    """
    parts = {"train": split.train, "dev": split.dev, "test": split.test}
    return checksum({"labels": labels, **parts, **data})
