"""In which numbers probes are trained: float32, or with matrix products in bfloat16 where that is asked for.

Weights, gradients and steps are float32 in both, and so is all that is asked of a trained probe.
"""

import os
from contextlib import AbstractContextManager

from dissect.environment import variables
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


def trained_in(precision: str) -> AbstractContextManager[None]:
    """While the block runs, probes are trained in this precision.

    Args:
        precision: One of `PRECISIONS`.
    """
    return variables({VARIABLE: precision})
