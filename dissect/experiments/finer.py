"""Inside one word's vector: who wrote it, by layer, head, source token and feed-forward unit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dissect import reuse
from dissect.decomposition import Decomposer, Parts, share
from dissect.errors import DissectError
from dissect.models import Loaded


@dataclass(frozen=True)
class Word:
    """A word in a sentence. Its vectors are sums over its word pieces, as everywhere in this report.

    The tables give importance e·x / e·e, where e is the word's embedding and x a part of it.

    Attributes:
        tokens: All word pieces of the sentence.
        positions: Those of the word.
    """

    decomposer: Decomposer
    inputs: dict[str, Any]
    tokens: list[str]
    positions: list[int]

    def terms(self) -> pd.DataFrame:
        """Columns term, importance: the four terms, whose importances add up to one."""
        with reuse.timed("passes", tokens=len(self.tokens)):
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
        """Columns term, layer, unit, importance; units are counted from 0, in a mixture they are experts."""
        return self._table("expert" if self.decomposer.mixture else "neuron", ("unit",), layers)

    def _table(self, by: str, finer: tuple[str, ...], layers: Sequence[int] | None = None) -> pd.DataFrame:
        with reuse.timed("passes", tokens=len(self.tokens)):
            parts = self.decomposer(**self.inputs, by=by, layers=layers, tokens=self.positions)
        tables = []
        for term, split in parts.split.items():
            shares = self._shares(parts, of_one(split, by))
            index = pd.MultiIndex.from_product(
                [list(layers or range(1, len(split) + 1)), *[range(n) for n in shares.shape[1:]]],
                names=["layer", *finer],
            )
            table = pd.Series(shares.flatten().tolist(), index, name="importance").reset_index()
            table.insert(0, "term", term)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def _shares(self, parts: Parts, x: Tensor) -> Tensor:
        return share(x, parts.embedding[0, self.positions].sum(0))


# What a word does not border on: a letter or digit, also one made of a letter and a mark; but scripts that
# put no blanks between words have no borders to look for.
UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
JOINS = rf"(?:(?![{UNSPACED}])[\w\u0300-\u036f])"


def word_in(loaded: Loaded, sentence: str, word: str) -> Word:
    """The first place of a word in a sentence.

    Args:
        loaded: The model.
        sentence: The text.
        word: As it stands there.

    Raises:
        DissectError: The sentence does not hold it as a word of its own.
    """
    encoded: Any = loaded.tokenizer(
        sentence, return_tensors="pt", return_offsets_mapping=True, truncation=False, verbose=False
    )
    offsets = encoded.pop("offset_mapping")[0].tolist()
    found = re.search(rf"(?<!{JOINS}){re.escape(word)}(?!{JOINS})", sentence)
    if not word or found is None:
        raise DissectError(f"there is no {word!r} in the sentence: give a word that it holds")
    start, end = found.span()
    positions = [n for n, (a, b) in enumerate(offsets) if a < end and b > start]
    tokens: Any = loaded.tokenizer.convert_ids_to_tokens(encoded["input_ids"][0])
    inputs = {name: value.to(loaded.model.device) for name, value in encoded.items()}
    return Word(Decomposer(loaded.model), inputs, tokens, positions)


# What a split is by, and its column.
FINER = {"head": "head", "source": "source", "neuron": "unit", "expert": "unit"}


@torch.no_grad()
def logits(
    loaded: Loaded,
    head: Any,
    sentence: str,
    words: Sequence[str],
    by: str = "layer",
    layers: Sequence[int] | None = None,
) -> pd.DataFrame:
    """What each part says for the next word: its share of the logits (logit attribution).

    What is not split has layer 0, and neither head nor source nor unit: i, c, the other sublayers' term,
    the rest of a term of which only some layers were asked for, and the head's own bias. Over all rows of a
    word they add up to the model's logit after the last token of the sentence.

    Raises what `decompose` raises.

    Args:
        loaded: The model.
        head: The linear map from embeddings to the vocabulary, see `models.load_unembedding`.
        sentence: The text before the next word.
        words: Candidates; a candidate of several pieces stands for its first.
        by: "layer", "head" (of h), "source" (the tokens that h came from), "neuron" (units that wrote f) or
            "expert" (of a mixture).
        layers: Split what these wrote, counted from 1; by default all.

    Returns:
        Columns term, layer, word, logit; before word also head (from 1), source (a position) or unit
        or expert (both under unit, from 0).
    """
    encoded = loaded.tokenizer(sentence, return_tensors="pt", truncation=False, verbose=False)
    inputs: dict[str, Any] = {name: value.to(loaded.model.device) for name, value in encoded.items()}
    ids = [loaded.tokenizer(" " + word, add_special_tokens=False)["input_ids"][0] for word in words]
    last = inputs["input_ids"].shape[1] - 1
    with reuse.timed("passes", tokens=last + 1):
        parts = Decomposer(loaded.model)(**inputs, by=by, layers=layers, tokens=[last])
    weight = head.weight[ids].to(parts.terms.dtype)
    tables = []
    for term in parts.names:
        whole = parts[term][0, last]
        if term in parts.split:
            split = of_one(parts.split[term], by)
            tables.append(_said(weight @ split.flatten(0, -2).T, term, split.shape[:-1], by, layers, words))
            whole = whole - split.flatten(0, -2).sum(0)
        if term not in parts.split or layers:
            tables.append(
                pd.DataFrame({"term": term, "layer": 0, "word": words, "logit": (weight @ whole).tolist()})
            )
    if getattr(head, "bias", None) is not None:
        own = {"term": "bias", "layer": 0, "word": words, "logit": head.bias[ids].tolist()}
        tables.append(pd.DataFrame(own))
    columns = ["term", "layer", *([FINER[by]] if by in FINER else []), "word", "logit"]
    return pd.concat(tables, ignore_index=True)[columns]


def _said(
    said: Tensor, term: str, shape: torch.Size, by: str, layers: Sequence[int] | None, words: Sequence[str]
) -> pd.DataFrame:
    """The logits of parts, (words, parts), as rows; shape: (layers,) or (layers, finer)."""
    axes = [list(layers or range(1, shape[0] + 1)), *(range(n) for n in shape[1:])]
    names = ["layer", *([FINER[by]] if by in FINER else [])]
    index = pd.MultiIndex.from_product([*axes, words], names=[*names, "word"])
    table = pd.Series(said.T.flatten().tolist(), index, name="logit").reset_index()
    if by == "head":
        table["head"] += 1
    if by in FINER:
        table[FINER[by]] = table[FINER[by]].astype("Int64")  # what is not split has none
    return table.assign(term=term)


def of_one(split: Tensor, by: str) -> Tensor:
    """A split of one sentence, summed over the tokens asked for: (layers, d) or (layers, finer, d)."""
    return split.sum(3)[:, :, 0] if by in ("head", "expert") else split.sum(2)[:, 0]
