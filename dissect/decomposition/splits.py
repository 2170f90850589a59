"""Terms in finer parts: by layer, by attention head, by source token, by feed-forward unit.

Attention is linear in the values once its weights are known, and a feed-forward is linear in its
units, so the parts are exact and sum to their term.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dissect.decomposition.experts import Experts, by_expert, counted
from dissect.decomposition.families import find
from dissect.decomposition.fold import Weight
from dissect.decomposition.precision import lengths, why_missed
from dissect.decomposition.sites import matrix_of, projected_bias, value_bias, values_of
from dissect.decomposition.trace import Add, Trace
from dissect.errors import DissectError, InexactSum, TooLarge

LARGEST = 4 * 2**30  # bytes that one split may take at its peak

# What a split needs of the pass (see `recording`), and the terms it splits.
KEEP = {
    "layer": (), "head": ("projected",), "source": ("values",), "neuron": ("projected",),
    "expert": ("routed", "entered"),
}  # fmt: skip
SPLITS = {"layer": "hfs", "head": "hs", "source": "hs", "neuron": "f", "expert": "f"}
AXIS = {"head": 0, "source": 2, "neuron": 2, "expert": 0}  # the new axis, in the parts of one layer


@dataclass(frozen=True)
class Request:
    """What to split, and by what.

    Attributes:
        layers: From 1; None for all.
        tokens: Positions; None for all.
    """

    by: str
    layers: Sequence[int] | None
    tokens: Sequence[int] | None

    def __post_init__(self) -> None:
        if self.by not in KEEP:
            ways = ", ".join(repr(way) for way in KEEP)
            raise DissectError(f"by={self.by!r} is not a way to split; use one of {ways}, or leave it out")


@contextmanager
def eager_attention(base: Any, wanted: bool) -> Iterator[dict[str, bool]]:
    """Options that make the model return its attention weights, which only eager attention does."""
    if not wanted:
        yield {}
        return
    before = base.config._attn_implementation
    base.set_attn_implementation("eager")
    try:
        yield {"output_attentions": True}
    finally:
        base.set_attn_implementation(before)


@dataclass(frozen=True)
class Sight:
    """One addition to the stream, seen at some tokens."""

    weight: Weight
    add: Add
    tokens: list[int]
    config: Any
    experts: Experts

    def carried(self, x: Tensor, axis: int | None) -> Tensor:
        """Parts of the sublayer's output, as they arrive in the last embedding.

        Args:
            x: (batch, tokens, hidden) with one more axis at `axis`.
            axis: Which is new, or None where there is none.
        """
        branch, scale = self.add.scale, self.weight.scale[:, self.tokens]
        branch = None if branch is None else branch[:, self.tokens]
        if axis == 2:
            scale, branch = scale.unsqueeze(2), None if branch is None else branch.unsqueeze(2)
        x = x if isinstance(self.add.gain, float) and self.add.gain == 1 else x * self.add.gain
        x = x if branch is None else x * branch
        x = (x * self.weight.gain) * scale
        for matrix in self.weight.maps:
            x = x @ matrix.T
        return x

    @property
    def out(self) -> Tensor:
        """The matrix of the output projection, (inputs, hidden)."""
        layer, sublayer = self.where
        return matrix_of(find(layer, sublayer.out)).to(self.add.output)

    @property
    def bias(self) -> Tensor:
        """The value bias as it reaches the output projection, (inputs,)."""
        return value_bias(*self.where, self.config).to(self.add.output)

    @property
    def where(self) -> tuple[Any, Any]:
        """The layer's module, and the row's line, of the sublayer."""
        assert self.add.where is not None
        return self.add.where

    def by_layer(self, attentions: Any, heads: int) -> Tensor:
        """The whole addition, (batch, tokens, hidden)."""
        constant = self.add.constant
        constant = constant if self.add.scale is None else self.add.scale * constant
        constant = constant if self.add.varying is None else constant + self.add.varying
        x = ((self.add.output - constant)[:, self.tokens] * self.weight.gain) * self.weight.scale[
            :, self.tokens
        ]
        for matrix in self.weight.maps:
            x = x @ matrix.T
        return x

    def by_head(self, attentions: Any, heads: int) -> Tensor:
        """What each attention head adds, (heads, batch, tokens, hidden)."""
        mixed = self.add.seen["projected"][:, self.tokens].unflatten(-1, (heads, -1))
        bias = self.bias.unflatten(-1, (heads, -1))
        if "sums" in self.add.seen:
            bias = self.add.seen["sums"][:, self.tokens].unsqueeze(-1) * bias
        mixed = mixed - bias
        return self.carried(torch.einsum("bthe,hed->hbtd", mixed, self.out.unflatten(0, (heads, -1))), 0)

    def by_source(self, attentions: Any, heads: int) -> Tensor:
        """What comes from each token of the source, (batch, tokens, sources, hidden)."""
        bias = projected_bias(*self.where, self.config).to(self.add.output)
        values = values_of(self.add.seen["values"], self.where[1], len(bias), self.config)
        written = torch.einsum(
            "bshe,hed->bshd",
            (values - bias).unflatten(-1, (heads, -1)),
            self.out.unflatten(0, (heads, -1)),
        )
        rows = attentions[self.add.layer - 1][:, :, self.tokens].to(written)
        return self.carried(torch.einsum("bhts,bshd->btsd", rows, written), 2)

    def by_neuron(self, attentions: Any, heads: int) -> Tensor:
        """What each feed-forward unit adds, (batch, tokens, units, hidden)."""
        return self.carried(self.add.seen["projected"][:, self.tokens].unsqueeze(-1) * self.out, 2)

    def by_expert(self, attentions: Any, heads: int) -> Tensor:
        """What each expert adds, (experts, batch, tokens, hidden); last what every token goes through."""
        return self.carried(by_expert(self.add, self.tokens, self.experts, self.config), 0)


def split(
    request: Request, config: Any, trace: Trace, weights: dict[int, Weight], output: Any, tolerance: float
) -> dict[str, Tensor]:
    """The parts of each term that can be split so; see `Decomposer`.

    Args:
        request: What to split, and by what.
        config: The model's configuration.
        trace: The recorded pass.
        weights: What each addition was multiplied by, as `fold` gives them.
        output: What the model returned.
        tolerance: How far parts may miss their sum, relative to the largest embedding.

    Returns:
        By term, (layers, …).

    Raises:
        TooLarge: They would not fit; said before anything is computed.
        InexactSum: Parts miss what they are of.
    """
    assert trace.start is not None
    adds = [
        (weights[place], operation)
        for place, operation in enumerate(trace.operations)
        if isinstance(operation, Add) and operation.term in SPLITS[request.by]
    ]
    layers = chosen("layers", request.layers, range(1, max(add.layer for _, add in adds) + 1))
    tokens = chosen("tokens", request.tokens, range(trace.start.shape[1]))
    embedding = output.last_hidden_state
    largest = lengths(embedding.to(trace.start.dtype)).max()
    heads = heads_of(config, output)
    experts = counted([add for _, add in adds], config) if request.by == "expert" else Experts(0, False)
    by_term = {
        term: {
            add.layer: Sight(weight, add, tokens, config, experts) for weight, add in adds if add.term == term
        }
        for term in dict.fromkeys(add.term for _, add in adds)
    }
    sizes = [
        one_layer(request.by, sights[layers[0]], heads, attentions_of(output, term), embedding)
        for term, sights in by_term.items()
    ]
    refuse_too_large(request.by, len(layers), sizes)
    result = {}
    for term, sights in by_term.items():
        attentions = attentions_of(output, term)
        for place, sight in enumerate(sights[n] for n in layers):
            pieces = getattr(sight, f"by_{request.by}")(attentions, heads)
            total = pieces.sum(AXIS[request.by]) if request.by in AXIS else pieces
            missed = lengths(total - sight.by_layer(attentions, heads)).max() / largest
            if not missed <= tolerance:
                raise InexactSum(
                    f"the parts of {term} by {request.by} in layer {sight.add.layer} miss their sum by "
                    f"{missed:.1e}; "
                    + why_missed(embedding, "this model's attention is not a weighted mean of its values")
                )
            if place == 0:  # filled layer by layer: to stack the parts would take twice the room
                result[term] = pieces.new_empty(len(layers), *pieces.shape)
            result[term][place] = pieces
            del pieces, total  # before the next layer's are made
    return result


def chosen(what: str, some: Sequence[int] | None, among: range) -> list[int]:
    """The choice as a list, all by default.

    Args:
        what: "layers" or "tokens", for the message.
        some: What was asked for, or None.
        among: What there is.

    Raises:
        DissectError: One that was asked for is not there.
    """
    if some is None:
        return list(among)
    if not some or not set(some) <= set(among):
        raise DissectError(f"{what}={list(some)}: choose among {among.start} to {among.stop - 1}")
    return list(some)


def attentions_of(output: Any, term: str) -> Any:
    """The attention weights that made a term, layer by layer, each (batch, heads, tokens, sources)."""
    if term == "s":
        return getattr(output, "cross_attentions", None)
    return getattr(output, "decoder_attentions", None) or getattr(output, "attentions", None)


def heads_of(config: Any, output: Any) -> int:
    """The number of attention heads; that of the decoder may differ from the encoder's."""
    if hasattr(output, "decoder_attentions") and hasattr(config, "decoder_attention_heads"):
        return config.decoder_attention_heads
    return config.num_attention_heads


def refuse_attention(config: Any, ids: Tensor | None, source: Tensor | None) -> None:
    """Refuse, before the pass, a batch whose attention weights alone would take too much.

    Args:
        config: The model's configuration.
        ids: What the model reads, (batch, tokens); None where it reads no text.
        source: What it attends to, (batch, tokens); the same but in an encoder-decoder.

    Raises:
        TooLarge: They would take more than `LARGEST` bytes.
    """
    if ids is None or source is None:
        return
    batch, tokens = ids.shape[:2]
    heads = getattr(config, "decoder_attention_heads", config.num_attention_heads)
    layers = getattr(config, "decoder_layers", config.num_hidden_layers)
    size = layers * batch * heads * tokens * max(tokens, source.shape[1]) * 4
    if size > LARGEST:
        raise TooLarge(
            f"by='source' needs the attention weights of all layers, {size / 2**30:.1f} GiB, more than the "
            f"{LARGEST / 2**30:.1f} of dissect.decomposition.splits.LARGEST; ask for fewer or shorter "
            "sentences at a time"
        )


def one_layer(by: str, sight: Sight, heads: int, attentions: Any, embedding: Tensor) -> tuple[int, int]:
    """Bytes of the parts of one layer, and of what making them takes beside them.

    Args:
        by: A way to split, see `Decomposer`.
        sight: An addition to the stream.
        heads: How many the attention has.
        attentions: Its weights, layer by layer, each (batch, heads, tokens, sources).
        embedding: The last, (batch, tokens, hidden).
    """
    batch, _, hidden = embedding.shape
    vector = hidden * sight.add.output.element_size()
    seen = batch * len(sight.tokens)
    if by == "source":
        sources = attentions[0].shape[-1]
        parts = seen * sources * vector
        return parts, 2 * parts + batch * sources * heads * vector  # what each head writes of each source
    finer = {"layer": 1, "head": heads, "expert": len(sight.experts)}.get(by) or sight.add.seen[
        "projected"
    ].shape[-1]
    return seen * finer * vector, 2 * seen * finer * vector  # scaled by gain and norm, one after the other


def refuse_too_large(by: str, layers: int, sizes: list[tuple[int, int]]) -> None:
    """Refuse a split that would take more than `LARGEST` bytes at its peak.

    Args:
        by: A way to split, see `Decomposer`.
        layers: How many are split.
        sizes: Of each term that is split, as `one_layer` gives them.

    Raises:
        TooLarge: It would.
    """
    size = sum(layers * parts for parts, _ in sizes) + max(parts + beside for parts, beside in sizes)
    if size > LARGEST:
        raise TooLarge(
            f"by={by!r} would take {size / 2**30:.1f} GiB, more than the {LARGEST / 2**30:.1f} of "
            "dissect.decomposition.splits.LARGEST; ask for less with layers=[…], tokens=[…] or fewer "
            "sentences"
        )
