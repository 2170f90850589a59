"""Variables of the environment, by which a run tells its processes what they read."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dissect.errors import DissectError


@contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """Set variables as long as the block lasts; afterwards they are as they were.

    Args:
        given: Values by name.
    """
    before = {name: os.environ.get(name) for name in given}
    os.environ |= given
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def seconds(name: str, usual: float) -> float:
    """How many seconds a variable says.

    Args:
        name: Of the variable.
        usual: Where it says nothing.

    Raises:
        DissectError: It is no positive number.
    """
    try:
        said = float(os.environ.get(name) or usual)
    except ValueError:
        said = 0.0
    if not 0 < said < float("inf"):
        raise DissectError(f"{name}={os.environ[name]!r} is no number of seconds: give one above 0")
    return said
