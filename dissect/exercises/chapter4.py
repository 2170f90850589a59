"""Checks of the exercises on word senses."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from dissect.exercises import given
from dissect.exercises.checking import (
    by_name,
    called,
    checks,
    near,
    need,
    numbers,
    report,
    signature_of,
)
from dissect.parts import TERMS

TRAIN = {"bank": ["money"] * 5 + ["river"] * 3, "crane": ["machine"] * 2 + ["bird"] * 4}
TEST = {"bank": ["money", "river", "money"], "crane": ["machine", "bird", "machine"]}
EACH = 10  # items of each of two senses in the second half of 4.1
ITEMS, RIGHT = 100, 40  # of 4.3


def most_frequent(senses: Sequence[str]) -> str:
    """The sense that occurs most often; of equals the first."""
    return Counter(senses).most_common(1)[0][0]


@checks("4.1")
def first_sense(answer: Any) -> None:
    said = by_name(answer, ["held out", "left out"])
    held, left = (float(numbers(said[name], (), "two numbers")) for name in ("held out", "left out"))
    right = [sense == most_frequent(TRAIN[lemma]) for lemma, some in TEST.items() for sense in some]
    need(max(held, left) <= 1, "Accuracies lie between 0 and 1.")
    peeked = [sense == most_frequent(TEST[lemma]) for lemma, some in TEST.items() for sense in some]
    need(
        not near(held, np.mean(peeked)),
        "For 'held out', you chose the sense by the test items: only the training items may be counted.",
    )
    both = Counter(sense for some in TRAIN.values() for sense in some).most_common(1)[0][0]
    overall = [sense == both for some in TEST.values() for sense in some]
    need(
        not near(held, np.mean(overall)),
        "For 'held out', each lemma has a most frequent sense of its own.",
    )
    need(near(held, np.mean(right)), "'held out' is off: name each lemma's sense, then count.")
    senses = ["a"] * EACH + ["b"] * EACH
    alone = [most_frequent(senses[:n] + senses[n + 1 :]) == senses[n] for n in range(len(senses))]
    need(
        abs(left - np.mean(alone)) < 1e-3,
        "'left out' is off: take one item away and count the senses of the others.",
    )


def neighbours(x: np.ndarray, senses: Sequence[str], query: np.ndarray, k: int, cosine: bool = True) -> str:
    """The majority among the k nearest; of equals, the one with the nearest neighbour."""
    if cosine:
        near_ = -(x @ query) / np.linalg.norm(x, axis=1) / np.linalg.norm(query)
    else:
        near_ = np.linalg.norm(x - query, axis=1)
    return Counter(senses[n] for n in np.argsort(near_)[:k]).most_common(1)[0][0]


@checks("4.2")
def knn(answer: Any) -> None:
    signature_of(answer, "x", "senses", "query", "k")
    rng = np.random.default_rng(0)
    seen: dict[str, int] = dict.fromkeys(("euclid", "off", "ties", "far"), 0)
    for trial in range(40):
        x = rng.normal(size=(12, 3)) * rng.uniform(0.2, 4, size=(12, 1))
        senses = rng.choice(["a", "b", "c"], 12).tolist()
        query = rng.normal(size=3)
        k = (1, 3, 4, 5)[trial % 4]
        said = called(answer, x, list(senses), query, k)
        need(said in set(senses), f"The function returned {said!r}, which is no sense of the training items.")
        order = np.argsort(-(x @ query) / np.linalg.norm(x, axis=1))
        votes = sorted(Counter(senses[n] for n in order[:k]).values())
        right = neighbours(x, senses, query, k)
        if said != right:
            tied = len(votes) > 1 and votes[-1] == votes[-2]
            seen["ties" if tied else "off"] += 1
            seen["far"] += said == neighbours(x, senses, -query, k)
        seen["euclid"] += said == neighbours(x, senses, query, k, cosine=False)
    need(
        seen["euclid"] < 40,
        "You take the nearest by Euclidean distance: a long vector is far from a short one.",
    )
    need(
        seen["off"] + seen["ties"] == 0 or seen["far"] < seen["off"] + seen["ties"],
        "Your neighbours are the farthest ones: which way is the similarity sorted?",
    )
    need(seen["off"] == 0, f"{seen['off']} of 40 votes without a tie come out otherwise.")
    need(
        seen["ties"] == 0,
        f"Only ties are off, {seen['ties']} times: of equal votes, whose neighbour is nearest?",
    )


def lowest(senses: int) -> float:
    """The least agreement of two predictors that are right on `RIGHT` of `ITEMS` items each."""
    shares = []
    for both in range(max(0, 2 * RIGHT - ITEMS), RIGHT + 1):
        neither = ITEMS - 2 * RIGHT + both
        # with two senses, those who are both wrong say the same
        shares.append((both + (neither if senses == 2 else 0)) / ITEMS)
    return min(shares)


@checks("4.3")
def agreement(answer: Any) -> None:
    said = by_name(answer, ["two senses", "three senses", "highest"])
    value = {name: float(numbers(said[name], (), "three shares")) for name in said}
    need(max(value.values()) <= 1, "Agreement is a share: it lies between 0 and 1.")
    need(value["highest"] == 1, "'highest' is off: may the two not give all the same answers?")
    need(
        not near(value["two senses"], (RIGHT / ITEMS) ** 2 + (1 - RIGHT / ITEMS) ** 2),
        "For 'two senses' you took the two to be independent; the question is for the lowest there can be.",
    )
    for name, senses in (("two senses", 2), ("three senses", 3)):
        off = value[name] - lowest(senses)
        said_off = "agreement can be lower than that" if off > 0 else "agreement cannot be as low as that"
        need(abs(off) < 1e-3, f"For {name!r}, {said_off}. What do the two say where both are wrong?")


def left_out(x: np.ndarray, senses: Sequence[str], itself: bool = False) -> float:
    """Accuracy of the nearest other item's sense."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    similarity = unit @ unit.T
    if not itself:
        np.fill_diagonal(similarity, -np.inf)
    return float(np.mean([senses[n] == senses[row.argmax()] for n, row in enumerate(similarity)]))


@checks("4.4")
def one_word(answer: Any) -> None:
    senses, terms = given.senses_of("crane.noun")
    said = {
        t: float(numbers(value, (), "four accuracies"))
        for t, value in by_name(answer, TERMS).items()
        if t in TERMS
    }
    need(max(said.values()) <= 1, "Accuracies lie between 0 and 1.")
    need(set(said.values()) != {1.0}, "All four are perfect: is each item its own nearest neighbour?")
    right = {t: left_out(x, senses) for t, x in zip(TERMS, terms, strict=True)}
    one_item = 0.5 / len(senses)
    off = [t for t in TERMS if abs(said[t] - right[t]) > one_item]
    need(
        not off,
        f"Off are: {', '.join(off)}. Near is by cosine, and an item must not find itself.",
    )


@checks("4.5")
def subsets_compared(answer: Any) -> None:
    report(answer, least=4)
