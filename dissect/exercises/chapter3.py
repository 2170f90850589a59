"""Checks of the exercises on masked words."""

from collections import Counter
from typing import Any

import numpy as np

from dissect.exercises import given
from dissect.exercises.checking import by_name, checks, near, need, numbers, report
from dissect.probes import Split

PIECES = 10_000  # in the text of 3.1
RATE, MASKED, REPLACED = 0.15, 0.8, 0.1  # the chapter's, after Devlin et al. 2019


@checks("3.1")
def expected(answer: Any) -> None:
    targets = RATE * PIECES
    right = {
        "targets": targets, "masked": MASKED * targets, "replaced": REPLACED * targets,
        "unchanged": (1 - MASKED - REPLACED) * targets,
    }  # fmt: skip
    said = {
        name: float(numbers(value, (), "a number for each"))
        for name, value in by_name(answer, list(right)).items()
        if name in right
    }
    need(
        not near(said["masked"], MASKED * PIECES),
        "Of which number are the 80 % taken: of all word pieces, or of some of them?",
    )
    parts = said["masked"] + said["replaced"] + said["unchanged"]
    need(near(parts, said["targets"]), "The three kinds do not add up to your number of targets.")
    off = [name for name in right if not near(said[name], right[name])]
    need(not off, f"Look again at: {', '.join(off)}.")


@checks("3.2")
def counted(answer: Any) -> None:
    text, mask = given.masked(), given.loaded().tokenizer.mask_token_id
    seen = [text.input_ids[sentence][position] for sentence, position in text.targets]
    right = np.array(
        [
            sum(token == mask for token in seen),
            sum(token not in (mask, label) for token, label in zip(seen, text.labels, strict=True)),
            sum(token == label for token, label in zip(seen, text.labels, strict=True)),
        ]
    )
    said = numbers(answer, (3,), "three counts: masked, replaced, unchanged")
    need(not near(said.sum(), 1), "These are shares; the answer is to be counts.")
    need(
        said.sum() == right.sum(),
        f"Your three counts add up to {said.sum():.0f}, which is not the number of targets.",
    )
    off = [n for n, a, b in zip(("masked", "replaced", "unchanged"), said, right, strict=True) if a != b]
    need(not off, f"Off are: {', '.join(off)}. Compare what stands at each target with its label.")


def most_frequent(counts: Counter) -> set[int]:
    """The label, or the labels, counted most."""
    most = max(counts.values())
    return {label for label, times in counts.items() if times == most}


@checks("3.3")
def baseline(answer: Any) -> None:
    said = float(numbers(answer, (), "one number"))
    labels, split = np.array(given.masked().labels), given.by_sentence()
    train, test = labels[split.train], labels[split.test]
    best = max(np.mean(test == label) for label in np.unique(test))
    right = [np.mean(test == label) for label in most_frequent(Counter(train.tolist()))]
    need(said <= 1, "That is in percent, or a count: the answer is to be a share between 0 and 1.")
    need(
        not near(said, 1 / len(np.unique(train))),
        "That is guessing at random among the types; a reader that has seen the training targets can "
        "do better without looking.",
    )
    if not any(near(value, best) for value in right):
        need(
            not near(said, best),
            "That word is the most frequent one of the test targets: is it fair to look?",
        )
    need(
        not any(near(said, np.mean(train == label)) for label in most_frequent(Counter(train.tolist()))),
        "That is the share among the training targets; the score is counted on the test targets.",
    )
    need(
        any(near(said, value) for value in right),
        "Not that: which one word would you name each time, and on which targets is it counted?",
    )


def leaked(split: Split) -> float:
    """The share of test targets whose sentence also holds training targets."""
    source = np.array(given.masked().source)
    return float(np.isin(source[split.test], source[split.train]).mean())


@checks("3.4")
def leak(answer: Any) -> None:
    said = numbers(answer, (2,), "two shares: parted by target, parted by sentence")
    right = np.array([leaked(given.by_target()), leaked(given.by_sentence())])
    need((said <= 1).all(), "Shares lie between 0 and 1.")
    need(not near(said, right[::-1]), "Each of the two stands in the other's place.")
    need(
        abs(said[1] - right[1]) < 1e-3,
        "The second number is off: can a sentence that is kept whole be on both sides?",
    )
    back = np.array(given.masked().source)
    split = given.by_target()
    need(
        not near(said[0], np.isin(back[split.train], back[split.test]).mean()),
        "The first number is of the training targets; the question is asked of the test targets.",
    )
    need(near(said[0], right[0], 1e-2), "The first number is off: look up each test target's sentence.")


@checks("3.5")
def kinds_of_targets(answer: Any) -> None:
    report(answer, least=4)
