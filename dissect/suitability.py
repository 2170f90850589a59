"""Which chapters a model can be taken through, and with what."""

from collections.abc import Sequence

import torch

from dissect import models
from dissect.errors import DissectError
from dissect.families import has_stacks
from dissect.heads import width
from dissect.models import Loaded

NO_MASK = "its tokenizer has no mask token, so it was not made to guess masked words"
CONTEXT_FIRST = {
    "sentence": "Above the harbour the steel beam was lifted by a crane.",
    "other": "In the shallow water the small frog was caught by a crane.",
}
TWO_TEXTS = "its decoder reads a target beside the source, and the corpora have no such pairs"


def unsuited(loaded: Loaded, chapters: Sequence[str]) -> dict[str, str]:
    """The chapters that a model does not fit, and why; the others make sense for it.

    Decoders and pre-norm models are read as they are: a word's vector then knows what comes before it.
    """
    if has_stacks(loaded.model) and loaded.model.config.is_encoder_decoder:
        return dict.fromkeys(chapters, TWO_TEXTS)
    if loaded.tokenizer.mask_token_id is None and "3-mlm" in chapters:
        return {"3-mlm": NO_MASK}
    return {}


@torch.no_grad()
def reads_ahead(loaded: Loaded) -> bool:
    """Whether a token's vector depends on the tokens after it, as it does in encoders."""
    first, second = torch.tensor([[0, 1, 2, 3], [0, 1, 2, 4]], device=loaded.model.device).split(1)
    one, other = (loaded.model(input_ids=ids).last_hidden_state[0, :3] for ids in (first, second))
    return not torch.allclose(one, other, atol=1e-5)


def fitted(loaded: Loaded, chapter: str) -> dict[str, str]:
    """Parameters of a chapter that the model asks for: to a word that cannot read ahead, what sets two
    sentences apart has to come before it."""
    return CONTEXT_FIRST if chapter == "6-finer" and not reads_ahead(loaded) else {}


def refuse_other_head(name: str, loaded: Loaded) -> None:
    """Raises `DissectError` when a checkpoint has no head for masked words, or one for other embeddings
    or word pieces than the model's; and what loading it raises."""
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
