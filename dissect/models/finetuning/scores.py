"""What answers, tags and guesses are worth: as SQuAD and CoNLL score the first two, and accuracy."""

import re
import string
from collections import Counter
from collections.abc import Sequence

from seqeval.metrics import f1_score
from torch import Tensor

from dissect.corpora import Question

ARTICLES = re.compile(r"\b(a|an|the)\b")
ANSWERED = " where there is an answer"
ACCURACY, OF_MASKS = "accuracy", "accuracy where the mask stood"
OF_MOST_FREQUENT, LOSS = "accuracy of the most frequent word piece", "cross-entropy in nats"
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(answer: str) -> str:
    """An answer without what SQuAD's own script does not look at: case, punctuation, articles, blanks.

    >>> normalised("The  Bay of Fundy, Canada!")
    'bay of fundy canada'
    """
    return " ".join(ARTICLES.sub(" ", answer.lower().translate(PUNCTUATION)).split())


def exact(answer: str, gold: str) -> float:
    """1 where two answers are the same once normalised, else 0.

    Args:
        answer: That of a model; "" is none.
        gold: The right one; "" is none.
    """
    return float(normalised(answer) == normalised(gold))


def overlap(answer: str, gold: str) -> float:
    """F1 of the words of an answer against those of the right one; of none against none it is 1.

    Args:
        answer: That of a model; "" is none.
        gold: The right one; "" is none.
    """
    said, right = normalised(answer).split(), normalised(gold).split()
    if not said or not right:
        return float(said == right)
    shared = (Counter(said) & Counter(right)).total()
    return 2 * shared / (len(said) + len(right))


def of_answers(questions: Sequence[Question], answers: Sequence[str]) -> dict[str, float]:
    """Exact match and F1 as SQuAD's script for version 2 has them (Rajpurkar et al. 2018).

    A question counts by the right answer that is nearest. Where some questions have no answer, both scores
    are also given for those that have one and for those that have none, where "" is right.

    Args:
        questions: With their right answers.
        answers: That of a model to each; "" is none.

    Returns:
        Means over questions, from 0 to 1, by name.
    """
    best = []
    for question, answer in zip(questions, answers, strict=True):
        right = [gold for gold in question.answers if normalised(gold)] or [""]
        best.append([max(score(answer, gold) for gold in right) for score in (exact, overlap)])
    kinds = {"": list(range(len(best)))}
    if not all(question.answers for question in questions):
        kinds |= {
            ANSWERED: [n for n, question in enumerate(questions) if question.answers],
            " where there is none": [n for n, question in enumerate(questions) if not question.answers],
        }
    return {
        f"{score}{kind}": sum(best[n][column] for n in places) / len(places)
        for kind, places in kinds.items() if places
        for column, score in enumerate(("exact match", "F1"))
    }  # fmt: skip


def of_entities(right: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> dict[str, float]:
    """F1 over whole entities.

    Args:
        right: The tags of each sentence, in BIO form.
        said: Those of a model.
    """
    return {"entity F1": float(f1_score(list(map(list, right)), list(map(list, said)), zero_division=0))}


def of_tags(right: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> dict[str, float]:
    """Share of the words whose tag is right, and what always saying the most frequent one would score.

    Args:
        right: The tags of each sentence; a word with "" is not counted.
        said: Those of a model.
    """
    pairs = [
        (a, b)
        for tags, of_model in zip(right, said, strict=True)
        for a, b in zip(tags, of_model, strict=True)
        if a
    ]
    if not pairs:
        return {}
    most = Counter(a for a, _ in pairs).most_common(1)[0][1]
    return {
        "accuracy": sum(a == b for a, b in pairs) / len(pairs),
        "accuracy of the most frequent tag": most / len(pairs),
    }


def of_guesses(right: Tensor, said: Tensor, losses: Tensor, masked: Tensor) -> dict[str, float]:
    """What guesses of words are worth, beside what always naming the most frequent word piece would score.

    Args:
        right: The word pieces that stood at the positions, (positions,).
        said: Those that a model names.
        losses: Minus the logarithm of the chance that it gives to the right one.
        masked: Whether the mask stood there; elsewhere the word itself may, which can be copied.

    Returns:
        Shares from 0 to 1, and the mean loss under `LOSS`; nothing where there is no position.
    """
    if not len(right):
        return {}
    of_masks = {OF_MASKS: (said == right)[masked].double().mean().item()} if masked.any() else {}
    return {
        ACCURACY: (said == right).double().mean().item(), **of_masks,
        OF_MOST_FREQUENT: right.bincount().max().item() / len(right),
        LOSS: losses.double().mean().item(),
    }  # fmt: skip


def in_words(score: str, value: float) -> str:
    """A score as cards have it.

    >>> in_words("entity F1", 0.915), in_words(LOSS, 2.5)
    ('91.5 %', '2.50')
    """
    return f"{value:.2f}" if score == LOSS else f"{100 * value:.1f} %"
