"""The terms of words and of targets, taken from many sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dissect.decomposition import Decomposer, longest_input
from dissect.errors import DissectError
from dissect.models import Loaded
from dissect.progress import track

TOKENS_PER_BATCH = 2048


@dataclass(frozen=True)
class Features:
    """Terms of items, on the processor. Items that the model cannot see whole are left out."""

    terms: Tensor  # (4, items, hidden), float32
    kept: Tensor  # (items,), the places of these items among those asked for
    left_out: int  # items in sentences too long for the model, or without a word piece


def word_terms(loaded: Loaded, sentences: Sequence[str], spans: Sequence[tuple[int, int, int]]) -> Features:
    """The terms of words: of each, the sum over its word pieces (as the paper's scripts do).

    spans: (sentence, start, end) of each word, in characters.

    Raises `DissectError` when there is no word, and what `decompose` raises.
    """
    ids, pieces = [], []
    encoded = loaded.tokenizer(list(sentences), return_offsets_mapping=True, truncation=False, verbose=False)
    for input_ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        ids.append(input_ids)
        pieces.append(offsets)
    targets = []
    for sentence, start, end in spans:
        overlap = [n for n, (a, b) in enumerate(pieces[sentence]) if a < end and b > start]
        targets.append((sentence, overlap))
    return target_terms(loaded, ids, targets, "terms of words")


def target_terms(
    loaded: Loaded,
    input_ids: Sequence[list[int]],
    targets: Sequence[tuple[int, list[int]]],
    label: str = "terms of targets",
) -> Features:
    """The terms of targets: of each, the sum over its positions in a tokenized sentence.

    targets: (sentence, positions).

    Raises `DissectError` when no target is left, and what `decompose` raises.
    """
    longest = longest_input(loaded.model)
    kept = [
        n
        for n, (sentence, positions) in enumerate(targets)
        if positions and len(input_ids[sentence]) <= longest
    ]
    if not kept:
        raise DissectError("no word is left to take the terms of: the text is empty or too long")
    rows: dict[int, list[int]] = {}
    for row, n in enumerate(kept):
        rows.setdefault(targets[n][0], []).append(row)
    hidden = loaded.model.config.hidden_size
    result = torch.zeros(len(kept), 4, hidden)
    decomposer = Decomposer(loaded.model)
    wanted = sorted(rows)
    for batch in track(batches([len(input_ids[s]) for s in wanted]), label):
        chosen = [wanted[b] for b in batch]
        parts = decomposer(**padded(loaded, [input_ids[s] for s in chosen]))
        terms = parts.terms.permute(1, 2, 0, 3)  # (batch, tokens, 4, hidden)
        of_row, b_at, t_at = [], [], []
        for b, sentence in enumerate(chosen):
            for row in rows[sentence]:
                for position in targets[kept[row]][1]:
                    of_row.append(row)
                    b_at.append(b)
                    t_at.append(position)
        result.index_add_(0, torch.tensor(of_row), terms[b_at, t_at].float().cpu())
    return Features(result.permute(1, 0, 2).contiguous(), torch.tensor(kept), len(targets) - len(kept))


def batches(lengths: Sequence[int], tokens: int = TOKENS_PER_BATCH) -> list[list[int]]:
    """Places of sentences in batches of about so many tokens, padding included.

    Sentences of like length go together, which saves padding; the longest come first, so that
    memory is at its peak at once and not after an hour.
    """
    order = sorted(range(len(lengths)), key=lambda n: -lengths[n])
    result: list[list[int]] = []
    for n in order:
        if result and (len(result[-1]) + 1) * lengths[result[-1][0]] <= tokens:
            result[-1].append(n)
        else:
            result.append([n])
    return result


def padded(loaded: Loaded, ids: Sequence[list[int]]) -> dict[str, Any]:
    """Token ids as a batch padded on the right, with its mask, on the model's device."""
    width = max(map(len, ids))
    pad = loaded.tokenizer.pad_token_id or 0
    device = next(loaded.model.parameters()).device
    input_ids = torch.tensor([row + [pad] * (width - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    return {"input_ids": input_ids.to(device), "attention_mask": mask.to(device)}


def tokenized(loaded: Loaded, sentences: Sequence[str]) -> list[list[int]]:
    """The sentences as token ids; those longer than the model takes are left out.

    Raises `DissectError` when none is left.
    """
    longest = longest_input(loaded.model)
    encoded = loaded.tokenizer(list(sentences), truncation=False, verbose=False)["input_ids"]
    ids = [row for row in encoded if len(row) <= longest]
    if not ids:
        raise DissectError(f"no sentence of at most {longest} tokens: shorten the sentences")
    return ids


def text_batches(loaded: Loaded, sentences: Sequence[str], label: str) -> Iterator[dict[str, Any]]:
    """The sentences as batches to decompose."""
    ids = tokenized(loaded, sentences)
    for batch in track(batches([len(row) for row in ids]), label):
        yield padded(loaded, [ids[n] for n in batch])
