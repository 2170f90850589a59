"""The word pieces of a text, in the order in which a model is shown them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dissect.features import batches, tokenized
from dissect.models import Loaded


def of_words(loaded: Loaded, batch: dict[str, Any]) -> Tensor:
    """Which positions of a batch hold a piece of a word: no padding, no special token; (batch, tokens)."""
    special = torch.tensor(loaded.tokenizer.all_special_ids, device=batch["input_ids"].device)
    return batch["attention_mask"].bool() & ~torch.isin(batch["input_ids"], special)


def shown(loaded: Loaded, sentences: Sequence[str]) -> list[int]:
    """The sentences, numbered as `tokenized` has them, in the order in which `over_text` shows them."""
    lengths = [len(row) for row in tokenized(loaded, sentences)]
    return [row for batch in batches(lengths) for row in batch]


def in_order(loaded: Loaded, sentences: Sequence[str]) -> tuple[Tensor, Tensor]:
    """The word pieces in the order of `measures.importance` and of all that `over_text` shows.

    Args:
        loaded: The model.
        sentences: The text.

    Returns:
        The sentence of each piece, numbered as `tokenized` has them, and its token id; each (pieces,).
    """
    ids = tokenized(loaded, sentences)
    special = set(loaded.tokenizer.all_special_ids)
    rows = shown(loaded, sentences)
    found = [(row, token) for row in rows for token in ids[row] if token not in special]
    both = torch.tensor(found, dtype=torch.long).view(-1, 2)
    return both[:, 0], both[:, 1]
