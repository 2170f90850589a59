"""What to do when memory runs out: the same in halves."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from dissect.errors import TooLarge
from dissect.progress import note

T = TypeVar("T")
# What says so where torch has no exception of its own for it: on a processor, Apple's GPUs, in cuBLAS.
NO_MEMORY = ("can't allocate memory", "MPS backend out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def in_halves(batch: list[int], use: Callable[[list[int]], T]) -> Iterator[T]:
    """What `use` makes of a batch; where memory runs out, of its halves one after the other.

    Raises:
        TooLarge: One sentence alone does not fit.
    """
    result = None
    try:
        result = use(batch)
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
    if result is not None:
        yield result
        return
    # outside the handler, which would keep what filled the memory
    if len(batch) == 1:
        raise TooLarge("one sentence alone does not fit in memory: use a smaller model or shorter sentences")
    half = len(batch) // 2
    note(f"out of memory with {len(batch)} sentences at once: going on with {half}")
    yield from in_halves(batch[:half], use)
    yield from in_halves(batch[half:], use)


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, on a processor or an accelerator."""
    told = isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)
    return told or isinstance(error, MemoryError | torch.OutOfMemoryError)
