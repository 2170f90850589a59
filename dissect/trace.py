"""What happens to the residual stream in one forward pass, recorded by hooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dissect.families import Family, find, is_absent


@dataclass
class Norm:
    """A layer norm on the stream: x becomes gain · (x − mean) · rstd + bias."""

    gain: Tensor  # (hidden,)
    bias: Tensor  # (hidden,)
    mean: Tensor  # (batch, tokens, 1)
    rstd: Tensor  # (batch, tokens, 1), one over the standard deviation


@dataclass
class Add:
    """A sublayer's output joins the stream; `constant` is the part of it that comes from biases."""

    term: str  # "h" or "f"
    layer: int
    output: Tensor  # (batch, tokens, hidden), constant included
    constant: Tensor  # (hidden,)


@dataclass
class Map:
    """The stream goes through an affine map (ELECTRA between embedding and hidden size)."""

    weight: Tensor  # (hidden, before)
    bias: Tensor  # (hidden,)


Operation = Norm | Add | Map


@dataclass
class Trace:
    """The raw embeddings x₀ and, in order, all that was done to them."""

    start: Tensor | None = None  # (batch, tokens, hidden)
    operations: list[Operation] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # operations up to the end of layer 0, 1, …


def work_dtype(dtype: torch.dtype) -> torch.dtype:
    """Half formats accumulate in float32, the others in their own."""
    return torch.promote_types(dtype, torch.float32)


def norm_of(module: nn.LayerNorm, x: Tensor) -> Norm:
    variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return Norm(module.weight.to(x.dtype), module.bias.to(x.dtype), mean, (variance + module.eps).rsqrt())


@contextmanager
def recording(base: nn.Module, family: Family) -> Iterator[Trace]:
    """Record the next forward pass of `base`; the hooks are gone when the block ends."""
    trace = Trace()
    dtype = work_dtype(next(base.parameters()).dtype)
    layers = find(base, family.layers)
    assert isinstance(layers, nn.ModuleList)
    constants = [constants_of(layer, family, dtype) for layer in layers]
    handles = []

    def hook(module, action):
        handles.append(
            module.register_forward_hook(lambda mod, args, out: action(mod, args[0].to(dtype), out.to(dtype)))
        )

    def on_embedding(module, x, out):
        if trace.start is None:
            trace.start = x
        if isinstance(module, nn.Linear):
            trace.operations.append(Map(module.weight.to(dtype), module.bias.to(dtype)))
        else:
            trace.operations.append(norm_of(module, x))

    def on_norm(module, x, out):
        trace.operations.append(norm_of(module, x))

    def on_end(module, x, out):
        on_norm(module, x, out)
        trace.ends.append(len(trace.operations))

    def on_add(term, n):
        constant = constants[n][term]
        return lambda module, x, out: trace.operations.append(Add(term, n + 1, out, constant))

    try:
        found = [find(base, path) for path in family.embedding if not is_absent(base, path)]
        for module in found:
            hook(module, on_embedding)
        hook(found[-1], lambda module, x, out: trace.ends.append(len(trace.operations)))
        for n, layer in enumerate(layers):
            hook(find(layer, family.attention_out), on_add("h", n))
            hook(find(layer, family.attention_norm), on_norm)
            hook(find(layer, family.feedforward_out), on_add("f", n))
            hook(find(layer, family.feedforward_norm), on_end)
        yield trace
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def constants_of(layer: nn.Module, family: Family, dtype: torch.dtype) -> dict[str, Tensor]:
    """What each sublayer adds whatever its input, per term: {"h": (hidden,), "f": (hidden,)}.

    Attention rows sum to one, so the value bias passes attention unchanged and meets the output
    projection: W_O b_V + b_O. Asking the modules for their answer to zeros, rather than reading
    their weights, also serves adapters and quantised layers.
    """

    def answer(path: str, x: Tensor | None = None) -> Tensor:
        module = find(layer, path)
        weight = next(module.parameters())
        return module(weight.new_zeros(weight.shape[-1]) if x is None else x)

    value_bias = answer(family.value)
    return {
        "h": answer(family.attention_out, value_bias).to(dtype),
        "f": answer(family.feedforward_out).to(dtype),
    }
