"""Checks of the exercises on word senses."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dissect.decomposition import TERMS
from dissect.teaching.exercises import materials
from dissect.teaching.exercises.checking import NotYet, called, checks, need, report, signature_of
from dissect.teaching.exercises.mistakes import close, shares, unlike

Items = Mapping[str, Sequence[str]]  # of each lemma their senses
TRAIN: Items = {"bank": ["money"] * 5 + ["river"] * 3, "crane": ["machine"] * 2 + ["bird"] * 4}
TEST: Items = {"bank": ["money", "river", "money"], "crane": ["machine", "bird", "machine", "machine"]}
EACH = 10  # items of each of two senses in the second half of 4.1
ITEMS, RIGHT = 100, 40  # of 4.3
LEMMA = "address.verb"  # of 4.4


def most_frequent(senses: Sequence[str]) -> str:
    """The sense that occurs most often; of equals the first."""
    return Counter(senses).most_common(1)[0][0]


def on_test(test: Items, name: Callable[[str], str]) -> float:
    """The share of test items that are right when each lemma's sense is named by a function."""
    return float(np.mean([sense == name(lemma) for lemma, some in test.items() for sense in some]))


@checks("4.1")
def first_sense(answer: Any, train: Items = TRAIN, test: Items = TEST) -> None:
    """Checks the answer to exercise 4.1.

    Args:
        answer: A student's.
        train: The senses in training, by lemma.
        test: Those of the test items.
    """
    value = shares(answer, ["held out", "left out"])
    held, left = value["held out"], value["left out"]
    right = on_test(test, lambda lemma: most_frequent(train[lemma]))
    if not close(held, right):
        most = most_frequent([sense for some in train.values() for sense in some])
        by_lemma = [np.mean([s == most_frequent(train[lemma]) for s in some]) for lemma, some in test.items()]
        in_training = [sense == most_frequent(some) for some in train.values() for sense in some]
        unlike(held, {
            "For 'held out' you chose the sense by the test items; only training items may be counted.": (
                on_test(test, lambda lemma: most_frequent(test[lemma]))
            ),
            "For 'held out', each lemma has a most frequent sense of its own.": on_test(test, lambda _: most),
            "'held out' is off: that is how often it is wrong.": 1 - right,
            "'held out' is off: that is the accuracy on the training items.": np.mean(in_training),
            "'held out' is off: that is the mean over lemmas; it is the items that count alike.": (
                np.mean(by_lemma)
            ),
        })  # fmt: skip
        raise NotYet("'held out' is off: name each lemma's sense, then count.")
    senses = ["a"] * EACH + ["b"] * EACH
    alone = np.mean([most_frequent(senses[:n] + senses[n + 1 :]) == senses[n] for n in range(len(senses))])
    if not close(left, alone):
        others = 2 * EACH - 1
        unlike(left, {
            "'left out' is off: that counts all items; one of them is left out each time.": 0.5,
            "'left out' is off: that is how many of the others have the item's sense. Which is named?": (
                (EACH - 1) / others
            ),
            "'left out' is off: that is how many of the others have the sense that is named.": EACH / others,
            "'left out' is off: that is how often it is wrong.": 1 - alone,
        })  # fmt: skip
        raise NotYet("'left out' is off: take one item away and count the senses of the others.")


def by_cosine(x: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The cosine of each row with the query, (items,)."""
    return x @ query / np.linalg.norm(x, axis=1) / np.linalg.norm(query)


def by_distance(x: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Minus the Euclidean distance of each row from the query, (items,)."""
    return -np.linalg.norm(x - query, axis=1)


def neighbours(
    x: np.ndarray,
    senses: Sequence[str],
    query: np.ndarray,
    k: int,
    nearness: Callable[[np.ndarray, np.ndarray], np.ndarray] = by_cosine,
    leave: int = 0,
) -> str:
    """The majority among the k nearest; of equals, the one with the nearest neighbour.

    Args:
        x: (items, hidden).
        senses: Of the items.
        query: (hidden,).
        k: How many vote.
        nearness: Of x and the query, (items,).
        leave: So many of the nearest are passed over before.
    """
    order = np.argsort(-nearness(x, query))
    return most_frequent([senses[n] for n in order[leave : leave + k]])


def weighted(x: np.ndarray, senses: Sequence[str], query: np.ndarray, k: int) -> str:
    """The sense with the largest sum of cosines among the k nearest.

    Args:
        x: (items, hidden).
        senses: Of the items.
        query: (hidden,).
        k: How many count.
    """
    near = by_cosine(x, query)
    votes: Counter[str] = Counter()
    for n in np.argsort(-near)[:k]:
        votes[senses[n]] += near[n]
    return max(votes, key=votes.__getitem__)


NOT_NEIGHBOURS: dict[str, Callable[[Any, Any, Any, int], str]] = {
    "You take the nearest by Euclidean distance: a long vector is far from a short one.": (
        lambda x, s, query, k: neighbours(x, s, query, k, by_distance)
    ),
    "You take the largest dot product: a long vector is near to everything.": (
        lambda x, s, query, k: neighbours(x, s, query, k, np.matmul)
    ),
    "Your neighbours are the farthest ones: which way is the similarity sorted?": (
        lambda x, s, query, k: neighbours(x, s, -query, k)
    ),
    "One neighbour alone has a say: what is `k` for?": lambda x, s, query, k: neighbours(x, s, query, 1),
    "You leave the nearest one out: the query is not among the items.": (
        lambda x, s, query, k: neighbours(x, s, query, k, leave=1)
    ),
    "One neighbour too many has a say.": lambda x, s, query, k: neighbours(x, s, query, k + 1),
    "One neighbour is missing from the vote.": lambda x, s, query, k: neighbours(x, s, query, max(k - 1, 1)),
    "All items have a say, and not the nearest alone.": lambda x, s, query, k: most_frequent(s),
    "A nearer neighbour counts more with you; in a vote each counts one.": weighted,
}


@checks("4.2")
def knn(answer: Any) -> None:
    signature_of(answer, "x", "senses", "query", "k")
    rng = np.random.default_rng(0)
    like = dict(NOT_NEIGHBOURS)
    off = ties = 0
    for trial in range(40):
        x = rng.normal(size=(12, 3)) * rng.uniform(0.2, 4, size=(12, 1))
        senses = rng.choice(["a", "b", "c"], 12).tolist()
        query = rng.normal(size=3)
        k = (1, 3, 4, 5)[trial % 4]
        said = called(answer, x, senses, query, k)
        if isinstance(said, np.ndarray) and said.size == 1:
            said = said.item()
        known = isinstance(said, str) and said in senses
        need(known, f"The function returned {said!r}, which is no sense of the training items.")
        like = {words: wrong for words, wrong in like.items() if wrong(x, senses, query, k) == said}
        if said != neighbours(x, senses, query, k):
            votes = sorted(Counter(senses[n] for n in np.argsort(-by_cosine(x, query))[:k]).values())
            tied = len(votes) > 1 and votes[-1] == votes[-2]
            off, ties = off + (not tied), ties + tied
    if off or ties:
        need(not like, next(iter(like), ""))
    need(not off, f"{off} of 40 votes without a tie come out otherwise.")
    need(not ties, f"Only ties are off, {ties} times: of equal votes, whose neighbour is nearest?")


def lowest(senses: int, right: int) -> float:
    """The least agreement of two predictors that are right on so many of `ITEMS` items each."""
    agreed = []
    for both in range(max(0, 2 * right - ITEMS), right + 1):
        neither = ITEMS - 2 * right + both
        # with two senses, those who are both wrong say the same
        agreed.append((both + (neither if senses == 2 else 0)) / ITEMS)
    return min(agreed)


@checks("4.3")
def agreement(answer: Any, right: int = RIGHT) -> None:
    value = shares(answer, ["two senses", "three senses", "highest"])
    share = right / ITEMS
    need(value["highest"] > 1 - 1e-9, "'highest' is off: two who are wrong may also say the same.")
    for name, senses in (("two senses", 2), ("three senses", 3)):
        independent = share**2 + (1 - share) ** 2 / (senses - 1)
        need(
            abs(value[name] - independent) > 1e-3,
            f"For {name!r} you took the two to be independent; the question is for the lowest there can be.",
        )
        off = value[name] - lowest(senses, right)
        said_off = "agreement can be lower than that" if off > 0 else "agreement cannot be as low as that"
        need(abs(off) < 1e-3, f"For {name!r}, {said_off}. What do the two say where both are wrong?")


def cosines(x: np.ndarray) -> np.ndarray:
    """The cosine of each row with each, (items, items)."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


def distances(x: np.ndarray) -> np.ndarray:
    """Minus the Euclidean distance of each row from each, (items, items)."""
    return -np.linalg.norm(x[:, None] - x, axis=-1)


def left_out(nearness: np.ndarray, senses: Sequence[str], k: int = 1) -> float:
    """How often the k nearest others of an item name its sense.

    Args:
        nearness: (items, items).
        senses: Of the items.
        k: How many vote.
    """
    nearness = np.where(np.eye(len(senses), dtype=bool), -np.inf, nearness)
    named = [most_frequent([senses[n] for n in np.argsort(-row)[:k]]) for row in nearness]
    return float(np.mean([a == b for a, b in zip(named, senses, strict=True)]))


NEAR_OTHERWISE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "You take the largest dot product: near is by cosine.": lambda x: x @ x.T,
    "You take the smallest Euclidean distance: near is by cosine.": distances,
    "You take the farthest item for the nearest.": lambda x: -cosines(x),
    "You take a correlation: the cosine takes no mean away from the vectors.": np.corrcoef,
    "You take the mean over items away: near is by the cosine of the terms as they are.": (
        lambda x: cosines(x - x.mean(0))
    ),
}


@checks("4.4")
def one_word(answer: Any, lemma: str = LEMMA) -> None:
    value = shares(answer, TERMS)
    senses, terms = materials.senses_of(lemma)
    x = [y.astype(np.float64) for y in terms]
    right = [left_out(cosines(y), senses) for y in x]
    off = [t for t, share in zip(TERMS, right, strict=True) if not close(value[t], share)]
    if not off:
        return
    mistakes = {
        "All four are perfect: is each item its own nearest neighbour?": [1.0] * 4,
        "That is how often the neighbour has another sense.": [1 - share for share in right],
    }
    for words, nearness in NEAR_OTHERWISE.items():
        mistakes[words] = [left_out(nearness(y), senses) for y in x]
    for k in (3, 5):
        words = f"You let {k} neighbours vote; here the nearest one alone names the sense."
        mistakes[words] = [left_out(cosines(y), senses, k) for y in x]
    unlike([value[t] for t in TERMS], mistakes)
    raise NotYet(f"Off are: {', '.join(off)}. Has each item's nearest other item, by cosine, its own sense?")


@checks("4.5")
def subsets_compared(answer: Any) -> None:
    report(answer, least=4)
