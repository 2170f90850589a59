"""Masking words as BERT's pretraining does, for the chapter on masked words."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from dissect.errors import DissectError
from dissect.features import tokenized
from dissect.models import Loaded

MASK, ANOTHER, ITSELF = "mask", "another piece", "the word itself"
STOOD = (MASK, ANOTHER, ITSELF)  # what the model may read at a target


@dataclass(frozen=True)
class MaskedText:
    """Masked sentences, and the positions in them that hold a target.

    Attributes:
        targets: (sentence, position).
        labels: The token that stood there.
        source: For each target, the unmasked sentence it comes from.
        stood: For each target what stands in its place now, one of `STOOD`.
    """

    input_ids: list[list[int]]
    targets: list[tuple[int, int]]
    labels: list[int]
    source: list[int]
    stood: list[str]


def mask_text(
    loaded: Loaded,
    sentences: Sequence[str],
    rate: float = 0.15,
    times: int = 1,
    seed: int = 0,
) -> MaskedText:
    """Choose each position with probability `rate`, and mask what is chosen.

    Of those, 80 % become the mask token, 10 % a random token and 10 % stay (Mickus et al. 2022, on masked
    words, after Devlin et al. 2019).

    Args:
        loaded: The model, whose tokenizer it is done with.
        sentences: The text.
        rate: Between 0 and 1.
        times: How often each sentence is masked, each time anew.
        seed: Of the draws.

    Raises:
        DissectError: The model has no mask token, or no sentence fits it.
    """
    if loaded.tokenizer.mask_token_id is None:
        raise DissectError(f"{loaded.label} has no mask token: this chapter needs a masked-word model")
    random_ = random.Random(seed)
    special = set(loaded.tokenizer.all_special_ids)
    words = [n for n in range(len(loaded.tokenizer)) if n not in special]
    ids = tokenized(loaded, sentences)
    masked = MaskedText([], [], [], [], [])
    for source, row in enumerate(ids):
        for _ in range(times):
            changed = list(row)
            chosen = [n for n, token in enumerate(row) if token not in special and random_.random() < rate]
            for position in chosen:
                draw = random_.random()
                if draw < 0.8:
                    changed[position] = loaded.tokenizer.mask_token_id
                elif draw < 0.9:
                    changed[position] = random_.choice(words)
                masked.targets.append((len(masked.input_ids), position))
                masked.labels.append(row[position])
                masked.source.append(source)
                # by what is there: a random piece may happen to be the one that was
                there = MASK if draw < 0.8 else ITSELF if changed[position] == row[position] else ANOTHER
                masked.stood.append(there)
            if chosen:
                masked.input_ids.append(changed)
    return masked
