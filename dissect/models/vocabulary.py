"""What of a text a model's vocabulary does not know."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from dissect.progress import once

WORTH_TELLING = 0.01  # of the pieces; less is a rare character here and there


def uncovered(tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str]) -> str:
    """How many of a text's pieces are unknown to a model, in words; "" where next to none are.

    Special tokens are not counted. Tokenizers that fall back to bytes know every text.
    """
    if tokenizer.unk_token_id is None or not sentences:
        return ""
    rows = tokenizer(list(sentences), add_special_tokens=False, verbose=False)["input_ids"]
    pieces = [piece for row in rows for piece in row]
    unknown = pieces.count(tokenizer.unk_token_id)
    if unknown <= WORTH_TELLING * len(pieces):
        return ""
    share = f"{unknown:,} of {len(pieces):,} pieces ({unknown / len(pieces):.0%})"
    return f"{share} are unknown to the model's vocabulary, which may not be for this language"


def tell_uncovered(tokenizer: PreTrainedTokenizerBase, name: str, sentences: Sequence[str]) -> None:
    """Tell once how much of a corpus a model does not know, if it is worth telling.

    Args:
        tokenizer: The model's.
        name: Of the corpus.
        sentences: Of it.
    """
    if said := uncovered(tokenizer, sentences):
        once(f"{name}: {said}")
