"""The terms of words and of targets, taken from many sentences."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch
from torch import Tensor

from dissect import reuse
from dissect.decomposition import Decomposer, longest_input, members
from dissect.errors import DissectError
from dissect.features.store import Mapped, Store, mapped_again
from dissect.hashing import made_by, of_object
from dissect.memory import in_halves
from dissect.models import Loaded, fingerprint, width
from dissect.pool import mapped
from dissect.progress import track

T = TypeVar("T")
TOKENS_PER_BATCH = 2048
TOKENS_PER_SHARD = 50_000


@dataclass(frozen=True)
class Features:
    """Terms of items, shard by shard: in memory, or mapped from a store on disk.

    Items are in the order of their sentences. Those that the model cannot see whole are left out.

    Attributes:
        shards: Each (4, items, hidden), float32, on the processor.
        kept: (items,), the places of these items among those asked for.
        left_out: Items in sentences too long for the model, or without a word piece.
        folder: Of the store they are kept in.
        files: The shards' files, where they are mapped from a store. Such features are pickled without the
            shards, and whoever unpickles them maps the files anew.
    """

    shards: list[Tensor]
    kept: Tensor
    left_out: int
    folder: Path | None = None
    files: tuple[Path, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        return state | {"shards": None} if self.files else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        shards = state["shards"] or [mapped_again(file) for file in state["files"]]
        vars(self).update(state | {"shards": shards})

    @property
    def shape(self) -> tuple[int, int, int]:
        """(4, items, hidden)."""
        return (4, len(self.kept), self.shards[0].shape[-1])

    def subset(self, name: str) -> Tensor:
        """The sum of a subset of the terms, (items, hidden)."""
        return torch.cat([shard[members(name)].sum(0) for shard in self.shards])


def word_terms(
    loaded: Loaded,
    sentences: Sequence[str],
    spans: Sequence[tuple[int, int, int]],
    folder: str | Path | None = None,
) -> Features:
    """The terms of words: of each, the sum over its word pieces (as the paper's scripts do).

    Args:
        loaded: The model.
        sentences: The corpus.
        spans: (sentence, start, end) of each word, in characters.
        folder: Of stores; without it the terms are kept in memory.

    Returns:
        The terms, (4, words, hidden) when its shards are put together.

    Raises:
        DissectError: There is no word; besides, what `decompose` raises.
    """
    ids, targets = word_targets(loaded, sentences, spans)
    return target_terms(loaded, ids, targets, "terms of words", folder)


def word_targets(
    loaded: Loaded, sentences: Sequence[str], spans: Sequence[tuple[int, int, int]]
) -> tuple[list[list[int]], list[tuple[int, list[int]]]]:
    """Where the word pieces of words are.

    Args:
        loaded: The model.
        sentences: The corpus.
        spans: (sentence, start, end) of each word, in characters.

    Returns:
        The sentences, each a list of token ids, and of each word its sentence and its positions there.
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
    return ids, targets


@dataclass(frozen=True)
class Shard:
    """Whole sentences, and the targets in them.

    Attributes:
        targets: Places among all targets, in the order of their sentences.
    """

    sentences: list[int]
    targets: list[int]


def target_terms(
    loaded: Loaded,
    input_ids: Sequence[list[int]],
    targets: Sequence[tuple[int, list[int]]],
    label: str = "terms of targets",
    folder: str | Path | None = None,
) -> Features:
    """The terms of targets: of each, the sum over its positions in a tokenized sentence.

    Args:
        loaded: The model.
        input_ids: The sentences, each a list of token ids.
        targets: (sentence, positions).
        label: What the progress is called.
        folder: Of stores. Shards that are there are read, the others made and kept: what was interrupted
            goes on where it was. Without a folder the terms are kept in memory.

    Returns:
        The terms, (4, targets, hidden) when its shards are put together.

    Raises:
        DissectError: No target is left; besides, what `decompose` raises.
    """
    longest = longest_input(loaded.model)
    kept = [
        n
        for n, (sentence, positions) in enumerate(targets)
        if positions and len(input_ids[sentence]) <= longest
    ]
    if not kept:
        raise DissectError("no word is left to take the terms of: the text is empty or too long")
    kept.sort(key=lambda n: targets[n][0])
    parts = in_shards(input_ids, targets, kept)
    left_out, of_each = len(targets) - len(kept), numbered(input_ids, targets, parts)
    if folder is None:
        shards = [timed_terms(loaded, part) for part in track(of_each, label)]
        return Features(shards, torch.tensor(kept), left_out)
    store = open_store(folder, loaded, input_ids, targets, parts)
    stored = mapped(partial(stored_terms, loaded, store), of_each, label)
    files = tuple(one.path for one in stored)
    return Features([one.tensor for one in stored], torch.tensor(kept), left_out, store.folder, files)


@dataclass(frozen=True)
class Numbered:
    """A shard by its number, with all that its terms are made from beside the model.

    Attributes:
        input_ids: Of its sentences, each a list of token ids.
        targets: Its targets, (sentence, positions).
    """

    number: int
    shard: Shard
    input_ids: dict[int, list[int]]
    targets: dict[int, tuple[int, list[int]]]

    @property
    def tokens(self) -> int:
        """How many there are in its sentences."""
        return sum(map(len, self.input_ids.values()))

    def terms(self, loaded: Loaded) -> Tensor:
        """Its terms; see `shard_terms`."""
        return shard_terms(loaded, self.input_ids, self.targets, self.shard)


def numbered(
    input_ids: Sequence[list[int]], targets: Sequence[tuple[int, list[int]]], shards: Sequence[Shard]
) -> list[Numbered]:
    """The shards, each with what it needs of the sentences and targets.

    Args:
        input_ids: All sentences, each a list of token ids.
        targets: All targets, (sentence, positions).
        shards: How they are parted.
    """
    return [
        Numbered(n, one, {s: input_ids[s] for s in one.sentences}, {t: targets[t] for t in one.targets})
        for n, one in enumerate(shards)
    ]


def timed_terms(loaded: Loaded, part: Numbered) -> Tensor:
    """The terms of one shard's targets, in memory."""
    with reuse.timed("passes", tokens=part.tokens):
        return part.terms(loaded)


def stored_terms(loaded: Loaded, store: Store, part: Numbered) -> Mapped:
    """The terms of one shard's targets, in the store.

    Args:
        loaded: The model.
        store: Where they are kept.
        part: Which are meant.
    """
    shape = (4, len(part.shard.targets), width(loaded.model))
    return store.shard(part.number, shape, lambda: part.terms(loaded), part.tokens)


def in_shards(
    input_ids: Sequence[list[int]], targets: Sequence[tuple[int, list[int]]], kept: Sequence[int]
) -> list[Shard]:
    """Consecutive sentences with targets, about `TOKENS_PER_SHARD` tokens a shard.

    Args:
        input_ids: The sentences, each a list of token ids.
        targets: (sentence, positions).
        kept: Places of the targets that count.
    """
    shards: list[Shard] = []
    tokens = TOKENS_PER_SHARD
    for n in kept:
        sentence = targets[n][0]
        if not shards or sentence != shards[-1].sentences[-1]:
            if tokens >= TOKENS_PER_SHARD:
                shards.append(Shard([], []))
                tokens = 0
            shards[-1].sentences.append(sentence)
            tokens += len(input_ids[sentence])
        shards[-1].targets.append(n)
    return shards


def shard_terms(
    loaded: Loaded,
    input_ids: Mapping[int, list[int]] | Sequence[list[int]],
    targets: Mapping[int, tuple[int, list[int]]] | Sequence[tuple[int, list[int]]],
    shard: Shard,
) -> Tensor:
    """The terms of one shard's targets.

    Args:
        loaded: The model.
        input_ids: Of each sentence, by its place, a list of token ids.
        targets: Each target, by its place: (sentence, positions).
        shard: Which of both are meant.

    Returns:
        (4, targets, hidden), float32, on the processor.
    """
    rows: dict[int, list[int]] = {}
    for row, n in enumerate(shard.targets):
        rows.setdefault(targets[n][0], []).append(row)
    result = torch.zeros(len(shard.targets), 4, width(loaded.model))
    decomposer = Decomposer(loaded.model)

    def picked(chosen: list[int]) -> tuple[list[int], Tensor]:
        """The rows that these sentences have a part in, and what each adds to its row."""
        parts = decomposer(**padded(loaded, [input_ids[s] for s in chosen]))
        terms = parts.terms.permute(1, 2, 0, 3)  # (batch, tokens, 4, hidden)
        of_row, b_at, t_at = [], [], []
        for b, sentence in enumerate(chosen):
            for row in rows[sentence]:
                for position in targets[shard.targets[row]][1]:
                    of_row.append(row)
                    b_at.append(b)
                    t_at.append(position)
        return of_row, terms[b_at, t_at].float().cpu()

    for batch in batches([len(input_ids[s]) for s in shard.sentences]):
        for of_row, terms in in_halves([shard.sentences[b] for b in batch], picked):
            result.index_add_(0, torch.tensor(of_row), terms)
    return result.permute(1, 0, 2).contiguous()


def open_store(
    folder: str | Path,
    loaded: Loaded,
    input_ids: Sequence[list[int]],
    targets: Sequence[tuple[int, list[int]]],
    shards: Sequence[Shard],
) -> Store:
    """The store of these targets under this model: its key is a hash of both, and of what computes.

    Args:
        folder: Of stores.
        loaded: The model.
        input_ids: The sentences, each a list of token ids.
        targets: (sentence, positions).
        shards: How the targets are parted.
    """
    about = {
        "model": loaded.label, "model_sha256": fingerprint(loaded.model),
        "text_sha256": of_object([list(input_ids), list(targets)]),
        "tokens_per_shard": TOKENS_PER_SHARD, "device": loaded.model.device.type,
        **made_by("features.gathering"),
    }  # fmt: skip
    key = of_object(about)
    rows = [(n, targets[n][0], shard) for shard, part in enumerate(shards) for n in part.targets]
    return Store(folder, key, pd.DataFrame(rows, columns=["item", "sentence", "shard"]), about)


def batches(lengths: Sequence[int], tokens: int = TOKENS_PER_BATCH) -> list[list[int]]:
    """Places of sentences in batches of about so many tokens, padding included.

    Sentences of like length go together, which saves padding; the longest come first, so that
    memory is at its peak at once and not after an hour.

    Args:
        lengths: Of the sentences, in tokens.
        tokens: So many a batch.
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

    Raises:
        DissectError: None is left.
    """
    longest = longest_input(loaded.model)
    encoded = loaded.tokenizer(list(sentences), truncation=False, verbose=False)["input_ids"]
    ids = [row for row in encoded if len(row) <= longest]
    if not ids:
        raise DissectError(f"no sentence of at most {longest} tokens: shorten the sentences")
    return ids


def over_text(
    loaded: Loaded, sentences: Sequence[str], label: str, use: Callable[[dict[str, Any]], T]
) -> Iterator[T]:
    """What `use` makes of the sentences, batch by batch; of half a batch where memory runs out.

    Args:
        loaded: The model.
        sentences: The text.
        label: What the progress is called.
        use: Called with what the tokenizer makes of a batch, as tensors on the model's device.
    """
    ids = tokenized(loaded, sentences)

    def passed(rows: list[int]) -> T:
        with reuse.timed("passes", tokens=sum(len(ids[n]) for n in rows)):
            return use(padded(loaded, [ids[n] for n in rows]))

    for batch in track(batches([len(row) for row in ids]), label):
        yield from in_halves(batch, passed)
