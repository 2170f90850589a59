"""What a model is given: refused in a sentence where torch would end in an error that names no cause."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from dissect.decomposition.precision import autocast_on
from dissect.errors import DissectError, UnsupportedModel

WHOLE = (torch.int64, torch.int32)


def model_inside(model: Any) -> PreTrainedModel:
    """The `transformers` model itself, where it is compiled or has adapters around it.

    Raises:
        UnsupportedModel: It is anything else.
    """
    model = getattr(model, "_orig_mod", model)
    prompts = getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False)
    if isinstance(model, nn.Module) and not isinstance(model, PreTrainedModel) and not prompts:
        tuner = getattr(model, "base_model", None)  # adapters are put into its layers
        model = getattr(tuner, "model", tuner if tuner is not None else model)
    if not isinstance(model, PreTrainedModel):
        raise UnsupportedModel(
            f"a {type(model).__name__} is no model of transformers: give the model itself, as "
            "dissect.models.load(name).model is; adapters that add tokens cannot be decomposed"
        )
    return model


def refuse_integers(name: str, module: nn.Module) -> None:
    """Raises `UnsupportedModel` for a projection whose weights are quantised."""
    weight = next(module.parameters(), None)
    if weight is None or not weight.is_floating_point():
        raise UnsupportedModel(
            f"the weights of {name} are quantised, so what its biases add is not known exactly: load the "
            "model in float32, float16 or bfloat16"
        )


def refuse_absent(base: nn.Module) -> None:
    """Raises `UnsupportedModel` for weights that are not in memory."""
    if any(one.is_meta for one in base.parameters()):
        raise UnsupportedModel(
            "parts of this model are not in memory (device_map with offloading); "
            "load it where it fits whole, on one device or on several"
        )


def refuse_named(inputs: dict[str, Any], refused: Iterable[tuple[str, str]]) -> None:
    """Refuse input that a family's row does not cover.

    Args:
        inputs: What the model is given, by name.
        refused: Names, each with the reason.

    Raises:
        UnsupportedModel: One of them is given.
    """
    for name, why in refused:
        if inputs.get(name) is not None:
            raise UnsupportedModel(f"{name} is not taken: {why}; leave it out")


def refuse_unusable(base: Any, inputs: dict[str, Any], reads: str) -> None:
    """Refuse ids, masks and vectors of the wrong kind, shape, range or device.

    Args:
        base: The model without its head.
        inputs: What it is given, by name.
        reads: "input_ids", or "decoder_input_ids" where a decoder's embeddings are decomposed.

    Raises:
        DissectError: One of the inputs is of no use, named with what to give instead.
    """
    table = base.get_input_embeddings().weight
    for name, value in inputs.items():
        if isinstance(value, Tensor) and value.device != table.device and not hasattr(base, "_hf_hook"):
            raise DissectError(
                f"{name} is on {value.device} and the model on {table.device}: give {name}.to(model.device)"
            )
        if name.endswith("input_ids"):
            refuse_ids(name, value, len(table), "is the tokenizer that of another model?")
        elif name == "token_type_ids":
            refuse_ids(name, value, max(1, getattr(base.config, "type_vocab_size", 1) or 1), "leave them out")
        elif name.endswith("inputs_embeds"):
            refuse_vectors(name, value, base, table.shape[-1])
    start = reads.removesuffix("input_ids")
    for prefix in {"", start}:
        ids = inputs.get(f"{prefix}input_ids", inputs.get(f"{prefix}inputs_embeds"))
        for name in (f"{prefix}attention_mask", f"{prefix}token_type_ids"):
            if isinstance(ids, Tensor) and isinstance(inputs.get(name), Tensor):
                refuse_other_shape(name, inputs[name], ids.shape[:2])


def refuse_ids(name: str, ids: Any, many: int, advice: str) -> None:
    """Refuse ids that are no whole numbers from 0 to many - 1.

    Args:
        name: The input's, for the message.
        ids: What was given in their place.
        many: How many ids the model knows.
        advice: What the message says to do about ids that it does not know.

    Raises:
        DissectError: They are something else.
    """
    if not isinstance(ids, Tensor) or ids.dtype not in WHOLE:
        kind = f"of {ids.dtype}" if isinstance(ids, Tensor) else f"a {type(ids).__name__}"
        raise DissectError(f"{name} is {kind}: give a tensor of whole numbers (torch.int64)")
    if ids.is_meta or not ids.numel():
        return
    least, most = ids.aminmax()
    if least < 0 or most >= many:
        odd = int(least if least < 0 else most)
        raise DissectError(f"{name} has {odd}, and this model knows 0 to {many - 1}: {advice}")


def refuse_vectors(name: str, x: Any, base: Any, width: int) -> None:
    """Refuse embeddings that are not (batch, tokens, width) in the model's format.

    Args:
        name: The input's, for the message.
        x: What was given in their place.
        base: The model without its head.
        width: How many numbers each of its input embeddings has.

    Raises:
        DissectError: They are something else.
    """
    if not isinstance(x, Tensor) or x.dim() != 3 or x.shape[-1] != width:
        shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise DissectError(f"{name} is {shape}: give a tensor (batch, tokens, {width})")
    if x.dtype != base.dtype and not (x.is_floating_point() and autocast_on(x.device)):
        raise DissectError(
            f"{name} is of {x.dtype} and the model of {base.dtype}: give {name}.to(model.dtype)"
        )


def refuse_other_shape(name: str, value: Tensor, shape: torch.Size) -> None:
    """Refuse a mask or segments that are not (batch, tokens), and a mask of every token.

    Masks of three or four dimensions are the caller's own, and left alone.

    Args:
        name: The input's, for the message; of a mask it ends in "mask".
        value: The mask, or the segments.
        shape: (batch, tokens) of the ids.

    Raises:
        DissectError: It has another shape, or a mask holds other numbers than 0 and 1, or 0 alone.
    """
    if name.endswith("mask") and value.dim() > 2:
        return
    if value.shape != shape:
        raise DissectError(
            f"{name} is {tuple(value.shape)}, and the tokens are {tuple(shape)}: give one for each"
        )
    if name.endswith("mask") and not value.is_meta:
        if not ((value == 0) | (value == 1)).all():
            raise DissectError(f"{name} holds other numbers than 0 and 1: give 1 for a token, 0 for padding")
        if not value.any():
            raise DissectError(f"{name} is 0 everywhere: there is no token to decompose but padding")
