"""Where time goes: by kind of work, exclusive, and what was done apart from what was found done."""

import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dissect import reuse
from dissect.features.store import EPOCHS, kept
from dissect.reuse import Work, timed

KINDS = ("passes", "storing", "statistics")
# A program: sleeps, and blocks of a kind within which programs run; some raise at their end.
PROGRAMS = st.recursive(
    st.lists(st.integers(1, 9), max_size=2),
    lambda inner: st.lists(st.tuples(st.sampled_from(KINDS), inner, st.booleans()), min_size=1, max_size=3),
    max_leaves=8,
)


class Clock:
    """One that goes on only when somebody sleeps."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_what_is_timed_within_counts_as_its_own_kind(clock):
    with reuse.recorded() as work, timed("statistics"):
        clock.sleep(1)
        with timed("passes", tokens=7):
            clock.sleep(2)
            with timed("storing"):
                clock.sleep(4)
        with timed("passes", tokens=3) as timer:
            clock.sleep(8)
    assert {kind: (of.computed, of.seconds) for kind, of in work.items()} == {
        "storing": (1, 4.0), "passes": (2, 10.0), "statistics": (1, 1.0),
    }  # fmt: skip
    assert work["passes"].sizes == {"tokens": 10}
    assert timer.seconds == 8.0


def test_what_failed_is_no_work_and_its_seconds_are_of_the_block_around(clock):
    with reuse.recorded() as work, timed("statistics"):
        with pytest.raises(KeyboardInterrupt), timed("passes"):
            clock.sleep(1)
            with timed("storing"):
                clock.sleep(2)
            raise KeyboardInterrupt
        clock.sleep(4)
        with timed("passes"):
            clock.sleep(8)
    assert {kind: (of.computed, of.seconds) for kind, of in work.items()} == {
        "storing": (1, 2.0), "passes": (1, 8.0), "statistics": (1, 5.0),
    }  # fmt: skip


def run(program, clock):
    for step in program:
        if isinstance(step, int):
            clock.sleep(step)
            continue
        kind, steps, fails = step
        try:
            with timed(kind):
                run(steps, clock)
                if fails:
                    raise ValueError
        except ValueError:
            pass


@given(program=PROGRAMS)
def test_no_second_counts_twice(program):
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch)
        with reuse.recorded() as work:
            run(program, clock)
        assert sum(of.seconds for of in work.values()) <= clock.now
        with reuse.recorded() as work, timed("all"):
            begun = clock.now
            run(program, clock)
            taken = clock.now - begun
        assert sum(of.seconds for of in work.values()) == taken


def test_a_function_is_timed_each_time_it_is_called(clock):
    @timed("statistics")
    def waits(seconds):
        """Waits."""
        clock.sleep(seconds)
        return seconds

    with reuse.recorded() as work:
        assert waits(1) + waits(2) == 3
    assert (work["statistics"].computed, work["statistics"].seconds) == (2, 3.0)
    assert waits.__name__ == "waits" and waits.__doc__ == "Waits."


def test_nothing_is_recorded_where_nobody_asks(clock, monkeypatch):
    monkeypatch.setattr(reuse, "tell", lambda *_: pytest.fail("told"))
    with timed("passes"):
        clock.sleep(1)


@pytest.mark.parametrize("found", [False, True])
def test_what_is_kept_tells_its_epochs_and_items_whether_done_or_found(tmp_path, clock, found):
    def make():
        clock.sleep(5)
        return {"predicted": torch.arange(3), EPOCHS: torch.tensor([4, 6])}

    path = tmp_path / "answers.safetensors"
    if found:
        kept(path, "sense probes", make, items=100)
    with reuse.recorded() as work:
        kept(path, "sense probes", make, items=100)
    probes = work["sense probes"]
    sizes = {"epochs": 10.0, "items": 100.0}
    assert probes == Work(**({"reused": 1, "reused_seconds": 5} if found else {"computed": 1, "seconds": 5}),
                          sizes=sizes)  # fmt: skip
    assert work["storing"].computed == 1 and not work["storing"].reused


def test_where_answers_tell_no_epochs_none_are_told(tmp_path):
    with reuse.recorded() as work:
        kept(tmp_path / "a.safetensors", "sense probes", lambda: {"x": torch.ones(1)}, items=100)
        kept(None, "passes", lambda: {"x": torch.ones(1)}, tokens=7)
    assert work["sense probes"].sizes == {"items": 100} and work["passes"].sizes == {"tokens": 7}
    assert set(work) == {"sense probes", "passes", "storing"}


def test_work_is_added_up():
    one = Work(computed=1, seconds=2.0, reused=3, reused_seconds=4.0, sizes={"tokens": 5, "items": 1})
    other = Work(computed=6, seconds=7.0, sizes={"tokens": 8, "epochs": 2})
    sizes = {"tokens": 13, "items": 1, "epochs": 2}
    assert one + other == Work(computed=7, seconds=9.0, reused=3, reused_seconds=4.0, sizes=sizes)
