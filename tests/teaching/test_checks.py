"""Checks end in a sentence whatever the answer is or does, and what is right does not hang on its form."""

import itertools
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from dissect.teaching.exercises import Verdict, check, checking, exercises, materials
from dissect.teaching.exercises.checking import CHECKS, NotYet, called, numbers, report, signature_of
from dissect.teaching.exercises.time_limit import TooLong, time_limit

ALL = exercises()


def raises(error: BaseException) -> Callable[..., Any]:
    def method(*_: Any, **__: Any) -> Any:
        raise error

    return method


def hostile(error: BaseException) -> Any:
    """Something that raises whatever is done with it."""
    names = (
        "eq ne lt gt len iter float int array bool str repr hash getitem contains call add neg abs".split()
    )
    return type("Hostile", (), {f"__{name}__": raises(error) for name in names} | {"get": raises(error)})()


HOSTILE = hostile(ValueError("no"))


class Odd(Mapping[str, Any]):
    """A dictionary that has everything, and nothing that can be used."""

    def __getitem__(self, key: str) -> Any:
        return HOSTILE

    def __iter__(self) -> Iterator[str]:
        return map(str, itertools.count())

    def __len__(self) -> int:
        return 3


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def endless(*_: Any) -> Any:
    return endless(*_)


within: list[Any] = []
within.append(within)
JUNK = {
    "none": None, "true": True, "text": "junk", "no text": "", "a zero byte": "a\0b", "half a pair": "\ud800",
    "long text": "word " * 2000, "bytes": b"\0\xff", "object": object(), "a class": int, "a module": np,
    "an empty list": [], "a list": [1, 2, 3], "ragged": [[1], [2, 3]], "a list in itself": within,
    "texts": ["1", "2"], "a set": {1, 2}, "an empty dict": {}, "numbered": {1: 2}, "nan": float("nan"),
    "infinite": float("inf"), "400 digits": 10**400, "- 400 digits": [-(10**400)] * 4, "complex": 1 + 2j,
    "a date": np.datetime64("2022-01-01"), "a huge array": np.broadcast_to(1.0, (10**6, 10**6)),
    "no rows": np.zeros((0, 4)), "objects": np.array([object(), None], dtype=object),
    "complex numbers": np.ones(4, dtype=complex), "with a gradient": torch.ones(3, requires_grad=True),
    "tensors": [torch.ones((), requires_grad=True)] * 2, "on no device": torch.ones(2, device="meta"),
    "sparse": torch.eye(2).to_sparse(), "half": torch.ones(5, dtype=torch.bfloat16),
    "a table": pd.DataFrame({"a": [1, 2], "b": ["x", None]}), "a series": pd.Series(["a", pd.NA]),
    "without an end": itertools.count(), "an odd dict": Odd(), "hostile": HOSTILE,
    "exits": hostile(SystemExit(1)), "interrupts": hostile(KeyboardInterrupt()),
    "ends": hostile(GeneratorExit()),
    "divides by zero": lambda *_: 1 / 0, "calls itself": endless, "leaves": lambda *_: sys.exit(0),
    "has no words": raises(Mute()), "returns a function": lambda *_: endless,
    "counts on": lambda *_: itertools.count(),
    "a generator": (n for n in range(3)), "returns junk": lambda *_: hostile(TypeError("no")),
    "changes what it gets": lambda x, *_: x.clear(), "no arguments": lambda: 1, "prints": print,
}  # fmt: skip


def filled(name: str, junk: Any) -> list[Any]:
    """The junk, and the answer's own form with the junk in each place of it."""
    space: dict[str, Any] = {}
    exec(ALL[name].starter, space)
    form = space[ALL[name].answer]
    return [junk, dict.fromkeys(form, junk)] if isinstance(form, dict) else [junk, [junk, junk]]


@pytest.mark.parametrize("name", ALL)
def test_junk_gets_a_sentence(name: str, capfd) -> None:
    for kind, junk in JUNK.items():
        for answer in filled(name, junk):
            verdict = check(name, answer)
            assert verdict.right is False, (kind, verdict)
            assert verdict.words.startswith(f"{name}: ") and verdict.words.isprintable(), kind
            assert len(verdict.words) < 1000
    assert not capfd.readouterr().err


def slow(*_: Any) -> Any:
    while True:
        time.sleep(0.01)


def stubborn(*_: Any) -> Any:
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pass


FUNCTIONS = [e.name for e in ALL.values() if f"def {e.answer}(" in e.starter]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("function", [slow, stubborn])
def test_a_function_that_does_not_end_is_stopped(name: str, function: Any, monkeypatch) -> None:
    monkeypatch.setattr(checking, "CALL", 0.05)
    check(name, lambda *_: None)  # what the check itself loads takes its time
    words = check(name, lambda *arguments: function(*arguments)).words
    assert "did not end within 0.05 seconds and was stopped" in words


def test_an_answer_that_does_not_end_when_it_is_read_is_stopped(monkeypatch) -> None:
    monkeypatch.setattr(checking, "CHECK", 0.05)
    answer = type("Slow", (dict,), {"get": slow})()
    assert "The check did not end within 0.05 seconds" in check("1.1", answer).words


def test_a_limit_puts_back_what_others_have_set() -> None:
    fired: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: fired.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(TooLong), time_limit(10), time_limit(0.05):
            slow()
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < left < 0.2 and not fired
        time.sleep(0.3)
        assert fired == [1]
        with time_limit(0.05):
            pass
        time.sleep(0.1)
        assert fired == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_check_works_outside_the_main_thread() -> None:
    said: list[Verdict] = []
    thread = threading.Thread(target=lambda: said.append(check("2.1", [[2, 0], [-1, 0], [0, 1], [0, -1]])))
    thread.start()
    thread.join()
    assert said[0].right


@pytest.mark.parametrize(
    "two",
    [
        [1, 2], (1.0, 2.0), np.array([1, 2], dtype=np.float16), torch.tensor([1.0, 2.0], requires_grad=True),
        [torch.tensor(1.0), np.float64(2)], pd.Series([1, 2]), {"a": 1, "b": 2}.values(), map(int, "12"),
        torch.tensor([1, 2], dtype=torch.bfloat16), [Fraction(1), Decimal(2)], iter([1, 2]),
        np.array([1, 2], object),
    ],
)  # fmt: skip
def test_numbers_come_in_many_forms(two: Any) -> None:
    assert numbers(two, (2,), "two numbers").tolist() == [1, 2]


@pytest.mark.parametrize(
    "two", ["12", ["1", "2"], [1, 2j], {1, 2}, {"a": 1}, [1, None, 2], [[1, 2]], 10**400]
)
def test_what_is_no_number_is_not_taken_for_one(two: Any) -> None:
    with pytest.raises(NotYet, match="is to be two numbers|NaN"):
        numbers(two, (2,), "two numbers")


def test_a_function_may_have_defaults_and_may_change_what_it_is_given() -> None:
    signature_of(lambda a, b, c=1, *more, d=2: 0, "a", "b")
    signature_of(lambda *all: 0, "a", "b")
    for other in (lambda a: 0, lambda a, b, c: 0, lambda a, b, *, c: 0):
        with pytest.raises(NotYet, match="to take 2 arguments: a, b"):
            signature_of(other, "a", "b")
    mine = np.ones(3)
    assert called(lambda x: x.fill(0) or x, mine).tolist() == [0, 0, 0]
    assert mine.tolist() == [1, 1, 1]


def test_what_is_given_is_given_anew() -> None:
    """A cell that changes what it got must not change what the check compares with, or the next cell gets."""
    terms = materials.dissected().c
    before = terms.clone()
    terms.zero_()
    materials.norms()[0].gain.zero_()
    materials.masked().labels.clear()
    materials.senses_of("crane.noun")[1].fill(0)
    materials.tagged()[1][0].clear()
    assert torch.equal(materials.dissected().c, before)
    assert materials.norms()[0].gain.any()
    assert materials.masked().labels
    assert materials.senses_of("crane.noun")[1].any()
    assert materials.tagged()[1][0]


SENTENCES = [
    "The share of c is larger in punctuation than in words.",
    "Il contributo di h cresce con la profondità del modello, non quello di i.",
    "どの層でも、句読点ではcの割合が単語より大きい。",
    "在每一层中，标点符号的c项占比都大于单词。",
    "모든 층에서 문장 부호의 c 비중이 단어보다 크다.",
    "Во всех слоях доля c у знаков препинания больше, чем у слов.",
    "सभी परतों में विराम चिह्नों का c भाग शब्दों से बड़ा है।",
    "ในทุกชั้น สัดส่วนของ c ในเครื่องหมายวรรคตอนมากกว่าในคำ",
    "في جميع الطبقات تكون حصة c في علامات الترقيم أكبر منها في الكلمات.",
]
PADDING = [
    "w w w w w w w w", "a b c d e f g h", "word " * 8, "bla blub " * 10, "........ ........ !!!!!!!!", "",
    "あああああああああああああああああああ", "重要重要重要重要重要重要重要重要",
    "one two three four one two three four",
    "1 2 3 4 5 6 7 8", "They differ.", "違いがある。", "\u200b" * 100, "🦆 " * 20, "ﾊﾊﾊﾊﾊﾊﾊﾊﾊﾊﾊﾊﾊﾊﾊﾊ",
]  # fmt: skip
OPEN = [e.name for e in ALL.values() if e.level == "research"]


@pytest.mark.parametrize("text", SENTENCES)
def test_a_sentence_in_any_script_is_a_sentence(text: str) -> None:
    answer = {
        "finding": text,
        "evidence": [1, 2, 3, 4],
        "limit": "Five sentences, and place was not ruled out at all.",
    }
    report(answer, least=4)
    report(answer | {"finding": answer["limit"], "limit": text}, least=4)


@pytest.mark.parametrize("name", OPEN)
def test_padding_is_no_sentence(name: str) -> None:
    fine = {"finding": SENTENCES[0], "evidence": list(range(24)), "limit": SENTENCES[2]}
    verdict = check(name, fine)
    assert verdict.right, verdict
    assert "not judged" in verdict.words
    for key, text in itertools.product(("finding", "limit"), PADDING):
        assert f"The {key} is to be a whole sentence" in check(name, fine | {key: text}).words, text


@pytest.mark.parametrize("name", OPEN)
def test_finding_and_limit_differ(name: str) -> None:
    answer = {"finding": SENTENCES[0], "evidence": list(range(24)), "limit": SENTENCES[0].upper()}
    assert "same sentence" in check(name, answer).words


def test_evidence_comes_in_many_forms() -> None:
    forms = [
        [1, 2, 3, 4], torch.arange(4.0, requires_grad=True), {"a": [1, 2], "b": torch.tensor([3, 4])},
        pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": ["x", "y"]}), [torch.tensor(n) for n in range(4)],
    ]  # fmt: skip
    for form in forms:
        report({"finding": SENTENCES[0], "evidence": form, "limit": SENTENCES[1]}, least=4)


def test_a_fault_of_the_check_is_not_laid_on_the_answer_as_right(monkeypatch) -> None:
    monkeypatch.setitem(CHECKS, "1.1", raises(ZeroDivisionError("a fault")))
    assert not check("1.1", 0).right
    assert not check("1.1").right
