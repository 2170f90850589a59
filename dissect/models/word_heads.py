"""The heads with which models guess words, and which words those are: masked ones, or the next."""

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedModel

from dissect.models.heads import WordHead, after_embedding, of_pair, sees_ahead, width
from dissect.models.loading import Loaded, _from_pretrained, load

MASKED, NEXT = "masked", "next"
HEADS: dict[str, Any] = {MASKED: AutoModelForMaskedLM, NEXT: AutoModelForCausalLM}


def guesses(loaded: Loaded) -> str:
    """Which words a model was made to guess, by its architecture.

    A mask token in the tokenizer alone proves nothing: many tokenizers of decoders have one.

    Returns:
        "masked" for encoders whose family has a head for masked words; "next" for models that see no token
        ahead and whose family has a head for the next one; "" for others, such as an encoder whose words a
        decoder tells.
    """
    asked = MASKED if sees_ahead(loaded.model) else NEXT
    if of_pair(loaded.model) or type(loaded.model.config) not in HEADS[asked]._model_mapping:
        return ""
    return "" if asked == MASKED and loaded.tokenizer.mask_token_id is None else asked


def load_word_head(loaded: Loaded, name: str | None = None) -> WordHead | None:
    """The head with which a checkpoint guesses the words that a model was made to guess, or None.

    Args:
        loaded: The model, which says whether masked or next words are guessed; see `guesses`.
        name: Of the checkpoint whose head it is; by default the model's own.

    Returns:
        A module that maps embeddings (…, width) to logits over the vocabulary (…, vocabulary); its `kind`
        tells whether it was pretrained or trained afterwards. None where the checkpoint has no such head.

    Raises:
        UnknownModel: There is no such model.
    """
    asked = guesses(loaded)
    return _word_head(HEADS[asked], name or loaded.name) if asked else None


def load_masked_head(name: str) -> WordHead | None:
    """The head that the checkpoint uses to predict masked words, or None; see `load_word_head`.

    Raises:
        UnknownModel: There is no such model.
    """
    return _word_head(AutoModelForMaskedLM, name)


def _word_head(kind: Any, name: str) -> WordHead | None:
    if type(_from_pretrained(AutoConfig, name)) not in kind._model_mapping:
        return None
    model, info = _from_pretrained(kind, name, output_loading_info=True)
    prefix = model.base_model_prefix + "."
    head_is_new = any(not key.startswith(prefix) for key in info["missing_keys"])
    return None if head_is_new else WordHead(model.eval())


def load_unembedding(name: str) -> tuple[Loaded, nn.Module] | None:
    """A language model with the linear map that turns its embeddings into logits.

    Returns:
        None for models that have no such map; encoders have no head, or one that is not linear.

    Raises:
        UnknownModel: There is no such model.
    """
    loaded = load(name)
    if guesses(loaded) != NEXT:
        return None
    model, info = _from_pretrained(AutoModelForCausalLM, name, output_loading_info=True)
    head = model.get_output_embeddings()
    prefix = model.base_model_prefix + "."
    head_is_new = any(not key.startswith(prefix) for key in info["missing_keys"])
    # elsewhere than on top of the model, it is the last step of a head that is not linear
    linear = isinstance(head, nn.Linear) and any(part is head for part in model.children())
    if head_is_new or not linear or not says_all(model, head):
        return None
    return loaded, head.to(loaded.model.device)


@torch.no_grad()
def says_all(model: PreTrainedModel, head: nn.Module) -> bool:
    """Whether logits are what the linear map gives, with no scale or cap of the model's after it."""
    x = torch.arange(1.0, 1 + width(model)).sin()[None].to(model.dtype)
    return torch.allclose(head(x), after_embedding(model, x), rtol=1e-3)
