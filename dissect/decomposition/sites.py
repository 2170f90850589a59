"""Where on a model lie the modules that its family's row names, and what they add whatever their input."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dissect.decomposition.families import Family, Sublayer, find, find_all, find_if


@dataclass(frozen=True)
class Site:
    """Where one sublayer writes to the stream: its modules, and what it adds whatever its input.

    Attributes:
        constant: (hidden,).
        scaled: Of attention whose rows do not sum to one: what the value bias adds by each head where its
            row does, (heads, hidden). Of a mixture whose experts have biases: those, (experts, hidden).
        times: What the output is multiplied by on its way to the stream.
    """

    layer: nn.Module
    sublayer: Sublayer
    constant: Tensor
    out: nn.Module
    norm: nn.Module | None
    branch_norm: nn.Module | None
    enters: nn.Module | None
    value: nn.Module | None
    weights: nn.Module | None
    experts: nn.Module | None
    shared: nn.Module | None
    scaled: Tensor | None
    times: float


@dataclass(frozen=True)
class Sites:
    """All modules of a model that its family's row names, and the constants; found once."""

    base: nn.Module
    family: Family
    early: list[nn.Module]
    layers: list[nn.Module]
    sublayers: list[Site]
    final: list[nn.Module]


def sites_of(base: nn.Module, family: Family, config: Any) -> Sites:
    """Look up what a row names.

    Args:
        base: The model without its head.
        family: The row.
        config: The model's configuration.

    Raises:
        UnsupportedModel: A part is not there.
    """

    def found(root: nn.Module, path: str) -> nn.Module | None:
        return find_if(root, path, config) if path else None

    layers = find_all(base, family.layers)
    sublayers = [
        Site(
            layer, sublayer, constant_of(layer, sublayer, config), find(layer, sublayer.out),
            found(layer, sublayer.norm), found(layer, sublayer.branch_norm),
            found(layer, sublayer.enters), found(layer, sublayer.value), found(layer, sublayer.weights),
            found(layer, sublayer.experts), found(layer, sublayer.shared),
            scaled_of(layer, sublayer, config), getattr(config, sublayer.times) if sublayer.times else 1.0,
        )
        for layer in layers
        for sublayer in family.sublayers
    ]  # fmt: skip
    early, final = (
        [module for path in paths if (module := found(base, path)) is not None]
        for paths in (family.embedding, family.final)
    )
    return Sites(base, family, early, layers, sublayers, final)


@torch.no_grad()
def constant_of(layer: nn.Module, sublayer: Sublayer, config: Any) -> Tensor:
    """What a sublayer adds whatever its input.

    Attention rows sum to one, so the value bias passes attention unchanged and meets the output
    projection: `W_O b_V + b_O`. Where they do not, and in a mixture, what biases add depends on the token,
    and is made of `Site.scaled`. Asking the modules for their answer to zeros, rather than reading
    their weights, also serves adapters and quantised layers.

    Args:
        layer: The layer's module.
        sublayer: The row's line.
        config: The model's configuration.

    Returns:
        (hidden,).
    """
    out: Any = find(layer, sublayer.out)
    if sublayer.experts:
        return next(out.parameters()).new_zeros(config.hidden_size)
    bias = value_bias(layer, sublayer, config)
    return out(torch.zeros_like(bias) if sublayer.weights else bias)


@torch.no_grad()
def scaled_of(layer: nn.Module, sublayer: Sublayer, config: Any) -> Tensor | None:
    """What biases add in proportion to numbers that depend on the token; see `Site.scaled`.

    Args:
        layer: The layer's module.
        sublayer: The row's line.
        config: The model's configuration.
    """
    if sublayer.expert_bias:
        return layer.get_parameter(sublayer.expert_bias).clone()
    if not sublayer.weights:
        return None
    out: Any = find(layer, sublayer.out)
    bias = value_bias(layer, sublayer, config).unflatten(-1, (config.num_attention_heads, -1))
    alone = torch.diag_embed(bias.T).permute(1, 2, 0).flatten(1)  # of one head after the other
    return out(alone) - out(torch.zeros_like(alone))


@torch.no_grad()
def value_bias(layer: nn.Module, sublayer: Sublayer, config: Any) -> Tensor:
    """The bias of the values as it reaches the output projection.

    Args:
        layer: The layer's module.
        sublayer: The row's line.
        config: The model's configuration.

    Returns:
        (heads · width of a head,); zeros for a feed-forward.
    """
    bias = projected_bias(layer, sublayer, config)
    return bias + layer.get_parameter(sublayer.value_bias) if sublayer.value_bias else bias


@torch.no_grad()
def projected_bias(layer: nn.Module, sublayer: Sublayer, config: Any) -> Tensor:
    """What of `value_bias` is the value projection's own.

    Args:
        layer: The layer's module.
        sublayer: The row's line.
        config: The model's configuration.
    """
    out: Any = find(layer, sublayer.out)
    zeros = next(out.parameters()).new_zeros(width_of(out))
    if not sublayer.value:
        return zeros
    value: Any = find(layer, sublayer.value)
    bias = value(next(value.parameters()).new_zeros(width_of(value)))
    return values_of(bias, sublayer, len(zeros), config).to(zeros)


@torch.no_grad()
def matrix_of(module: Any) -> Tensor:
    """A projection's matrix, (inputs, outputs), from its answers; its bias is left out."""
    weight = next(module.parameters())
    ones = torch.eye(width_of(module), dtype=weight.dtype, device=weight.device)
    return module(ones) - module(torch.zeros_like(ones[:1]))


def width_of(module: Any) -> int:
    """How many numbers a projection takes: of torch's Linear, or GPT-2's Conv1D."""
    return module.in_features if hasattr(module, "in_features") else module.nx


def values_of(projected: Tensor, sublayer: Sublayer, width: int, config: Any) -> Tensor:
    """The values among what the projection gives, repeated for the queries that share them.

    Args:
        projected: What it gives: values, or queries, keys and values, (…, width of the projection).
        sublayer: The row's line.
        width: Of the output projection's input, which is that of all queries.
        config: The model's configuration.

    Returns:
        (…, width).
    """
    values, all_values = projected, (projected.shape[-1] - width) // 2  # as wide as all keys
    if sublayer.values == "last":
        values = projected[..., -all_values:]
    elif sublayer.values == "last of each group":
        head = width // config.num_attention_heads
        values = projected.unflatten(-1, (all_values // head, -1))[..., -head:].flatten(-2)
    return per_query_head(values, width, config)


def per_query_head(values: Tensor, width: int, config: Any) -> Tensor:
    """Values repeated for the queries that share them (grouped queries).

    Args:
        values: (…, heads of values · width of a head).
        width: Of the output projection's input.
        config: The model's configuration.

    Returns:
        (…, width).
    """
    if values.shape[-1] == width:
        return values
    groups = width // values.shape[-1]
    shared = config.num_attention_heads // groups
    return values.unflatten(-1, (shared, -1)).repeat_interleave(groups, -2).flatten(-2)
