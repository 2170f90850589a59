"""Inside one word's vector: who wrote it, by layer, head, source token and feed-forward unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dissect.decomposition import Decomposer
from dissect.errors import DissectError
from dissect.models import Loaded
from dissect.parts import Parts


@dataclass(frozen=True)
class Word:
    """A word in a sentence. Its vectors are sums over its word pieces, as everywhere in this report.

    The tables give importance e·x / e·e, where e is the word's embedding and x a part of it.
    """

    decomposer: Decomposer
    inputs: dict[str, Any]
    tokens: list[str]  # all word pieces of the sentence
    positions: list[int]  # those of the word

    def terms(self) -> pd.DataFrame:
        """Columns term, importance: the four terms, whose importances add up to one."""
        parts = self.decomposer(**self.inputs)
        shares = self._shares(parts, parts.terms[:, 0, self.positions].sum(1))
        return pd.DataFrame({"term": parts.names, "importance": shares.tolist()})

    def by_layer(self) -> pd.DataFrame:
        """Columns term, layer, importance: what the sublayers of each layer wrote."""
        return self._table("layer", ())

    def by_head(self) -> pd.DataFrame:
        """Columns term, layer, head, importance; heads are counted from 1."""
        table = self._table("head", ("head",))
        return table.assign(head=table["head"] + 1)

    def by_source(self) -> pd.DataFrame:
        """Columns term, layer, source (a position in the sentence), token, importance."""
        table = self._table("source", ("source",))
        return table.assign(token=[self.tokens[n] for n in table["source"]])

    def by_unit(self, layers: Sequence[int] | None = None) -> pd.DataFrame:
        """Columns term, layer, unit, importance; units are counted from 0."""
        return self._table("neuron", ("unit",), layers)

    def _table(self, by: str, finer: tuple[str, ...], layers: Sequence[int] | None = None) -> pd.DataFrame:
        parts = self.decomposer(**self.inputs, by=by, layers=layers, tokens=self.positions)
        tables = []
        for term, split in parts.split.items():
            # sum over word pieces, the axis of tokens, and leave the one sentence out
            of_word = split.sum(3)[:, :, 0] if by == "head" else split.sum(2)[:, 0]
            shares = self._shares(parts, of_word)
            index = pd.MultiIndex.from_product(
                [list(layers or range(1, len(split) + 1)), *[range(n) for n in shares.shape[1:]]],
                names=["layer", *finer],
            )
            table = pd.Series(shares.flatten().tolist(), index, name="importance").reset_index()
            table.insert(0, "term", term)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def _shares(self, parts: Parts, x: Tensor) -> Tensor:
        e = parts.embedding[0, self.positions].sum(0).to(x.dtype)
        return x @ e / (e @ e)


def word_in(loaded: Loaded, sentence: str, word: str) -> Word:
    """The first place of a word in a sentence.

    Raises `DissectError` when the sentence does not hold it as a word of its own.
    """
    encoded: Any = loaded.tokenizer(
        sentence, return_tensors="pt", return_offsets_mapping=True, truncation=False, verbose=False
    )
    offsets = encoded.pop("offset_mapping")[0].tolist()
    start = sentence.find(word)
    if not word or start < 0:
        raise DissectError(f"there is no {word!r} in the sentence: give a word that it holds")
    end = start + len(word)
    positions = [n for n, (a, b) in enumerate(offsets) if a < end and b > start]
    tokens: Any = loaded.tokenizer.convert_ids_to_tokens(encoded["input_ids"][0])
    inputs = {name: value.to(loaded.model.device) for name, value in encoded.items()}
    return Word(Decomposer(loaded.model), inputs, tokens, positions)


@torch.no_grad()
def logits(loaded: Loaded, head: Any, sentence: str, words: Sequence[str]) -> pd.DataFrame:
    """What each term, layer by layer, says for the next word: its part of the logits.

    head: the linear map from embeddings to the vocabulary, see `models.load_unembedding`.
    words: candidates; a candidate of several pieces stands for its first.

    Columns term, layer (0 for i, c and the head's own bias), word, logit. Over all rows of a word
    they add up to the model's logit after the last token of the sentence.

    Raises what `decompose` raises.
    """
    encoded = loaded.tokenizer(sentence, return_tensors="pt", truncation=False, verbose=False)
    inputs: dict[str, Any] = {name: value.to(loaded.model.device) for name, value in encoded.items()}
    ids = [loaded.tokenizer(" " + word, add_special_tokens=False)["input_ids"][0] for word in words]
    parts = Decomposer(loaded.model)(**inputs, by="layer")
    weight = head.weight[ids].to(parts.terms.dtype)
    vectors = [("i", 0, parts.i[0, -1]), ("c", 0, parts.c[0, -1])]
    for term, split in parts.split.items():
        vectors += [(term, n, x[0, -1]) for n, x in enumerate(split, start=1)]
    rows = [
        (term, layer, word, logit)
        for term, layer, x in vectors
        for word, logit in zip(words, (weight @ x).tolist(), strict=True)
    ]
    if getattr(head, "bias", None) is not None:
        rows += [("bias", 0, word, head.bias[n].item()) for word, n in zip(words, ids, strict=True)]
    return pd.DataFrame(rows, columns=["term", "layer", "word", "logit"])
