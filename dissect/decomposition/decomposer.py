"""The decomposition e = i + h + f + c (Mickus, Paperno and Constant 2022).

One forward pass is recorded (`record`), then folded into four terms (`fold`). In the paper's symbols,
with λ running over the Λ norms of the stream, gains g_λ, standard deviations s_λ, means m_λ:

    i = (Π g_λ / Π s_λ) ⊙ x₀
    h = Σ_l (Π g_λ / Π s_λ) ⊙ (attention of layer l, without biases)    λ after the sublayer
    f = Σ_l (Π g_λ / Π s_λ) ⊙ (feed-forward of layer l, without bias)   λ after the sublayer
    c = what the biases of sublayers and norms, and the means, add up to

Decoders that attend to a source have a fifth term s, made as h is.
"""

import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from dissect.decomposition import splits
from dissect.decomposition.experts import one_by_one, refuse_way
from dissect.decomposition.families import (
    LONGEST,
    Beside,
    default_stack,
    family_of,
    find,
    find_all,
    has_stacks,
)
from dissect.decomposition.fold import fold, fold_layers
from dissect.decomposition.inputs import (
    model_inside,
    refuse_absent,
    refuse_integers,
    refuse_named,
    refuse_unusable,
)
from dissect.decomposition.parts import Parts, names_of
from dissect.decomposition.precision import lengths, multiplied_in, own_products, why_missed
from dissect.decomposition.record import recording
from dissect.decomposition.sites import Sites, sites_of
from dissect.decomposition.trace import Add, Map, Trace
from dissect.errors import DissectError, InexactSum, UnsupportedModel

# The largest error per format: tests measure it to be some ten times smaller.
TOLERANCE = {
    torch.float64: 1e-12,
    torch.float32: 1e-5,
    torch.float16: 2e-2,
    torch.bfloat16: 1e-1,
}


def decompose(model: PreTrainedModel, by: str | None = None, **inputs: Any) -> Parts:
    """Write the embeddings that `model` returns as i + h + f + c (+ s in decoders with a source).

    Args:
        model: A supported `transformers` model, with or without a task head. It is left as found.
        by: Also fills `parts.split`, see `Decomposer`.
        **inputs: What its tokenizer returns, as tensors: `input_ids` (batch, tokens) and so on; of an
            encoder-decoder also `decoder_input_ids`.

    Returns:
        The embedding and its terms, each (batch, tokens, hidden).

    Raises:
        UnsupportedModel: There is no row for the family.
        InexactSum: The terms miss the embedding by more than the number format allows.
        DissectError: The input is of no use.
    """
    return Decomposer(model)(by=by, **inputs)


class Decomposer:
    """Decomposes batches with one model, by the weights that it has then. Call it like `decompose`.

    Args:
        model: A supported `transformers` model, with or without a task head.
        stack: "encoder" or "decoder" of an encoder-decoder; by default the decoder where there is one.

    Raises:
        UnsupportedModel: There is no row for the family, or a setting rules it out.
    """

    def __init__(self, model: PreTrainedModel, stack: str | None = None):
        model = model_inside(model)
        self.family = family_of(model, stack)
        self.names = names_of(sublayer.term for sublayer in self.family.sublayers)
        self.model = model
        base: Any = model.base_model
        self.base = base
        self.config: Any = base.config
        self.reads = "input_ids"
        if has_stacks(model) and (stack or default_stack(model)) == "encoder":
            self.base = getattr(base, "encoder", base)
        elif has_stacks(model) and self.config.is_encoder_decoder:
            self.reads = "decoder_input_ids"
        layers = find_all(self.base, self.family.layers)
        self.has_layers = not any(isinstance(layer, Beside) for layer in layers)
        for layer in layers:
            for sublayer in self.family.sublayers:
                for path in filter(None, (sublayer.out, sublayer.value)):
                    refuse_integers(path, find(layer, path))
        self.mixture = any(sublayer.experts for sublayer in self.family.sublayers)
        self.weighted = any(sublayer.weights for sublayer in self.family.sublayers)
        self.may_cache = "use_cache" in inspect.signature(self.base.forward).parameters

    @torch.no_grad()
    def __call__(
        self,
        by: str | None = None,
        layers: Sequence[int] | None = None,
        tokens: Sequence[int] | None = None,
        **inputs: Any,
    ) -> Parts:
        """Decompose a batch; see `decompose`.

        Args:
            by: What `parts.split[term]` is to hold; d is the hidden size.

                - `"layer"`: h, f and s by layer, (layers, batch, tokens, d);
                - `"head"`: h and s by attention head, (layers, heads, batch, tokens, d);
                - `"source"`: h and s by the token they came from, (layers, batch, tokens, sources, d);
                - `"neuron"`: f by feed-forward unit, (layers, batch, tokens, units, d);
                - `"expert"`: f of a mixture by expert, (layers, experts, batch, tokens, d); where there
                  is something that every token goes through, such as a shared expert, it comes last.
            layers: Split only what these wrote, counted from 1; by default all.
            tokens: Split only at these positions; by default all.
            **inputs: What the model's tokenizer returns, as tensors.

        Returns:
            The embedding and its terms, each (batch, tokens, d).

        Raises:
            TooLarge: The split would not fit; said before it is computed.
        """
        request = None if by is None else splits.Request(by, layers, tokens)
        refuse_way(by, self.mixture, self.config.model_type)
        if by == "source":
            splits.refuse_attention(self.config, inputs.get(self.reads), inputs.get("input_ids"))
        output, trace, mask = self._forward(inputs, splits.KEEP.get(by or "", ()), by == "source")
        terms, weights = fold(trace, self.names)
        embedding = output.last_hidden_state.to(terms.device)  # elsewhere, where there are several
        parts = self._checked(Parts(embedding, terms, mask, self.names), trace)
        if request is None:
            return parts
        # many families compute attention weights in float32 whatever the format
        allowed = max(self.tolerance(multiplied_in(parts.embedding)), TOLERANCE[torch.float32])
        with own_products(terms.device), one_by_one(self.base):
            split = splits.split(request, self.config, trace, weights, output, allowed)
        return parts.with_split(split)

    def layers(self, **inputs: Any) -> list[Parts]:
        """The parts at every layer: 0 is the embedding layer, the last is what `decompose` gives.

        In pre-norm models the last layer's comes after the final norm, those before it do not. The
        sum is checked at the last layer, where a miss at any layer arrives.

        Raises what `decompose` raises.
        """
        return list(self.each_layer(**inputs))

    @torch.no_grad()
    def each_layer(self, **inputs: Any) -> Iterator[Parts]:
        """What `layers` gives, one at a time: a layer's terms can be let go before the next are made.

        The sum is checked before the last is given, so who stops earlier has nothing checked.
        """
        _, trace, mask = self._forward(inputs, keep=("states",))
        states = fold_layers(trace, self.names)
        for layer, (embedding, terms) in enumerate(zip(trace.states, states, strict=True)):
            parts = Parts(embedding.to(terms.device), terms, mask, self.names)
            yield self._checked(parts, trace) if layer == len(trace.states) - 1 else parts

    @torch.no_grad()
    def feedforwards(self, **inputs: Any) -> Iterator[tuple[int, Tensor, Tensor]]:
        """What goes into each feed-forward and comes out, biases included, real tokens only.

        Raises what `decompose` raises for unusable input.

        Returns:
            By layer, (layer, input, output); input and output are (pieces, hidden).
        """
        _, trace, mask = self._forward(inputs, keep=("entered",), only="f")
        rows = mask.flatten().nonzero().squeeze(1)  # once: a mask as an index finds them every time

        def real(x: Tensor) -> Tensor:
            return x.flatten(0, 1) if len(rows) == mask.numel() else x.flatten(0, 1).index_select(0, rows)

        adds = (operation for operation in trace.operations if isinstance(operation, Add))
        return ((add.layer, real(add.seen["entered"]), real(add.output)) for add in adds)

    @torch.no_grad()
    def additions(self, **inputs: Any) -> Iterator[tuple[str, int, Tensor]]:
        """What each sublayer adds to the stream, biases included, in the order in which it is added.

        Raises what `decompose` raises for unusable input.

        Returns:
            Of each addition its term, its layer and what is added, (batch, tokens, hidden).
        """
        _, trace, _ = self._forward(inputs)
        adds = (operation for operation in trace.operations if isinstance(operation, Add))
        return ((add.term, add.layer, add.output) for add in adds)

    @torch.no_grad()
    def embedding(self, **inputs: Any) -> Tensor:
        """What the model returns, (batch, tokens, hidden), without its terms; hooks on it have their say."""
        check_inputs(self.base, inputs, self.reads)
        with torch.compiler.set_stance("force_eager"):
            return self._run(inputs).last_hidden_state

    def _forward(self, inputs, keep: tuple[str, ...] = (), weights: bool = False, only: str | None = None):
        """One recorded pass without dropout or gradients; modes and hooks are put back."""
        check_inputs(self.base, inputs, self.reads)
        refuse_named(inputs, self.family.refuses)
        with (
            splits.eager_attention(self.base, weights) as attention,
            recording(self.sites(), keep, only) as trace,
        ):
            output = self._run(attention | inputs)
        assert trace.start is not None
        shape, device = trace.start.shape[:2], trace.start.device
        mask = inputs.get(self.reads.replace("input_ids", "attention_mask"))
        if mask is None or mask.shape != shape:
            mask = torch.ones(shape, dtype=torch.bool, device=device)
        return output, trace, mask.to(device).bool()

    def _run(self, inputs: dict[str, Any]) -> Any:
        """One pass as the model has it, without dropout."""
        options: dict[str, Any] = {"return_dict": True} | ({"use_cache": False} if self.may_cache else {})
        training = [module for module in self.base.modules() if module.training]
        if training:
            self.base.eval()
        try:
            # where rows do not sum to one, weights are needed, which only eager attention returns
            with splits.eager_attention(self.base, self.weighted), one_by_one(self.base):
                return self.base(**options | inputs)
        finally:
            for module in training:
                module.training = True

    @torch.no_grad()
    def sites(self) -> Sites:
        """What the row names, with the constants of the weights as they are now.

        Raises:
            UnsupportedModel: There are weights that are not in memory.
        """
        refuse_absent(self.base)
        with own_products(next(self.base.parameters()).device):
            return sites_of(self.base, self.family, self.config)

    def tolerance(self, dtype: torch.dtype) -> float:
        """How far the sum may miss, relative to the embedding."""
        # some families round what they normalise to float32 whatever the format
        rounded = self.family.float32_norms == "vector" and dtype == torch.float64
        return TOLERANCE[torch.float32 if rounded else dtype]

    def _checked(self, parts: Parts, trace: Trace) -> Parts:
        # autocast rounds what goes through a map of the stream; sublayers' outputs are summed as they are
        maps = any(isinstance(operation, Map) for operation in trace.operations)
        format_ = multiplied_in(parts.embedding) if maps else parts.embedding.dtype
        allowed = self.tolerance(format_)
        if not math.isfinite(parts.error) and not finite(parts.embedding[parts.mask]):
            raise InexactSum(
                "the model itself returns NaN or infinite values; check its weights, use float32, and "
                "pad on the right"
            )
        large = (
            []
            if math.isfinite(parts.error)
            else [
                name
                for name, term in zip(parts.names, parts.terms, strict=True)
                if not finite(term[parts.mask])
            ]
        )
        if large:
            raise InexactSum(
                f"the embedding is finite, but {' and '.join(large)} exceed what {parts.terms.dtype} holds; "
                "decompose the model in float64, with model.double(), which holds more"
            )
        if not parts.error <= allowed:
            why = "check the family's row in dissect/decomposition/families"
            times = cancelling(parts)
            if math.isfinite(times) and parts.error <= allowed * times:  # rounding grows with what is added
                why = (
                    f"its terms are together up to {times:.0f} times as long and cancel, which costs digits: "
                    f"decompose the model in float64, with model.double(); if they still miss, {why}"
                )
            raise InexactSum(
                f"the terms miss the embedding by {parts.error:.1e}, more than the {allowed:.0e} that "
                f"{format_} allows; " + why_missed(parts.embedding, why)
            )
        return parts


def finite(x: Tensor) -> bool:
    """Whether nothing is NaN or infinite."""
    return bool(x.isfinite().all())


def cancelling(parts: Parts) -> float:
    """How many times as long as the embedding its terms are together, at the token where it is most."""
    together = lengths(parts.terms[:, parts.mask]).sum(0)
    return (together / lengths(parts.embedding[parts.mask])).max().item()


def check_inputs(base: PreTrainedModel, inputs: dict[str, Any], reads: str = "input_ids") -> None:
    """Refuse input that the model cannot take.

    Args:
        base: The model without its head.
        inputs: What it is given, by name.
        reads: "input_ids", or "decoder_input_ids" where a decoder's embeddings are decomposed.

    Raises:
        DissectError: It has the wrong shape, no token, too many, or something that is of no use.
    """
    if "pixel_values" in inputs:
        return
    ids = inputs.get(reads, inputs.get(reads.replace("input_ids", "inputs_embeds")))
    if not isinstance(ids, Tensor) or ids.dim() < 2:
        more = " and decoder_input_ids=…" if reads == "decoder_input_ids" else ""
        raise DissectError(
            f"no {reads} of shape (batch, tokens); pass **tokenizer(texts, padding=True, "
            f'return_tensors="pt"){more}'
        )
    if ids.shape[0] == 0 or ids.shape[1] == 0:
        raise DissectError("there is no token to decompose: the text is empty")
    longest = longest_input(base)
    if ids.shape[1] > longest:
        raise DissectError(
            f"{ids.shape[1]} tokens are more than the {longest} that this model takes; "
            "shorten the text, or tokenize with truncation=True"
        )
    refuse_unusable(base, inputs, reads)


def longest_input(model: PreTrainedModel) -> int:
    """How many tokens the model takes. RoBERTa and its kin count positions from the padding id."""
    config: Any = model.base_model.config
    try:
        row = family_of(model)
        setting, offset = row.longest, row.counts_padding
    except UnsupportedModel:
        setting, offset = LONGEST, False
    longest = getattr(config, setting, None)
    if longest is None:
        return 10**9  # positions are relative to one another
    return longest - (config.pad_token_id + 1 if offset else 0)
