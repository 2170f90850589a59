"""Checks of the exercises on named entities."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from seqeval.metrics import f1_score as entity_f1
from sklearn.metrics import f1_score

from dissect.exercises import given
from dissect.exercises.checking import (
    NotYet,
    by_name,
    called,
    checks,
    near,
    need,
    numbers,
    report,
    signature_of,
)

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
Sentences = Sequence[Sequence[str]]


def macro_f1(true: Sequence[str], said: Sequence[str]) -> float:
    """The mean over tags of each tag's F1."""
    return float(f1_score(true, said, average="macro", zero_division=0))


def legal(tags: Sequence[str]) -> bool:
    """An I- tag goes on with a B- or I- of its own type (the IOB2 scheme)."""
    before = ("O", *tags)
    return all(tag[0] != "I" or b[1:] == tag[1:] for b, tag in zip(before, tags, strict=False))


def drawn(seed: int, sentences: int = 6, words: int = 8) -> list[list[str]]:
    """Random legal tags."""
    rng = np.random.default_rng(seed)
    result: list[list[str]] = []
    for _ in range(sentences):
        row: list[str] = []
        while len(row) < words:
            tag = str(rng.choice(TAGS))
            row += [tag] if legal([*row, tag]) else []
        result.append(row)
    return result


def mixed(true: Sequence[str], other: Sequence[str], every: int = 3) -> list[str]:
    """The true tags, but for each third one."""
    return [t if n % every else s for n, (t, s) in enumerate(zip(true, other, strict=True))]


@checks("5.1")
def legality(answer: Any) -> None:
    signature_of(answer, "tags")
    for length in range(1, 4):
        for tags in product(TAGS, repeat=length):
            said = bool(called(answer, list(tags)))
            if said != legal(tags):
                verdict = "allows" if said else "forbids"
                raise NotYet(
                    f"Your function {verdict} {' '.join(tags)}. Which tag may stand before an I- tag?"
                )


@checks("5.2")
def of_entities(answer: Any) -> None:
    signature_of(answer, "true", "said")
    for seed in range(8):
        true, said = drawn(seed), drawn(seed + 100)
        said = [row if legal(row) else ["O"] * len(row) for row in map(mixed, true, said)]
        value = float(numbers(called(answer, true, said), (), "a function that returns one number"))
        flat_true, flat_said = sum(true, []), sum(said, [])
        right = entity_f1(true, said)
        if near(value, right):
            continue
        by_word = f1_score(flat_true, flat_said, average="micro", labels=[t for t in TAGS if t != "O"])
        need(not near(value, by_word), "That is F1 over words; an entity counts once, whole or not at all.")
        beginnings = f1_score(flat_true, flat_said, average="micro", labels=["B-PER", "B-LOC"])
        need(not near(value, beginnings), "You compare where entities begin, and not where they end.")
        raise NotYet(
            f"On one of the examples your F1 is too {'high' if value > right else 'low'}: an entity is "
            "a sentence, a type, a first and a last word.",
        )
    nothing = [["O", "O"]]
    value = float(numbers(called(answer, [["B-PER", "O"]], nothing), (), "a function: one number"))
    need(value == 0, "Where no entity is named, F1 is to be 0.")


@checks("5.3")
def over_tags(answer: Any) -> None:
    signature_of(answer, "true", "said")
    for seed in range(4):
        true, said = sum(drawn(seed), []), sum(drawn(seed + 50), [])
        said = mixed(true, said, every=2)
        value = float(numbers(called(answer, true, said), (), "a function that returns one number"))
        if near(value, macro_f1(true, said)):
            continue
        others = {
            "micro": "That is the micro-average, in which each word counts alike.",
            "weighted": "You weight the tags by how often they occur.",
        }
        for average, off in others.items():
            need(not near(value, f1_score(true, said, average=average, zero_division=0)), off)
        without = f1_score(true, said, average="macro", labels=TAGS[1:], zero_division=0)
        need(not near(value, without), "You left a tag out: O counts as any other.")
        raise NotYet("It is not yet the plain mean of each tag's own F1.")
    true, said = ["O", "O", "B-PER"], ["O", "B-LOC", "O"]
    value = float(numbers(called(answer, true, said), (), "a function that returns one number"))
    need(
        near(value, macro_f1(true, said)),
        "It is right unless a tag occurs on one side only: the F1 of such a tag is 0, and it counts.",
    )


@checks("5.4")
def nothing_named(answer: Any) -> None:
    _, tags = given.tagged()
    true = sum(tags, [])
    said = ["O"] * len(true)
    right = {
        "accuracy": float(np.mean([tag == "O" for tag in true])),
        "macro_f1": macro_f1(true, said),
        "entity_f1": 0.0,  # no entity is named, so none is right
    }
    value = {name: float(numbers(v, (), "three scores")) for name, v in by_name(answer, list(right)).items()}
    need(max(value.values()) <= 1, "Scores lie between 0 and 1.")
    need(
        value["entity_f1"] == right["entity_f1"],
        "'entity_f1' is off: how many entities does this tagger name?",
    )
    types = {tag[2:] for tag in true}
    need(
        not near(value["macro_f1"], macro_f1(true, said) * len(set(true)) / len(types)),
        "'macro_f1' is off: you took the mean over types, and B- and I- are tags of their own.",
    )
    need(
        not near(value["macro_f1"], 2 * right["accuracy"] / (1 + right["accuracy"])),
        "'macro_f1' is off: that is the F1 of O alone, and what of the tags that are never named?",
    )
    off = [name for name in right if not near(value[name], right[name], 1e-2)]
    need(not off, f"Off: {', '.join(off)}.")


@checks("5.5")
def other_order(answer: Any) -> None:
    pair = by_name(answer, ["true", "a", "b"])
    rows = {name: list(value) if isinstance(value, list | tuple) else [] for name, value in pair.items()}
    true, a, b = rows["true"], rows["a"], rows["b"]
    need(0 < len(true) == len(a) == len(b), "All three are to be lists of tags, of the same length.")
    for name in ("true", "a", "b"):
        need(
            all(tag in TAGS for tag in rows[name]), f"In {name!r} is a tag that is none of {', '.join(TAGS)}."
        )
        need(legal(rows[name]), f"The tags of {name!r} are not legal: see 5.1.")
    need("B-PER" in true or "B-LOC" in true, "There is no entity in 'true', so nothing can be found.")
    macro, entity = (
        [score(true, said) for said in (a, b)]
        for score in (macro_f1, lambda t, s: float(entity_f1([t], [s], zero_division=0)))
    )
    need(macro[0] > macro[1], f"By macro-F1 a is not ahead: {macro[0]:.3f} against {macro[1]:.3f}.")
    need(entity[1] > entity[0], f"By entity F1 b is not ahead: {entity[1]:.3f} against {entity[0]:.3f}.")


@checks("5.6")
def new_names(answer: Any) -> None:
    report(answer, least=4)
