"""What each expert of a mixture adds.

A mixture's output is a weighted sum of those of the experts that a token goes to, so its parts are exact.
Each is what the model's own module returns where a token is sent to that expert alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dissect.decomposition.families import find, find_if
from dissect.decomposition.record import ROUTED
from dissect.decomposition.trace import Add
from dissect.errors import DissectError, UnsupportedModel


@dataclass(frozen=True)
class Experts:
    """How the experts of a model are counted.

    Attributes:
        many: Experts that a router chooses among.
        beside: Whether there is something that every token goes through: shared experts in all mixtures,
            or in some layers a feed-forward that is no mixture. It comes after the experts.
    """

    many: int
    beside: bool

    def __len__(self) -> int:
        return self.many + self.beside


def refuse_way(by: str | None, mixture: bool, name: str) -> None:
    """Refuse to split feed-forwards by what they do not have.

    Args:
        by: A way to split, see `Decomposer`.
        mixture: Whether they are mixtures of experts.
        name: The family's.

    Raises:
        DissectError: They are no mixtures, and are to be split by expert.
        UnsupportedModel: They are mixtures, and are to be split by unit.
    """
    if by == "expert" and not mixture:
        raise DissectError(
            f"by='expert' is for mixtures of experts, and {name!r} is none; by='neuron' splits what its "
            "feed-forwards add"
        )
    if by == "neuron" and mixture:
        raise UnsupportedModel(
            f"the feed-forwards of {name!r} are mixtures of experts, which have no units of one kind; "
            "split them by='expert'"
        )


@contextmanager
def one_by_one(base: Any) -> Iterator[None]:
    """Let experts work one after the other in float64, which the kernels for all at once do not take."""
    if base.dtype != torch.float64 or not hasattr(base, "set_experts_implementation"):
        yield
        return
    before = base.config._experts_implementation
    base.set_experts_implementation("eager")
    try:
        yield
    finally:
        base.set_experts_implementation(before)


def counted(adds: list[Add], config: Any) -> Experts:
    """How the experts are counted of a model whose feed-forwards have added this.

    Args:
        adds: What feed-forwards have added, in all layers.
        config: The model's configuration.

    Raises:
        DissectError: No layer has experts.
    """
    where = [add.where for add in adds if add.where is not None]
    found: list[Any] = [find_if(layer, sublayer.experts, config) for layer, sublayer in where]
    many = {module.num_experts for module in found if module is not None}
    if not many:
        raise DissectError("no layer of this model is a mixture of experts: leave out by='expert'")
    shared = [find_if(layer, sub.shared, config) for layer, sub in where if sub.shared]
    return Experts(max(many), None in found or any(module is not None for module in shared))


@torch.no_grad()
def by_expert(add: Add, tokens: list[int], experts: Experts, config: Any) -> Tensor:
    """What each expert adds, biases left out, as it leaves the mixture.

    Args:
        add: What the mixture, or the feed-forward in its place, has added.
        tokens: Positions.
        experts: How they are counted.
        config: The model's configuration.

    Returns:
        (experts, batch, tokens, hidden); last what every token goes through, where there is such.
    """
    assert add.where is not None
    layer, sublayer = add.where
    batch, size, hidden = add.output.shape
    module: Any = find_if(layer, sublayer.experts, config)
    parts = add.output.new_zeros(len(experts), batch * len(tokens), hidden)
    if module is not None:
        rows = (torch.arange(batch)[:, None] * size + torch.tensor(tokens)).flatten()
        given, which, shares = (add.seen[name][rows.to(add.seen[name].device)] for name in ROUTED)
        bias = layer.get_parameter(sublayer.expert_bias) if sublayer.expert_bias else None
        for expert in which.unique().tolist():
            at, place = torch.where(which == expert)
            share = shares[at, place, None]
            out = module(given[at], which[at, place, None], share)
            out = out if bias is None else out - share * bias[expert]
            parts[expert, at.to(parts.device)] = out.to(parts)
    if experts.beside:
        parts[-1] = beside(layer, sublayer, module, add.seen["entered"][:, tokens]).flatten(0, 1)
    return parts.unflatten(1, (batch, len(tokens)))


def beside(layer: Any, sublayer: Any, experts: Any, entered: Tensor) -> Tensor:
    """What a feed-forward returns without its experts.

    Args:
        layer: The layer's module.
        sublayer: The row's line.
        experts: The module that runs the experts; None where the feed-forward is no mixture.
        entered: What enters the feed-forward, (batch, tokens, hidden).

    Returns:
        (batch, tokens, hidden).
    """
    whole: Any = find(layer, sublayer.out)
    entered = entered.to(next(whole.parameters()))
    if experts is None:
        return whole(entered)
    hook = experts.register_forward_hook(lambda module, args, out: torch.zeros_like(out))
    try:
        return whole(entered)
    finally:
        hook.remove()
