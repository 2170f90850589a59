"""What of a model decides which chapters it can be taken through, and with what."""

from collections.abc import Iterator

import torch

from dissect import models
from dissect.decomposition import Decomposer
from dissect.errors import DissectError
from dissect.features import padded, tokenized
from dissect.models import MASKED, NEXT, Loaded, guesses, width
from dissect.models.heads import of_pair, sees_ahead

NO_MASK = "its tokenizer has no mask token, so it was not made to guess masked words"
NO_MASKED_HEAD = "it sees the tokens ahead, and its family has no head for masked words"
NO_NEXT_HEAD = "it sees no token ahead, and its family has no head for the next word"
NO_LAYERS = "its layers are no modules of their own, so they cannot change places or work twice"
WORDS_BY_DECODER = "a run reads its encoder, and it is its decoder that guesses words"
LARGEST = 60_000  # word pieces that a head over the whole vocabulary may tell apart
CONTEXT_FIRST = {
    "sentence": "Above the harbour the steel beam was lifted by a crane.",
    "other": "In the shallow water the small frog was caught by a crane.",
}
SAMPLE = ["The crane stood in the river.", "A crane lifted the last steel beam."]


def no_words(loaded: Loaded) -> str:
    """Why a model was not made to guess words, masked or next; "" where it was."""
    if guesses(loaded):
        return ""
    if of_pair(loaded.model):
        return WORDS_BY_DECODER
    if not sees_ahead(loaded.model):
        return NO_NEXT_HEAD
    return NO_MASK if loaded.tokenizer.mask_token_id is None else NO_MASKED_HEAD


def no_layers(loaded: Loaded) -> str:
    """Why a model's layers cannot change places; "" where they can."""
    return "" if Decomposer(loaded.model).has_layers else NO_LAYERS


def context_first(loaded: Loaded) -> dict[str, str]:
    """Sentences for a model that cannot read ahead: what sets them apart has to come before the word."""
    return {} if sees_ahead(loaded.model) else CONTEXT_FIRST


def small_vocabulary(loaded: Loaded) -> dict[str, bool]:
    """No head over the whole vocabulary of a model with many: it would take longer than all the others."""
    return {} if len(loaded.tokenizer) <= LARGEST else {"vocabulary": False}


def read_as(loaded: Loaded) -> Iterator[str]:
    """How a run reads a model that is no encoder, in words; nothing of an encoder."""
    if of_pair(loaded.model):
        yield f"{loaded.label} is an encoder-decoder: a run reads its encoder, as its decoder wants a target"
    if guesses(loaded) == NEXT:
        yield f"{loaded.label} sees no token ahead: where encoders guess masked words it guesses the next one"


def refuse_unreadable(loaded: Loaded) -> None:
    """Refuse a model whose embeddings are not taken apart.

    Raises:
        DissectError: There is no row for its family, a setting rules it out, or the sum is not exact.
    """
    try:
        Decomposer(loaded.model)(**padded(loaded, tokenized(loaded, SAMPLE)))
    except DissectError as error:
        raise DissectError(f"{loaded.label} cannot be run: {error}") from None


def refuse_other_head(name: str, loaded: Loaded) -> None:
    """Refuse a checkpoint whose head for masked words, or next ones, is not one for this model.

    Raises what loading it raises.

    Args:
        name: The checkpoint's.
        loaded: The model.

    Raises:
        DissectError: There is no head, or one for other embeddings or word pieces than the model's.
    """
    if why := no_words(loaded):
        raise DissectError(f"{loaded.label} takes no head for words, since {why}: leave --head out")
    asked = {MASKED: "masked words", NEXT: "the next word"}[guesses(loaded)]
    head = models.load_word_head(loaded, name)
    if head is None:
        raise DissectError(f"{name} has no head for {asked}: leave --head out, or give another")
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
