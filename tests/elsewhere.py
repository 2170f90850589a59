"""A stand-in for a GPU: torch's meta device, whose tensors have a shape and no values."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ops = torch.ops.aten
INDEXING = {ops.index.Tensor, ops.index_put.default, ops.index_put_.default}


class Elsewhere(TorchDispatchMode):
    """Refuses what a GPU would refuse: one operation on tensors of two devices.

    As there, numbers (tensors without axes) and indices may come from the processor, and copies go
    both ways. What takes values to tell gets an answer with which shapes go on: numbers are zero,
    conditions hold, masks choose everything, and no two tensors are close.

    float64: whether the device has it; Apple's GPUs have not.
    """

    def __init__(self, float64: bool):
        super().__init__()
        self.float64 = float64

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if not any(one.is_meta for one in tensors):
            return operation(*args, **kwargs)
        x = args[0]
        if operation is ops._to_copy.default and torch.device(kwargs.get("device") or "meta").type == "cpu":
            return torch.zeros(x.shape, dtype=kwargs.get("dtype") or x.dtype)
        if operation is ops.copy_.default:
            return x
        mixed = [one for one in ([x] if operation in INDEXING else tensors) if one.dim() and not one.is_meta]
        assert not mixed, f"{operation} on two devices: shapes {[tuple(one.shape) for one in tensors]}"
        if operation is ops._local_scalar_dense.default:
            return x.dtype == torch.bool or torch.zeros(1, dtype=x.dtype).item()
        if operation is ops.allclose.default:
            return False
        if operation is ops.nonzero.default:
            return everything(x)
        if operation is ops.index.Tensor:
            return operation(x, [one for index in args[1] for one in integers(index)])
        result = operation(*args, **kwargs)
        doubles = [
            one for one in tree_leaves(result) if isinstance(one, Tensor) and one.dtype == torch.float64
        ]
        assert self.float64 or not any(one.is_meta for one in doubles), f"{operation} in float64"
        return result


def integers(index: Tensor | None) -> list[Tensor | None]:
    """A mask as indices, one an axis; others as they are."""
    mask = index is not None and index.dtype == torch.bool
    return list(everything(index).unbind(1)) if mask else [index]


def everything(mask: Tensor) -> Tensor:
    """The places of a mask that is true everywhere, (places, axes)."""
    return mask.new_empty(mask.numel(), mask.dim(), dtype=torch.long)
