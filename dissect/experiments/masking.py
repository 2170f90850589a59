"""Words to be guessed: masked as in BERT's pretraining, or the next one as decoders learn to guess it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from dissect.errors import DissectError
from dissect.features import tokenized
from dissect.models import MASKED, NEXT, Loaded, guesses

MASK, ANOTHER, ITSELF = "mask", "another piece", "the word itself"
STOOD = (MASK, ANOTHER, ITSELF)  # what the model may read at a target


@dataclass(frozen=True)
class MaskedText:
    """Sentences, and the positions in them at which a word is to be guessed.

    Attributes:
        targets: (sentence, position).
        labels: The token that stood there; of next words, the one after it.
        source: For each target, the unmasked sentence it comes from.
        stood: For each target what stands in its place now, one of `STOOD`; of next words nothing does.
        asked: Which words are guessed, `models.MASKED` or `models.NEXT`.
    """

    input_ids: list[list[int]]
    targets: list[tuple[int, int]]
    labels: list[int]
    source: list[int]
    stood: list[str]
    asked: str = MASKED


def asked_text(loaded: Loaded, sentences: Sequence[str], times: int = 1, seed: int = 0) -> MaskedText:
    """The words that a model is asked for: masked ones, or the next ones where it was made to guess those.

    Raises what `mask_text` and `next_text` raise.

    Args:
        loaded: The model.
        sentences: The text.
        times: How often words of each sentence are drawn.
        seed: Of the draws.
    """
    ask = next_text if guesses(loaded) == NEXT else mask_text
    return ask(loaded, sentences, times=times, seed=seed)


def next_text(
    loaded: Loaded,
    sentences: Sequence[str],
    rate: float = 0.15,
    times: int = 1,
    seed: int = 0,
) -> MaskedText:
    """Choose each position with probability `rate`, and ask for the token after it; nothing is masked.

    Neither that token nor the one at the position is a special one.

    Args:
        loaded: The model, whose tokenizer it is done with.
        sentences: The text.
        rate: Between 0 and 1.
        times: How often positions are drawn; one that is drawn again counts once, since it reads the same.
        seed: Of the draws.

    Raises:
        DissectError: No sentence fits the model.
    """
    random_ = random.Random(seed)
    special = set(loaded.tokenizer.all_special_ids)
    asked = MaskedText([], [], [], [], [], NEXT)
    for source, row in enumerate(tokenized(loaded, sentences)):
        words = [n for n in range(len(row) - 1) if not special & {row[n], row[n + 1]}]
        drawn = {n for _ in range(times) for n in words if random_.random() < rate}
        for position in sorted(drawn):
            asked.targets.append((len(asked.input_ids), position))
            asked.labels.append(row[position + 1])
            asked.source.append(source)
        if drawn:
            asked.input_ids.append(row)
    return asked


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
