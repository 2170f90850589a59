"""Masking words as BERT's pretraining does, for the chapter on masked words."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from dissect.errors import DissectError
from dissect.features import tokenized
from dissect.models import Loaded


@dataclass(frozen=True)
class MaskedText:
    """Masked sentences, and the positions in them that hold a target."""

    input_ids: list[list[int]]
    targets: list[tuple[int, int]]  # (sentence, position)
    labels: list[int]  # the token that stood there
    source: list[int]  # for each target, the unmasked sentence it comes from


def mask_text(
    loaded: Loaded,
    sentences: Sequence[str],
    rate: float = 0.15,
    times: int = 1,
    seed: int = 0,
) -> MaskedText:
    """Choose each position with probability `rate`; of those, 80 % become the mask token, 10 % a
    random token and 10 % stay (Mickus et al. 2022, on masked words, after Devlin et al. 2019).

    times: how often each sentence is masked, each time anew.

    Raises `DissectError` when the model has no mask token, or no sentence fits it.
    """
    if loaded.tokenizer.mask_token_id is None:
        raise DissectError(f"{loaded.label} has no mask token: this chapter needs a masked-word model")
    random_ = random.Random(seed)
    special = set(loaded.tokenizer.all_special_ids)
    words = [n for n in range(len(loaded.tokenizer)) if n not in special]
    ids = tokenized(loaded, sentences)
    masked = MaskedText([], [], [], [])
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
            if chosen:
                masked.input_ids.append(changed)
    return masked
