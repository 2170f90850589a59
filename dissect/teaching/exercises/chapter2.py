"""Checks of the exercises on importance."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, permutations
from typing import Any

import numpy as np
from scipy.stats import kendalltau, pearsonr, rankdata, spearmanr

from dissect.decomposition import TERMS
from dissect.teaching.exercises import materials
from dissect.teaching.exercises.checking import NotYet, checks, need, numbers, report, same, signature_of
from dissect.teaching.exercises.mistakes import kept


def shares(terms: np.ndarray) -> np.ndarray:
    """e·x / e·e of four terms, (4, d) -> (4,)."""
    e = terms.sum(0)
    return terms @ e / (e @ e)


@checks("2.1")
def in_the_plane(answer: Any) -> None:
    terms = numbers(answer, (4, 2), "four vectors in the plane, a row each")
    need(terms.any(), "All four are zero, which has no shares.")
    terms = terms / np.abs(terms).max()
    need(np.abs(terms.sum(0)).max() > 1e-6, "The four add up to zero, which has no shares.")
    i, h, _, _ = shares(terms)
    need(h < -1e-6, f"The importance of h is {h:.2f}, which is not negative: which way does h point?")
    need(i > 1 + 1e-6, f"The importance of i is {i:.2f}, which is no more than one.")


def lengths(x: np.ndarray) -> np.ndarray:
    """Of vectors (…, d), (…)."""
    return np.linalg.norm(x, axis=-1)


def dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Products of vectors (…, d), one by one, (…)."""
    return (x * y).sum(-1)


# Typical mistakes of 2.2: what to say, and the function of e and x.
OTHER_MEASURES: dict[str, Callable[..., np.ndarray]] = {
    "Your number is the same for a term of twice the length: is it a cosine?": (
        lambda e, x: dot(e, x) / lengths(e) / lengths(x)
    ),
    "Your number is never negative, though some terms point away from e: is it a ratio of lengths?": (
        lambda e, x: lengths(x) / lengths(e)
    ),
    "Your number is never negative: is it a ratio of squared lengths?": lambda e, x: dot(x, x) / dot(e, e),
    "Your number is never negative, though some of these terms point away from e.": (
        lambda e, x: np.abs(dot(e, x)) / dot(e, e)
    ),
    "You divide by x · x: the share is one of e.": lambda e, x: dot(e, x) / dot(x, x),
    "You divide by the length of e, and not by its square.": lambda e, x: dot(e, x) / lengths(e),
    "That is e · x: what is it divided by?": lambda e, x: dot(e, x),
    "You divide by e · e of all tokens together: each token has its own.": (
        lambda e, x: dot(e, x) / (e * e).sum()
    ),
    "You divide number by number: a dot product is a sum of products.": lambda e, x: (x / e).sum(-1),
    "You divide number by number and take the mean: a dot product is a sum of products.": (
        lambda e, x: (x / e).mean(-1)
    ),
}


@checks("2.2")
def importance(answer: Any) -> None:
    signature_of(answer, "e", "x")
    rng = np.random.default_rng(0)
    asked = []
    for shape in ((4, 5, 7), (4, 3, 2)):
        terms = rng.normal(size=shape)
        asked += [(terms.sum(0), x) for x in terms]
    what = "a function that returns one number a token"
    said = [numbers(kept(answer, e, x), (len(e),), what) for e, x in asked]

    def is_(measure: Callable[..., np.ndarray]) -> bool:
        return all(same(a, measure(e, x)) for a, (e, x) in zip(said, asked, strict=True))

    if is_(lambda e, x: dot(e, x) / dot(e, e)):
        return
    for words, measure in OTHER_MEASURES.items():
        need(not is_(measure), words)
    sums = np.concatenate([sum(said[:4]), sum(said[4:])])
    need(
        same(sums, np.ones(len(sums))),
        "Over the four terms your numbers do not add up to one: what are they divided by?",
    )
    raise NotYet("Over the four terms your numbers add up to one, and are not the shares: see the formula.")


@checks("2.3")
def both_signs(answer: Any) -> None:
    pairs = answer.tolist() if isinstance(answer, np.ndarray) and answer.size == 4 else answer
    pairs = list(islice(pairs, 3)) if isinstance(pairs, Iterator) else pairs
    need(isinstance(pairs, list | tuple) and len(pairs) == 2, "The answer is to be two pairs, in a list.")
    found = [share_at(pair) for pair in pairs]
    for (token, value), sign, name in zip(found, (-1, 1), ("first", "second"), strict=True):
        need(
            value * sign > 0,
            f"Your {name} token is {token!r}; there the importance of c is {value:+.4f}: the wrong sign.",
        )


def share_at(pair: Any) -> tuple[str, float]:
    """The token at a (sentence, position), and the importance of c there.

    Raises:
        NotYet: There is no such token.
    """
    form = "Each of the two is to be a sentence and a position in it, in this order."
    need(isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str), form)
    sentence, place = pair
    need(not isinstance(place, bool | str) or str(place).isdecimal(), form)
    place = int(place) if isinstance(place, str) else place  # an array of both holds strings
    position = float(numbers(place, (), "two pairs of a sentence and a position"))
    need(position.is_integer(), "A position is to be a whole number.")
    tokens = materials.loaded().tokenizer(sentence)["input_ids"]
    longest = materials.loaded().model.config.max_position_embeddings
    need(len(tokens) <= longest, f"The sentence has {len(tokens)} word pieces; the model reads {longest}.")
    last = len(tokens) - 1
    need(0 <= position <= last, f"There is no word piece at {position:.0f}: the last position is {last}.")
    name = str(materials.loaded().tokenizer.convert_ids_to_tokens(tokens[int(position)]))
    need(0 < position < last, f"There is no word piece at {position:.0f}, but {name}, which does not count.")
    share = materials.dissected(sentence).importance()[TERMS.index("c"), 0, int(position)].item()
    return name, share


def of_ranks(method: str) -> Callable[..., float]:
    """The correlation of ranks in which equal values are ranked by a method of scipy's `rankdata`."""
    return lambda x, y: pearsonr(rankdata(x, method=method), rankdata(y, method=method)).statistic


def short_formula(x: np.ndarray, y: np.ndarray) -> float:
    """1 - 6 Σd² / (n³ - n), which is ρ where no values are equal."""
    d, n = rankdata(x) - rankdata(y), len(x)
    return 1 - 6 * (d @ d) / (n**3 - n)


# Typical mistakes of 2.4: what to say, and the function of x and y.
OTHER_RANKS: dict[str, Callable[..., float]] = {
    "Are they ranks that you correlate? Yours is the correlation of the values.": (
        lambda x, y: pearsonr(x, y).statistic
    ),
    "`argsort` gives the places of the values in order, which are no ranks yet.": (
        lambda x, y: pearsonr(x.argsort(), y.argsort()).statistic
    ),
    "It is right without ties. Which rank do equal values get? Yours all get the lowest.": (of_ranks("min")),
    "It is right without ties. Which rank do equal values get? Yours all get the highest.": (of_ranks("max")),
    "It is right without ties. With them: two that share ranks 1 and 2 are followed by 3.": of_ranks("dense"),
    "It is right without ties. The formula with squared differences holds there alone.": (short_formula),
    "Its sign is the wrong one: are x and y ranked in the same direction?": (
        lambda x, y: -spearmanr(x, y).statistic
    ),
    "That is Kendall's τ, which counts pairs.": lambda x, y: kendalltau(x, y).statistic,
    "That is the square of a correlation.": lambda x, y: spearmanr(x, y).statistic ** 2,
    "That is the covariance of the ranks: a correlation is divided by their deviations.": (
        lambda x, y: np.cov(rankdata(x), rankdata(y))[0, 1]
    ),
    "That is the covariance of the ranks, with n; a correlation is divided by their deviations.": (
        lambda x, y: np.cov(rankdata(x), rankdata(y), ddof=0)[0, 1]
    ),
    "That is the p-value.": lambda x, y: spearmanr(x, y).pvalue,
}


@checks("2.4")
def spearman(answer: Any) -> None:
    signature_of(answer, "x", "y")
    rng = np.random.default_rng(0)
    plain, tied = [], []
    for n in (30, 11):
        x = rng.normal(size=n)
        y = np.exp(x - rng.normal(size=n))
        plain.append((x, y))
        tied.append((np.round(x), np.round(-y)))

    def said(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        what = "a function that returns one number"
        return np.array([float(numbers(kept(answer, x, y), (), what)) for x, y in pairs])

    def of(measure: Callable[..., float], pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        return np.array([measure(x, y) for x, y in pairs])

    without, ties = said(plain), said(tied)
    both = np.concatenate([without, ties])
    right = of(lambda x, y: spearmanr(x, y).statistic, plain + tied)
    if same(both, right):
        return
    for words, measure in OTHER_RANKS.items():
        need(not same(both, of(measure, plain + tied)), words)
    need(
        not same(without, right[: len(plain)]),
        "It is right without ties, and off with them: which rank do equal values get?",
    )
    stretched = said([(x, np.exp(y / 4)) for x, y in plain])
    need(
        same(stretched, without),
        "Your number changes when y is stretched with its order kept: are they ranks that you correlate?",
    )
    raise NotYet("It is off even without ties, though the order of y is all that matters to it.")


# Typical mistakes of 2.5: what to say, and the function of four terms.
OTHER_VALUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "These are importances: the values themselves are asked for, of |e|².": shares,
    "That is a single order: the mean over all of them is asked for.": (
        lambda terms: joined(terms, [(0, 1, 2, 3)])
    ),
    "That is a single order, from the last term to the first: the mean over all of them is asked for.": (
        lambda terms: joined(terms, [(3, 2, 1, 0)])
    ),
    "They add up to 24 times |e|²: are these sums over the orders, or does an order of yours begin where "
    "the one before has ended?": lambda terms: 24 * joined(terms),
    "These are the terms' own squared lengths: what they add to one another is lost.": (
        lambda terms: dot(terms, terms)
    ),
    "These are the terms' own squared lengths, stretched to add up: what they add to one another is lost.": (
        lambda terms: dot(terms, terms) * (terms.sum(0) @ terms.sum(0)) / (terms**2).sum()
    ),
    "That is what each adds to all the others: it joins last in some orders only.": (
        lambda terms: 2 * terms @ terms.sum(0) - dot(terms, terms)
    ),
    "Credited is what is added to the squared length, and not to the length.": (
        lambda terms: joined(terms, worth=np.linalg.norm)
    ),
}


@checks("2.5")
def shapley(answer: Any) -> None:
    signature_of(answer, "terms")
    asked = [np.random.default_rng(d).normal(size=(4, d)) for d in (5, 3, 8)]
    said = np.stack([numbers(kept(answer, x), (4,), "a function that returns four numbers") for x in asked])
    if all(same(a, joined(x)) for a, x in zip(said, asked, strict=True)):
        return
    for words, wrong in OTHER_VALUES.items():
        need(not all(same(a, wrong(x)) for a, x in zip(said, asked, strict=True)), words)
    need(
        all(same(a.sum(), (x.sum(0) ** 2).sum()) for a, x in zip(said, asked, strict=True)),
        "The four do not add up to |e|²: a Shapley value gives out all there is. Are all orders in "
        "which the terms may join weighted alike?",
    )
    raise NotYet("They add up, but some term gets another's part.")


def squared(x: np.ndarray) -> float:
    """The squared length of a vector."""
    return float(x @ x)


def joined(
    terms: np.ndarray,
    orders: Sequence[tuple[int, ...]] = tuple(permutations(range(4))),
    worth: Callable[[np.ndarray], Any] = squared,
) -> np.ndarray:
    """By how much each of four terms raises what the sum is worth when it joins, mean over orders.

    Args:
        terms: (4, hidden).
        orders: In which they join.
        worth: Of a sum.
    """
    total = np.zeros(len(terms))
    for order in orders:
        at = np.zeros(terms.shape[1])
        for n in order:
            total[n] += worth(at + terms[n]) - worth(at)
            at = at + terms[n]
    return total / len(orders)


@checks("2.6")
def kinds_of_pieces(answer: Any) -> None:
    report(answer, least=4)
