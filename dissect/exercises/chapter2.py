"""Checks of the exercises on importance."""

from itertools import permutations
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from dissect.exercises import given
from dissect.exercises.checking import (
    NotYet,
    called,
    checks,
    near,
    need,
    numbers,
    report,
    signature_of,
)
from dissect.parts import TERMS


def shares(terms: np.ndarray) -> np.ndarray:
    """e·x / e·e of four terms, (4, d) -> (4,)."""
    e = terms.sum(0)
    return terms @ e / (e @ e)


@checks("2.1")
def in_the_plane(answer: Any) -> None:
    terms = numbers(answer, (4, 2), "four vectors in the plane, a row each")
    need(np.abs(terms.sum(0)).max() > 0, "The four add up to zero, which has no shares.")
    i, h, _, _ = shares(terms)
    need(h < 0, f"The importance of h is {h:.2f}, which is not negative: which way does h point?")
    need(i > 1, f"The importance of i is {i:.2f}, which is no more than one.")


@checks("2.2")
def importance(answer: Any) -> None:
    signature_of(answer, "e", "x")
    rng = np.random.default_rng(0)
    terms = rng.normal(size=(4, 5, 7))
    e = terms.sum(0)
    said = np.stack([numbers(called(answer, e, x), (5,), "a function: a number a token") for x in terms])
    double = numbers(called(answer, e, 2 * terms[0]), (5,), "a function: a number a token")
    need(not near(double, said[0]), "Your number is the same for a term of twice the length: is it a cosine?")
    need((said < 0).any(), "Your number is never negative, though some of these terms point away from e.")
    need(
        near(said.sum(0), np.ones(5)),
        "Over the four terms your numbers do not add up to one: what are they divided by?",
    )
    need(near(said, np.einsum("td,xtd->xt", e, terms) / (e * e).sum(-1)), "They add up, but are not shares.")


@checks("2.3")
def both_signs(answer: Any) -> None:
    need(isinstance(answer, list | tuple) and len(answer) == 2, "The answer is to be two pairs, in a list.")
    found = [share_at(pair) for pair in answer]
    for value, sign, name in zip(found, (-1, 1), ("first", "second"), strict=True):
        need(value * sign > 0, f"At your {name} token the importance of c is {value:+.3f}: the wrong sign.")


def share_at(pair: Any) -> float:
    """The importance of c at a (sentence, position). Raises `NotYet` where there is no such token."""
    try:
        sentence, position = pair
        parts = given.dissected(str(sentence))
        last = parts.mask.sum().item() - 1
        need(isinstance(position, int | np.integer), "A position is to be a whole number.")
    except (TypeError, ValueError):
        raise NotYet("Each of the two is to be a sentence and a position in it.") from None
    need(0 < position < last, f"There is no word piece at {position}: count from 0, which is [CLS].")
    return parts.importance()[TERMS.index("c"), 0, position].item()


@checks("2.4")
def spearman(answer: Any) -> None:
    signature_of(answer, "x", "y")
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    tied = np.round(x), np.round(y)

    def said(x: np.ndarray, y: np.ndarray) -> float:
        return float(numbers(called(answer, x, y), (), "a function that returns one number"))

    right = spearmanr(x, y).statistic
    need(
        near(said(x, y), right) or near(said(x, np.exp(3 * y)), said(x, y)),
        "Your number changes when y is stretched with its order kept: are they ranks that you correlate?",
    )
    need(near(said(x, y), right), "It is off even without ties.")
    need(
        near(said(*tied), spearmanr(*tied).statistic),
        "It is right without ties, and off with them: which rank do equal values get?",
    )


@checks("2.5")
def shapley(answer: Any) -> None:
    signature_of(answer, "terms")
    for seed in range(3):
        terms = np.random.default_rng(seed).normal(size=(4, 5))
        said = numbers(called(answer, terms), (4,), "a function that returns four numbers")
        size = terms.sum(0) @ terms.sum(0)
        need(
            near(said.sum(), size),
            "The four do not add up to |e|²: a Shapley value gives out all there is. Are all orders in "
            "which the terms may join weighted alike?",
        )
        need(
            not near(said, (terms**2).sum(1) * size / (terms**2).sum()),
            "That is the terms' own lengths, stretched to add up: what they add to one another is lost.",
        )
        need(near(said, joined(terms)), "They add up, but some term gets another's part.")


def joined(terms: np.ndarray) -> np.ndarray:
    """By how much each term raises the squared length when it joins, mean over all orders."""
    total = np.zeros(len(terms))
    orders = list(permutations(range(len(terms))))
    for order in orders:
        at = np.zeros(terms.shape[1])
        for n in order:
            total[n] += (at + terms[n]) @ (at + terms[n]) - at @ at
            at = at + terms[n]
    return total / len(orders)


@checks("2.6")
def kinds_of_pieces(answer: Any) -> None:
    report(answer, least=4)
