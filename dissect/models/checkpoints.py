"""What a checkpoint lacks, which transformers fills in at random, and what of it would not be read."""

import inspect
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from transformers import PreTrainedModel

from dissect.errors import UnknownModel

SHOWN = 6  # places that a message names


def refuse_filled_in(model: PreTrainedModel, info: dict[str, Any], name: str) -> None:
    """Refuse a model that is not the one of its checkpoint.

    Poolers and heads that are missing are allowed: no embedding depends on them.

    Args:
        model: As it was loaded.
        info: What `from_pretrained` says with `output_loading_info=True`.
        name: What the model was asked for by.

    Raises:
        UnknownModel: Weights that its embeddings depend on are missing or of another size, or weights of
            its layers were left unread.
    """
    of_other_size = {key: (there, here) for key, there, here in info["mismatched_keys"]}
    filled_in = read_by_embeddings(model, {*info["missing_keys"], *of_other_size})
    unread = [key for key in info["unexpected_keys"] if belongs(model, key)]
    advice = "give a checkpoint whose config.json and weights go together"
    if sizes := [key for key in sorted(filled_in) if key in of_other_size]:
        there, here = (tuple(size) for size in of_other_size[sizes[0]])
        raise UnknownModel(
            f"the weights of {name!r} are not of the sizes that its config.json says: {places(sizes)} "
            f"({there} for {here}); {advice}"
        )
    if filled_in:
        others = info["unexpected_keys"]
        instead = f"; it holds others that are not read: {places(others)}" if others else ""
        raise UnknownModel(
            f"the checkpoint {name!r} lacks weights that its embeddings depend on and that would be "
            f"random: {places(filled_in)}{instead}; {advice}"
        )
    if unread:
        raise UnknownModel(
            f"the checkpoint {name!r} has weights that its config.json leaves out: {places(unread)}; {advice}"
        )


def read_by_embeddings(model: PreTrainedModel, keys: set[str]) -> set[str]:
    """Those of a model's parameters that its last hidden state depends on, by a gradient.

    Parameters that are computed, as sinusoids are, and not learned, do not count; nor do buffers.
    """
    weights = {key: weight for key, weight in model.named_parameters(remove_duplicate=False) if key in keys}
    if not weights:
        return set()
    with torch.device("meta"):
        fresh = dict(type(model)(model.config).named_parameters(remove_duplicate=False))
    weights = {key: weight for key, weight in weights.items() if fresh[key].requires_grad}
    before = [(weight, weight.requires_grad) for weight in model.parameters()]
    model.requires_grad_(False)
    for weight in weights.values():
        weight.requires_grad_(True)
    try:
        gradients = gradients_of(model.base_model, list(weights.values()))
    finally:
        for weight, learned in before:
            weight.requires_grad_(learned)
    return {key for key, gradient in zip(weights, gradients, strict=True) if gradient is not None}


def gradients_of(base: Any, weights: list[torch.Tensor]) -> list[torch.Tensor | None]:
    """Of the last hidden state of three tokens, in these weights; None where it does not depend on one."""
    ids = torch.arange(3, device=base.device)[None]
    options: dict[str, Any] = {"decoder_input_ids": ids, "use_cache": False}
    known = inspect.signature(base.forward).parameters
    inputs = {base.main_input_name: ids} | {key: value for key, value in options.items() if key in known}
    training = base.training
    base.eval()
    try:
        state = base(**inputs).last_hidden_state
    finally:
        base.train(training)
    if not state.requires_grad:
        return [None] * len(weights)
    return list(torch.autograd.grad(state.float().square().sum(), weights, allow_unused=True))


def belongs(model: PreTrainedModel, key: str) -> bool:
    """Whether a weight that was not read is one of the model's own layers, and not of a head or a mask."""
    base: Any = model.base_model
    key = key.removeprefix(f"{model.base_model_prefix}.")
    parent, _, leaf = key.rpartition(".")
    if not leaf.endswith(("weight", "bias")):  # masks and positions of older versions
        return False
    if pattern(key) in {pattern(name) for name, _ in base.named_parameters()}:  # a layer too many
        return True
    modules = dict(base.named_modules())
    if parent in modules:
        return any(True for _ in modules[parent].parameters(recurse=False))
    steps = key.split(".")
    within = [".".join(steps[:n]) for n in range(1, len(steps)) if ".".join(steps[:n]) in modules]
    return bool(within) and pattern(within[-1]) != within[-1]


def pattern(key: str) -> str:
    """A name without the numbers of layers.

    >>> pattern("encoder.layer.11.output.dense")
    'encoder.layer.*.output.dense'
    """
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "*", key)


def places(keys: Iterable[str]) -> str:
    """Weights by name, those of one layer together.

    >>> places(["h.0.a.bias", "h.3.a.bias", "h.3.b.bias", "wte.weight"])
    'h.0.a.bias, h.3 (2 weights), wte.weight'
    """
    keys = sorted(
        keys, key=lambda key: [(len(step), step) if step.isdigit() else (0, step) for step in key.split(".")]
    )
    layers = {key: match[0] for key in keys if (match := re.match(r"(?:.*?\.)?\d+(?=\.)", key))}
    many = Counter(layers.values())
    said = [
        f"{place} ({many[place]} weights)" if many[place := layers.get(key, key)] > 1 else key for key in keys
    ]
    said = list(dict.fromkeys(said))
    more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    return ", ".join(said[:SHOWN]) + more
