"""Changing what a model does, and seeing what it returns then: hooks that are gone when a block ends."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from dissect import reuse
from dissect.decomposition import Decomposer
from dissect.decomposition.sites import Site
from dissect.errors import UnsupportedModel

Change = Callable[[Tensor], Tensor]  # of what a sublayer adds to the stream
Sublayer = tuple[str, int]  # its term, "h", "f" or "s", and its layer, from 1


@contextmanager
def changed(decomposer: Decomposer, changes: Mapping[Sublayer, Change]) -> Iterator[None]:
    """Let sublayers add something else than they do; all that comes after them works on that.

    Sublayers are counted as they add, so that layers that are one and the same module are told apart.

    Args:
        decomposer: Of the model.
        changes: What is made of the addition of each sublayer.
    """
    sites = decomposer.sites()
    added: Counter[str] = Counter()

    def on_add(site: Site) -> Callable[..., Tensor | None]:
        def hook(module: nn.Module, args: Any, out: Tensor) -> Tensor | None:
            term = site.sublayer.term
            added[term] += 1
            change = changes.get((term, added[term]))
            # given as it joins the stream; the model multiplies what is returned
            return None if change is None else change(out * site.times) / site.times

        return hook

    with ExitStack() as stack:
        stack.callback(sites.base.register_forward_pre_hook(lambda *_: added.clear()).remove)
        for site in sites.sublayers:
            last = site.out if site.branch_norm is None else site.branch_norm
            stack.callback(last.register_forward_hook(on_add(site)).remove)
        yield


def instead(vector: Tensor) -> Change:
    """Add the same vector, (hidden,), whatever the input."""
    return lambda out: vector.to(out).expand_as(out)


@contextmanager
def reordered(decomposer: Decomposer, order: Sequence[int]) -> Iterator[None]:
    """Let the layers work in another order.

    Args:
        decomposer: Of the model.
        order: In the place of layer n, from 0, works layer `order[n]`.
    """
    layers = separate(decomposer)
    with instead_of(layers, [layers[n].forward for n in order]):
        yield


def separate(decomposer: Decomposer) -> list[nn.Module]:
    """The layers of a model whose layers are modules of their own.

    Raises:
        UnsupportedModel: They are not.
    """
    if not decomposer.has_layers:
        raise UnsupportedModel(
            f"the layers of {decomposer.config.model_type!r} are no modules of their own, so they cannot be "
            "reordered or repeated"
        )
    return decomposer.sites().layers


@contextmanager
def twice(decomposer: Decomposer, layer: int) -> Iterator[None]:
    """Let a layer, counted from 0, work again on what it has made."""
    module = separate(decomposer)[layer]
    once = module.forward

    def again(*args: Any, **kwargs: Any) -> Any:
        out = once(*args, **kwargs)
        hidden = out[0] if isinstance(out, tuple) else out
        if args:
            return once(hidden, *args[1:], **kwargs)
        return once(**kwargs | {"hidden_states": hidden})

    with instead_of([module], [again]):
        yield


@contextmanager
def instead_of(modules: Sequence[nn.Module], forwards: Sequence[Callable[..., Any]]) -> Iterator[None]:
    """Give modules other forward passes, and afterwards their own again."""
    before = [vars(module).get("forward") for module in modules]
    try:
        for module, forward in zip(modules, forwards, strict=True):
            vars(module)["forward"] = forward
        yield
    finally:
        for module, own in zip(modules, before, strict=True):
            vars(module).pop("forward", None)
            if own is not None:
                vars(module)["forward"] = own


@torch.no_grad()
def mean_additions(decomposer: Decomposer, batches: Sequence[dict[str, Any]]) -> dict[Sublayer, Tensor]:
    """The mean over tokens of what each sublayer adds; each (hidden,).

    Args:
        decomposer: Of the model.
        batches: What the model reads; padding has no part in the mean.
    """
    sums: dict[Sublayer, Tensor] = {}
    tokens = 0
    for batch in batches:
        mask = batch["attention_mask"].bool()
        tokens += int(mask.sum())
        with reuse.timed("passes", tokens=int(mask.sum())):
            additions = decomposer.additions(**batch)
        for term, layer, added in additions:
            total = added[mask].double().sum(0)
            sums[term, layer] = sums.get((term, layer), torch.zeros_like(total)) + total
    return {sublayer: total / tokens for sublayer, total in sums.items()}
