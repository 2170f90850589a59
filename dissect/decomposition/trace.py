"""What is recorded of a forward pass: the raw embeddings, and in order all that is done to them."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dissect.decomposition.families import Sublayer


@dataclass
class Norm:
    """A norm on the stream: x becomes gain · (x − mean) · rstd + bias; RMS norms have no mean.

    Attributes:
        gain: (hidden,).
        bias: (hidden,).
        mean: (batch, tokens, 1).
        rstd: (batch, tokens, 1), one over the standard deviation (or root mean square).
    """

    gain: Tensor
    bias: Tensor | None
    mean: Tensor | None
    rstd: Tensor


@dataclass
class Add:
    """A sublayer's output joins the stream; the part of it that biases make is scale · constant + varying.

    Attributes:
        term: "h", "f" or "s".
        layer: From 1.
        output: (batch, tokens, hidden), that part included.
        constant: (hidden,).
        varying: (batch, tokens, hidden), what biases make in proportion to attention's true row sums, or
            to how much each expert has a say; None where there is nothing of the kind.
        scale: (batch, tokens, 1), of a norm on the branch; None for 1.
        gain: (hidden,), of that norm, or a number; already in `constant` and `varying`.
        where: The layer's module, and the row's line.
        seen: What `recording` was asked to keep.
    """

    term: str
    layer: int
    output: Tensor
    constant: Tensor
    varying: Tensor | None = None
    scale: Tensor | None = None
    gain: Tensor | float = 1.0
    where: tuple[Any, Sublayer] | None = None
    seen: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class Map:
    """The stream goes through an affine map (ALBERT, ELECTRA: from embedding to hidden size).

    Attributes:
        weight: (after, before).
        bias: (after,).
    """

    weight: Tensor
    bias: Tensor | None


Operation = Norm | Add | Map


@dataclass
class Trace:
    """The raw embeddings x₀ and, in order, all that was done to them.

    Attributes:
        start: (batch, tokens, hidden).
        states: The stream after layer 0, 1, …, where kept.
        ends: Operations up to there.
    """

    start: Tensor | None = None
    operations: list[Operation] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


def work_dtype(dtype: torch.dtype) -> torch.dtype:
    """Half formats accumulate in float32, the others in their own."""
    return torch.promote_types(dtype, torch.float32)
