"""A limit of time for code that may not end, where the system has one: in the main thread, not on Windows."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN = 1.0  # seconds until the next attempt, where the code caught the first


class TooLong(BaseException):
    """The time is up. No `Exception`, so that `except Exception` in the code does not stop it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop the block after so many seconds; limits may stand within one another.

    A timer and a handler that others have set are put back, the timer with the time that it has left.
    Code that does not return to the interpreter, such as `sum(itertools.count())`, is not stopped.

    Raises:
        TooLong: In the block, when its time is up.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise TooLong

    begun = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    left, every = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - begun), 1e-3), every)
