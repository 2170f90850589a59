"""Checks of the exercises on named entities."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice, product
from typing import Any

import numpy as np
from seqeval.metrics import f1_score as entity_f1
from sklearn.metrics import f1_score, precision_score, recall_score

from dissect.teaching.exercises import materials
from dissect.teaching.exercises.checking import NotYet, by_name, called, checks, need, report, signature_of
from dissect.teaching.exercises.mistakes import close, one, shares, unlike

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
MANY = 1000  # tags that an example may have
PROD = ("B-PROD", "I-PROD")  # a type whose name begins as another's does
Sentences = Sequence[Sequence[str]]
Score = Callable[[Any, Any], float]


def macro_f1(true: Sequence[str], said: Sequence[str]) -> float:
    """The mean over tags of each tag's F1."""
    return float(f1_score(true, said, average="macro", zero_division=0))


def legal(tags: Sequence[str]) -> bool:
    """An I- tag goes on with a B- or I- of its own type (the IOB2 scheme)."""
    before = ("O", *tags)
    return all(tag[0] != "I" or b[1:] == tag[1:] for b, tag in zip(before, tags, strict=False))


def drawn(seed: int, sentences: int = 6, words: int = 8) -> list[list[str]]:
    """Random legal tags.

    Args:
        seed: Of the draw.
        sentences: How many.
        words: In each.
    """
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
    """The true tags, but for one in so many.

    Args:
        true: The true tags.
        other: Tags that stand in for some.
        every: Of so many tags the first is another.
    """
    return [t if n % every else s for n, (t, s) in enumerate(zip(true, other, strict=True))]


def tried() -> Iterable[tuple[str, ...]]:
    """Sequences of tags to ask about, the shortest first."""
    for length in range(1, 4):
        yield from product((*TAGS, *PROD), repeat=length)
    rng = np.random.default_rng(0)
    for _ in range(30):
        yield tuple(map(str, rng.choice(TAGS, 5)))


@checks("5.1")
def legality(answer: Any) -> None:
    signature_of(answer, "tags")
    for tags in tried():
        said = called(answer, list(tags))
        kind = type(said).__name__
        need(
            isinstance(said, bool | np.bool_ | int), f"The function is to return True or False, not a {kind}."
        )
        if said and not legal(tags):
            raise NotYet(f"Your function allows {' '.join(tags)}. Which tag may stand before an I- tag?")
        need(
            said or not legal(tags),
            f"Your function forbids {' '.join(tags)}: is any tag in it out of place?",
        )


def spans(sentences: Sentences) -> set[tuple[int, str, int, int]]:
    """Entities of legal tags: sentence, type, first and last word."""
    found = set()
    for s, tags in enumerate(sentences):
        for first, tag in enumerate(tags):
            if tag[0] == "B":
                inside = [b == f"I{tag[1:]}" for b in [*tags[first + 1 :], "O"]]
                found.add((s, tag[2:], first, first + inside.index(False)))
    return found


def flat(rows: Sentences) -> list[str]:
    """The tags of all sentences, one after another."""
    return [tag for row in rows for tag in row]


def without_prefix(rows: Sentences) -> list[list[str]]:
    """The tags of a reader who takes neighbours of one type for one entity."""
    result = []
    for row in rows:
        types = [tag[2:] for tag in row]
        before = ["", *types]
        result.append([
            f"{'I' if t == b else 'B'}-{t}" if t else "O" for b, t in zip(before, types, strict=False)
        ])  # fmt: skip
    return result


def of_spans(change: Callable[[Any], Any]) -> Score:
    """F1 of entities of which something is changed, or which are left out where that gives None."""

    def score(true: Sentences, said: Sentences) -> float:
        """F1 of the entities as they are changed."""
        t, n = ({change(e) for e in spans(rows)} - {None} for rows in (true, said))
        return 2 * len(t & n) / (len(t) + len(n)) if t & n else 0.0

    return score


def share_of(named: bool) -> Score:
    """Precision (of what is named) or recall (of what is true)."""

    def score(true: Sentences, said: Sentences) -> float:
        t, n = spans(true), spans(said)
        return len(t & n) / max(len(n if named else t), 1)

    return score


ENTITIES = of_spans(lambda e: e)


def by_sentence(true: Sentences, said: Sentences) -> float:
    """The mean of entity F1 over sentences."""
    return float(np.mean([ENTITIES([t], [s]) for t, s in zip(true, said, strict=True)]))


def by_type(true: Sentences, said: Sentences) -> float:
    """The mean of entity F1 over types."""
    return float(entity_f1(list(true), list(said), average="macro", zero_division=0))


NAMES = [tag for tag in TAGS if tag != "O"]
NOT_ENTITY_F1: dict[str, Score] = {
    "That is F1 over words; an entity counts once, whole or not at all.": (
        lambda t, s: f1_score(flat(t), flat(s), average="micro", labels=NAMES)
    ),
    "That is the share of words with the right tag.": lambda t, s: float(np.mean(np.equal(flat(t), flat(s)))),
    "You compare where entities begin, and not where they end.": of_spans(lambda e: e[:3]),
    "You compare where entities end, and not where they begin.": of_spans(lambda e: (*e[:2], e[3])),
    "You do not compare the types.": of_spans(lambda e: (e[0], *e[2:])),
    "You do not look at which sentence an entity is in.": of_spans(lambda e: e[1:]),
    "That is the precision: what of the entities that were missed?": share_of(named=True),
    "That is the recall: what of the entities that were named in vain?": share_of(named=False),
    "That is the mean of precision and recall; F1 lies below it.": (
        lambda t, s: (share_of(named=True)(t, s) + share_of(named=False)(t, s)) / 2
    ),
    "That is the mean over sentences; all entities count together.": by_sentence,
    "That is the mean over types; all entities count together.": by_type,
    "You take two entities of one type side by side for one: where does the second begin?": (
        lambda t, s: ENTITIES(without_prefix(t), without_prefix(s))
    ),
    "You lose the entity at the end of a sentence.": of_spans(lambda e: e if e[3] < 7 else None),
    "You lose the entities of one word.": of_spans(lambda e: e if e[3] > e[2] else None),
    "You lose the entities of several words.": of_spans(lambda e: e if e[3] == e[2] else None),
    "That is a percentage: 1 is the most that F1 can be.": lambda t, s: 100 * ENTITIES(t, s),
}


def compared(answer: Any, score: Score, cases: Iterable[tuple[Any, Any]], mistakes: dict[str, Score]) -> None:
    """Compare a student's function with a score.

    Args:
        answer: The function.
        score: What it is to compute.
        cases: What both are given.
        mistakes: Scores that somebody may have computed, by what to say of them.

    Raises:
        NotYet: They differ; the message has the mistake that fits all cases.
    """
    cases = list(cases)
    said = [one(called(answer, *case), "a function that returns one number") for case in cases]
    right = [score(*case) for case in cases]
    if not close(said, right):
        unlike(said, {words: [wrong(*case) for case in cases] for words, wrong in mistakes.items()})
        value, truth = next((a, b) for a, b in zip(said, right, strict=True) if not close(a, b))
        raise NotYet(f"On one of the examples your score is too {'high' if value > truth else 'low'}.")


@checks("5.2")
def of_entities(answer: Any) -> None:
    signature_of(answer, "true", "said")
    cases = []
    for seed in range(8):
        true, said = drawn(seed), drawn(seed + 100)
        cases.append((true, [row if legal(row) else ["O"] * len(row) for row in map(mixed, true, said)]))
    compared(answer, lambda t, s: float(entity_f1(t, s)), cases, NOT_ENTITY_F1)
    for true in ([["B-PER", "O"]], [["O", "O"]]):
        value = one(called(answer, true, [["O", "O"]]), "a function that returns one number")
        need(value == 0, "Where no entity is named, F1 is to be 0.")


def of_means(true: Sequence[str], said: Sequence[str]) -> float:
    """F1 of macro-precision and macro-recall."""
    p, r = (f(true, said, average="macro", zero_division=0) for f in (precision_score, recall_score))
    return 2 * p * r / (p + r)


def over(kept: Callable[[set[str], set[str]], set[str]]) -> Score:
    """The mean F1 of the tags that are kept of those of either list."""

    def score(true: Sequence[str], said: Sequence[str]) -> float:
        tags = sorted(kept(set(true), set(said)))
        return float(np.mean(f1_score(true, said, average=None, labels=tags, zero_division=0)))

    return score


def by_sklearn(function: Callable[..., Any] = f1_score, cut: int = 0, **options: Any) -> Score:
    """A score of sklearn's.

    Args:
        function: sklearn's.
        cut: How many letters of each tag not to read.
        **options: The function's.
    """
    return lambda true, said: float(
        function([t[cut:] for t in true], [s[cut:] for s in said], zero_division=0, **options)
    )


NOT_MACRO_F1: dict[str, Score] = {
    "That is the micro-average, in which each word counts alike.": by_sklearn(average="micro"),
    "You weight the tags by how often they occur.": by_sklearn(average="weighted"),
    "You left a tag out: O counts as any other.": by_sklearn(average="macro", labels=NAMES),
    "You put B- and I- of a type together: they are tags of their own.": by_sklearn(cut=2, average="macro"),
    "That is the mean of the precisions.": by_sklearn(precision_score, average="macro"),
    "That is the mean of the recalls.": by_sklearn(recall_score, average="macro"),
    "You take F1 of the mean precision and the mean recall: F1 comes first, the mean after.": of_means,
    "That is the sum over tags, and not yet their mean.": (
        lambda t, s: macro_f1(t, s) * len(set(t) | set(s))
    ),
    "That is a percentage: 1 is the most that F1 can be.": lambda t, s: 100 * macro_f1(t, s),
    "That is F1 over whole entities.": lambda t, s: float(entity_f1([t], [s])),
    "You leave out the tags that occur in `said` only: their F1 is 0, and it counts.": over(lambda t, s: t),
    "You leave out the tags that occur in `true` only: their F1 is 0, and it counts.": over(lambda t, s: s),
    "You leave out the tags that occur on one side only: their F1 is 0, and it counts.": (
        over(set.intersection)
    ),
    "The mean is over the tags that occur in either list, and over no others.": (
        lambda t, s: macro_f1(t, s) * len(set(t) | set(s)) / len(TAGS)
    ),
}


@checks("5.3")
def over_tags(answer: Any) -> None:
    signature_of(answer, "true", "said")
    cases = []
    for seed in range(6):
        true = flat(drawn(seed))
        cases.append((true, mixed(true, flat(drawn(seed + 50)), every=2)))
    cases += [(["O", "O", "B-PER"], ["O", "B-LOC", "O"]), (["O", "B-PER"], ["O", "O"])]
    compared(answer, macro_f1, cases, NOT_MACRO_F1)


@checks("5.4")
def nothing_named(answer: Any, first: int = 0, last: int | None = None) -> None:
    """Checks the answer to exercise 5.4.

    Args:
        answer: A student's.
        first: The first of the test sentences, from 0.
        last: The one after the last; None is the end.
    """
    rows = materials.tagged(first, last)[1]
    true = flat(rows)
    said = ["O"] * len(true)
    value = shares(answer, ["accuracy", "macro_f1", "entity_f1"])
    accuracy, macro = float(np.mean(np.equal(true, said))), macro_f1(true, said)
    need(value["entity_f1"] == 0, "'entity_f1' is off: how many entities does this tagger name?")
    if not close(value["accuracy"], accuracy):
        unlike(value["accuracy"], {
            "'accuracy' is off: that is how often the tagger is wrong.": 1 - accuracy,
            "'accuracy' is off: it is over words, and not the mean over sentences.": np.mean(
                [np.mean(np.equal(row, "O")) for row in rows]
            ),
            "'accuracy' is off: that is the F1 of O.": 2 * accuracy / (1 + accuracy),
        })  # fmt: skip
    need(close(value["accuracy"], accuracy), "'accuracy' is off: how many of the words are O?")
    if not close(value["macro_f1"], macro):
        tags = len(set(true))
        unlike(value["macro_f1"], {
            "'macro_f1' is off: the tags that are never named count, too.": macro * tags,
            "'macro_f1' is off: O counts as any other tag.": 0,
            "'macro_f1' is off: you took the mean over types, and B- and I- are tags of their own.": (
                macro * tags / len({tag[2:] for tag in true})
            ),
            "'macro_f1' is off: you took the accuracy in the place of the F1 of O.": accuracy / tags,
            "'macro_f1' is off: that is the micro-average.": accuracy,
            "'macro_f1' is off: you weighted the tags by how often they occur.": (
                by_sklearn(average="weighted")(true, said)
            ),
        })  # fmt: skip
    need(close(value["macro_f1"], macro), "'macro_f1' is off: what is the F1 of each single tag?")


@checks("5.5")
def other_order(answer: Any) -> None:
    pair = by_name(answer, ["true", "a", "b"])
    rows = {}
    for name in ("true", "a", "b"):
        value = pair[name]
        kind = type(value).__name__
        need(not isinstance(value, str) and isinstance(value, Iterable), f"{name!r} is a {kind}, not a list.")
        rows[name] = list(islice(value, MANY + 1))
        need(len(rows[name]) <= MANY, f"{name!r} is longer than it needs to be: {MANY} tags are enough.")
    true, a, b = rows["true"], rows["a"], rows["b"]
    need(0 < len(true) == len(a) == len(b), "All three are to be lists of tags, of the same length.")
    for name, tags in rows.items():
        known = all(isinstance(tag, str) and tag in TAGS for tag in tags)
        need(known, f"In {name!r} is a tag that is none of {', '.join(TAGS)}.")
        need(legal(tags), f"The tags of {name!r} are not legal: see 5.1.")
    need("B-PER" in true or "B-LOC" in true, "There is no entity in 'true', so nothing can be found.")
    need(a != b, "The two taggers say the same.")
    macro, entity = (
        [score(true, said) for said in (a, b)]
        for score in (macro_f1, lambda t, s: float(entity_f1([t], [s], zero_division=0)))
    )
    need(
        macro[0] >= macro[1] or entity[1] >= entity[0],
        "It is the other way round: macro-F1 is to prefer a, entity F1 to prefer b.",
    )
    need(
        macro[0] > macro[1] + 1e-9,
        f"By macro-F1 a is not ahead: {macro[0]:.3f} against {macro[1]:.3f}.",
    )
    need(
        entity[1] > entity[0] + 1e-9,
        f"By entity F1 b is not ahead: {entity[1]:.3f} against {entity[0]:.3f}.",
    )


@checks("5.6")
def new_names(answer: Any) -> None:
    report(answer, least=4)
