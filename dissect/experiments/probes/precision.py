"""In which numbers probes are trained: float32, or with matrix products in bfloat16 where that is asked for.

Weights, gradients and steps are float32 in both, and so is all that is asked of a trained probe.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dissect.errors import DissectError

VARIABLE = "DISSECT_PRECISION"
PRECISIONS = ("float32", "bfloat16")


def pick_precision() -> str:
    """What DISSECT_PRECISION names, or float32.

    Raises:
        DissectError: It names another.
    """
    named = os.environ.get(VARIABLE) or PRECISIONS[0]
    if named not in PRECISIONS:
        raise DissectError(f"{VARIABLE}={named!r}: give {' or '.join(PRECISIONS)}")
    return named


@contextmanager
def trained_in(precision: str) -> Iterator[None]:
    """While the block runs, probes are trained in this precision.

    Args:
        precision: One of `PRECISIONS`.
    """
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = precision
    try:
        yield
    finally:
        os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})
