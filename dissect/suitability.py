"""Which chapters a model can be taken through."""

from collections.abc import Sequence

from dissect.families import has_stacks
from dissect.models import Loaded

NO_MASK = "its tokenizer has no mask token, so it was not made to guess masked words"
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
