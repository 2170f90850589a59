"""Models may multiply in a shorter format than they keep their numbers in; we do not."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

WITHOUT_FLOAT64 = {"mps"}  # types of devices; Apple's GPUs


def autocast_on(device: torch.device) -> bool:
    """Whether `torch.autocast` casts what is multiplied on the device."""
    return torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type)


def own_products(device: torch.device) -> AbstractContextManager:
    """Products in the format of their factors, also within `torch.autocast`."""
    return torch.autocast(device.type, enabled=False) if autocast_on(device) else nullcontext()


def sized(x: Tensor) -> tuple[Tensor, Tensor]:
    """The largest size among the elements of each vector, and the vectors divided by it.

    Squares of tiny or huge elements under- or overflow; of these they don't.

    Returns:
        The sizes, (…, 1), which are 1 where all is zero, and the vectors.
    """
    size = x.abs().amax(-1, keepdim=True)
    size = size.where(size > 0, 1.0)
    return size, x / size


def lengths(x: Tensor) -> Tensor:
    """`|x|`, (…,), also where the squares of x would under- or overflow."""
    size, x = sized(x)
    return size.squeeze(-1) * x.norm(dim=-1)


def multiplied_in(x: Tensor) -> torch.dtype:
    """The format that a model multiplies in, which keeps its numbers as x does."""
    casts = x.dtype == torch.float32 and autocast_on(x.device)
    return torch.get_autocast_dtype(x.device.type) if casts else x.dtype


def why_missed(x: Tensor, otherwise: str) -> str:
    """The likely reason for a sum that misses x: a setting of torch, or else what the caller suspects."""
    if x.dtype == torch.float32 and shortened(x.device):
        return (
            "torch multiplies float32 in a shorter format here; "
            "call torch.set_float32_matmul_precision('highest')"
        )
    return otherwise


def shortened(device: torch.device) -> bool:
    """Whether products of float32 lose digits: seen, since several settings of torch may do it."""
    x = torch.full((64, 64), 1 + 2**-12, device=device)  # shorter formats keep ten binary digits or fewer
    with own_products(device):
        return not torch.equal(x @ torch.eye(64, device=device), x)
