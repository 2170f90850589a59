"""Checks of the exercises on masked words."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from dissect.experiments.masking import MaskedText
from dissect.experiments.probes import Split
from dissect.teaching.exercises import materials
from dissect.teaching.exercises.checking import NotYet, by_name, checks, need, numbers, report, same

PIECES = 10_000  # in the text of 3.1
RATE, MASKED, REPLACED = 0.15, 0.8, 0.1  # the chapter's, after Devlin et al. 2019
KINDS = ("masked", "replaced", "unchanged")


@checks("3.1")
def expected(answer: Any, pieces: int = PIECES) -> None:
    targets = RATE * pieces
    shares = dict(zip(KINDS, (MASKED, REPLACED, 1 - MASKED - REPLACED), strict=True))
    right = {"targets": targets} | {kind: share * targets for kind, share in shares.items()}
    answers = by_name(answer, list(right))
    said = {name: float(numbers(answers[name], (), "a dictionary of four numbers")) for name in right}
    off = [name for name in right if not same(said[name], right[name], 0)]
    if not off:
        return
    need(max(said.values()) > 100, "These are shares or percent; numbers of word pieces are asked for.")
    need(
        not same(said["targets"], 2 * targets),
        "The number of targets is that of a text masked twice; this one is masked once.",
    )
    need(not same(said["targets"], pieces), "Not every word piece is a target: how often is one chosen?")
    many = [kind for kind in KINDS if same(said[kind], shares[kind] * pieces)]
    need(
        not many, f"Of which number is the share of {', '.join(many)} taken: of all word pieces, or of some?"
    )
    need(
        not same(said["unchanged"], pieces - targets),
        "Word pieces that are no target are not asked for: 'unchanged' is one of three kinds of targets.",
    )
    need(
        not same(said["replaced"], REPLACED * (1 - MASKED) * targets),
        "The share of 'replaced' is one of all targets, and not of those that are left after masking.",
    )
    parts = sum(said[kind] for kind in KINDS)
    if not same(parts, said["targets"]):
        raise NotYet(f"The three kinds do not add up to your number of targets. Look at: {', '.join(off)}.")
    raise NotYet(f"Look again at: {', '.join(off)}.")


def kinds(ids: list[list[int]], places: list[tuple[int, int]], labels: list[int]) -> np.ndarray:
    """How many places of some sentences read [MASK], another than their label, and their label.

    Args:
        ids: The sentences, each a list of token ids.
        places: (sentence, position).
        labels: The token that stood at each place.
    """
    mask = materials.loaded().tokenizer.mask_token_id
    there = [(s, p, label) for (s, p), label in zip(places, labels, strict=True) if p < len(ids[s])]
    masked = sum(ids[s][p] == mask for s, p, _ in there)
    unchanged = sum(ids[s][p] == label for s, p, label in there)
    return np.array([masked, len(there) - masked - unchanged, unchanged])


def other_kinds(text: MaskedText) -> Iterator[tuple[str, np.ndarray]]:
    """Typical mistakes of 3.2: what to say, and the counts that they lead to."""
    ids, labels = text.input_ids, text.labels
    right = kinds(ids, text.targets, labels)
    masked, replaced, unchanged = right
    yield "These are shares; the answer is to be counts.", right / right.sum()
    yield "These are percent; the answer is to be counts.", 100 * right / right.sum()
    yield (
        "These are the numbers that one expects; count those in the text.",
        np.array([MASKED, REPLACED, 1 - MASKED - REPLACED]) * right.sum(),
    )
    yield (
        "A target that reads [MASK] does not read its label either: each is to be counted once.",
        np.array([masked, masked + replaced, unchanged]),
    )
    yield (
        "'replaced' counts those, too, that read the right one.",
        np.array([masked, replaced + unchanged, unchanged]),
    )
    yield (
        "'unchanged' counts positions that are no target.",
        np.array([masked, replaced, sum(map(len, ids)) - masked - replaced]),
    )
    for step in (-1, 1):
        yield (
            "You look at the place beside each target: positions count from 0, which is [CLS].",
            kinds(ids, [(sentence, position + step) for sentence, position in text.targets], labels),
        )
    by_source = [(source, position) for source, (_, position) in zip(text.source, text.targets, strict=True)]
    yield (
        "`source` is a sentence before masking; a target's place in `input_ids` is in `targets`.",
        kinds(ids, by_source, labels),
    )


@checks("3.2")
def counted(answer: Any, sentences: int = 300) -> None:
    text = materials.masked(sentences)
    right = kinds(text.input_ids, text.targets, text.labels)
    said = numbers(answer, (3,), "three counts: masked, replaced, unchanged")
    if (said == right).all():
        return
    need(sorted(said) != sorted(right), "The three counts are there, in another order than is asked for.")
    for words, wrong in other_kinds(text):
        need(not same(said, wrong, 0 if wrong.sum() > 100 else 2), words)
    off = [kind for kind, a, b in zip(KINDS, said, right, strict=True) if a != b]
    need(
        said.sum() == right.sum(),
        f"Your three counts add up to {said.sum():.0f}, which is not the number of targets. "
        f"Off are: {', '.join(off)}.",
    )
    raise NotYet(f"Off are: {', '.join(off)}. Compare what stands at each target with its label.")


def among(these: np.ndarray, those: np.ndarray) -> float:
    """The share of these values that occur among those."""
    return float(np.isin(these, those).mean())


def most_frequent(labels: np.ndarray) -> int:
    """The label that occurs most often."""
    return Counter(labels.tolist()).most_common(1)[0][0]


def other_baselines(labels: np.ndarray, split: Split) -> Iterator[tuple[str, float]]:
    """Typical mistakes of 3.3: what to say, and the accuracy that they lead to."""
    train, dev, test = (labels[places] for places in (split.train, split.dev, split.test))
    word = most_frequent(train)
    right = float(np.mean(test == word))
    guessing = (
        "That is guessing at random among the types; a reader that has seen the training targets can "
        "do better without looking."
    )
    for types in (train, test, labels):
        yield guessing, 1 / len(np.unique(types))
    yield guessing, 1 / len(materials.loaded().tokenizer)
    yield (
        "That is the accuracy of the word that is most frequent among the test targets; the training targets "
        "name another. On which of them did you choose yours?",
        float(np.mean(test == most_frequent(test))),
    )
    elsewhere = "That is no accuracy on the test targets alone: on which targets did you count?"
    for some in (train, dev, labels, np.concatenate([train, dev])):
        yield elsewhere, float(np.mean(some == word))
        yield elsewhere, float(np.mean(some == most_frequent(some)))
    part = materials.by_target()
    yield (
        "That is the accuracy if targets are split one by one; take `given.by_sentence()`.",
        float(np.mean(labels[part.test] == most_frequent(labels[part.train]))),
    )
    times = Counter(train.tolist())
    yield (
        "That is guessing each word as often as it occurs; one word each time does better in training.",
        float(np.mean([times[label] / len(train) for label in test.tolist()])),
    )
    yield "That is how often it is wrong.", 1 - right
    yield "That is the share of test targets whose word occurs in training.", among(test, train)


@checks("3.3")
def baseline(answer: Any, seed: int = materials.BY_SENTENCE) -> None:
    said = float(numbers(answer, (), "one number"))
    labels, split = np.array(materials.masked().labels), materials.by_sentence(seed)
    right = np.mean(labels[split.test] == most_frequent(labels[split.train]))
    if same(said, right):
        return
    need(said != 0, "The word does occur among the test targets.")
    need(0 < said <= 1, "That is in percent, or a count: the answer is to be a share between 0 and 1.")
    for words, wrong in other_baselines(labels, split):
        need(not same(said, wrong, 3), words)
    raise NotYet("Not that: which one word would you name each time, and on which targets is it counted?")


def other_leaks(split: Split) -> Iterator[tuple[str, float]]:
    """Typical mistakes of 3.4: what to say of the first number, and the share that they lead to."""
    text = materials.masked()
    source, copy = np.array(text.source), np.array([sentence for sentence, _ in text.targets])
    train, dev, test = (source[places] for places in (split.train, split.dev, split.test))
    both = np.intersect1d(train, test)
    yield "is of the training targets; the question is asked of the test targets.", among(train, test)
    sentences = "is a share of sentences; one of the test targets is asked for."
    for some in (test, train, source, np.union1d(train, test)):
        yield sentences, len(both) / len(np.unique(some))
    yield "divides a number of sentences by one of targets.", len(both) / len(test)
    development = "has to do with the development targets; look at training and test targets alone."
    for these, those in ((test, np.concatenate([train, dev])), (dev, train), (test, dev)):
        yield development, among(these, those)
    yield (
        "takes each masked copy for a sentence of its own: `source` tells which belong together.",
        among(copy[split.test], copy[split.train]),
    )
    seen = {(source[n], text.labels[n]) for n in split.train.tolist()}
    yield (
        "asks for the same word in the same sentence; the same sentence is enough.",
        float(np.mean([(source[n], text.labels[n]) in seen for n in split.test.tolist()])),
    )
    yield "is the share that does not stand in such a sentence.", 1 - among(test, train)


@checks("3.4")
def leak(answer: Any, seed: int = materials.BY_TARGET) -> None:
    said = numbers(answer, (2,), "two shares: split by target, split by sentence")
    source = np.array(materials.masked().source)
    by_target = materials.by_target(seed)
    right = [among(source[s.test], source[s.train]) for s in (by_target, materials.by_sentence())]
    off = [not same(a, b) for a, b in zip(said, right, strict=True)]
    if not any(off):
        return
    need(not same(said, right, 1), "That is rounded too far: give two decimals at least.")
    need(((said >= 0) & (said <= 1)).all(), "Shares lie between 0 and 1.")
    need(not same(said[::-1], right), "Each of the two stands in the other's place.")
    need(not off[1], "The second number is off: can a sentence that is kept whole be on both sides?")
    for words, wrong in other_leaks(by_target):
        need(not same(said[0], wrong, 3), f"The first number {words}")
    raise NotYet("The first number is off: look up each test target's sentence among those of training.")


@checks("3.5")
def kinds_of_targets(answer: Any) -> None:
    report(answer, least=4)
