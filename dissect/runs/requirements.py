"""What of a model decides which chapters it can be taken through, and with what."""

import torch

from dissect import models
from dissect.decomposition import has_stacks
from dissect.errors import DissectError
from dissect.models import Loaded, width

NO_MASK = "its tokenizer has no mask token, so it was not made to guess masked words"
CONTEXT_FIRST = {
    "sentence": "Above the harbour the steel beam was lifted by a crane.",
    "other": "In the shallow water the small frog was caught by a crane.",
}
TWO_TEXTS = "its decoder reads a target beside the source, and the corpora have no such pairs"


def two_texts(loaded: Loaded) -> str:
    """Why no chapter fits an encoder with a decoder; "" for other models.

    Decoders and pre-norm models are read as they are: a word's vector then knows what comes before it.
    """
    pair = has_stacks(loaded.model) and loaded.model.config.is_encoder_decoder
    return TWO_TEXTS if pair else ""


def no_mask(loaded: Loaded) -> str:
    """Why a model cannot guess masked words; "" where it can."""
    return NO_MASK if loaded.tokenizer.mask_token_id is None else ""


@torch.no_grad()
def reads_ahead(loaded: Loaded) -> bool:
    """Whether a token's vector depends on the tokens after it, as it does in encoders."""
    first, second = torch.tensor([[0, 1, 2, 3], [0, 1, 2, 4]], device=loaded.model.device).split(1)
    one, other = (loaded.model(input_ids=ids).last_hidden_state[0, :3] for ids in (first, second))
    return not torch.allclose(one, other, atol=1e-5)


def context_first(loaded: Loaded) -> dict[str, str]:
    """Sentences for a model that cannot read ahead: what sets them apart has to come before the word."""
    return {} if reads_ahead(loaded) else CONTEXT_FIRST


def refuse_other_head(name: str, loaded: Loaded) -> None:
    """Refuse a checkpoint whose head for masked words is not one for this model.

    Raises what loading it raises.

    Args:
        name: The checkpoint's.
        loaded: The model.

    Raises:
        DissectError: There is no head, or one for other embeddings or word pieces than the model's.
    """
    head = models.load_masked_head(name)
    if head is None:
        raise DissectError(f"{name} has no head for masked words: leave --head out, or give another")
    hidden, pieces = width(loaded.model), loaded.tokenizer.vocab_size
    try:
        with torch.no_grad():
            named = head(torch.zeros(1, hidden)).shape[-1]
    except RuntimeError:  # matrices that do not go together
        named = 0
    if named < pieces:
        raise DissectError(
            f"the head of {name} does not read embeddings {hidden} wide and name {pieces} word pieces, as "
            f"that of {loaded.label} would: give one that was trained for this model"
        )
