"""The decomposition e = i + h + f + c (Mickus, Paperno and Constant 2022).

One forward pass is recorded (`dissect.trace`), then folded into four terms. In the paper's symbols,
with λ running over the Λ norms of the stream, gains g_λ, standard deviations s_λ, means m_λ:

    i = (Π g_λ / Π s_λ) ⊙ x₀
    h = Σ_l (Π g_λ / Π s_λ) ⊙ (attention of layer l, without biases)    λ after the sublayer
    f = Σ_l (Π g_λ / Π s_λ) ⊙ (feed-forward of layer l, without bias)   λ after the sublayer
    c = what the biases of sublayers and norms, and the means, add up to
"""

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from dissect.errors import DissectError, InexactSum, UnsupportedModel
from dissect.families import family_of
from dissect.parts import TERMS, Parts
from dissect.trace import Add, Map, Norm, Operation, Trace, recording

# The largest error per format: tests measure it to be some ten times smaller.
TOLERANCE = {
    torch.float64: 1e-12,
    torch.float32: 1e-5,
    torch.float16: 5e-2,
    torch.bfloat16: 5e-1,
}


def decompose(model: PreTrainedModel, by: str | None = None, **inputs: Any) -> Parts:
    """Write the embeddings that `model` returns as i + h + f + c.

    model: a supported `transformers` model, with or without a task head. It is left as found.
    inputs: what its tokenizer returns, as tensors: `input_ids` (batch, tokens) and so on.
    by: "layer" also fills `parts.split["h"]` and `["f"]`, each (layers, batch, tokens, hidden).

    Raises `UnsupportedModel` for a family without a row, `InexactSum` when the terms miss the
    embedding by more than the number format allows, `DissectError` for unusable input.
    """
    return Decomposer(model)(by=by, **inputs)


class Decomposer:
    """Decomposes many batches with one model: looks its parts up once. Call it like `decompose`."""

    def __init__(self, model: PreTrainedModel):
        self.family = family_of(model)
        self.model = model
        self.base: Any = model.base_model
        config = self.base.config
        if getattr(config, "add_cross_attention", False):
            raise UnsupportedModel(
                "this model attends to a second sequence, which is a fifth term; "
                "load it with add_cross_attention=False"
            )
        if getattr(config, "chunk_size_feed_forward", 0):
            raise UnsupportedModel(
                "this model runs its feed-forwards in chunks; load it with chunk_size_feed_forward=0"
            )

    @torch.no_grad()
    def __call__(self, by: str | None = None, **inputs: Any) -> Parts:
        """See `decompose`."""
        if by not in (None, "layer"):
            raise DissectError(f"by={by!r} is not a way to split; use by='layer', or leave it out")
        output, trace, mask = self._forward(inputs)
        pieces = fold(trace)
        zero = torch.zeros_like(pieces["i", 0])
        terms = torch.stack([sum((v for (t, _), v in pieces.items() if t == x), zero) for x in TERMS])
        split = {}
        if by == "layer":
            for term in "hf":
                split[term] = torch.stack([pieces[term, n] for n in range(1, len(trace.ends))])
        return self._checked(Parts(output.last_hidden_state, terms, mask, split))

    @torch.no_grad()
    def layers(self, **inputs: Any) -> list[Parts]:
        """The parts at every layer: 0 is the embedding layer, the last is what `decompose` gives.

        Raises what `decompose` raises.
        """
        output, trace, mask = self._forward(inputs, output_hidden_states=True)
        states = fold_layers(trace)
        return [
            self._checked(Parts(embedding, terms, mask))
            for embedding, terms in zip(output.hidden_states, states, strict=True)
        ]

    def _forward(self, inputs, **options):
        """One recorded pass without dropout or gradients; modes and hooks are put back."""
        mask = check_inputs(self.base, inputs)
        modes = [(module, module.training) for module in self.base.modules()]
        self.base.eval()
        try:
            with recording(self.base, self.family) as trace:
                output = self.base(**inputs, **options, return_dict=True)
        finally:
            for module, training in modes:
                module.training = training
        return output, trace, mask

    def _checked(self, parts: Parts) -> Parts:
        allowed = TOLERANCE[parts.embedding.dtype]
        if not parts.error <= allowed:  # also when it is NaN
            raise InexactSum(
                f"the four terms miss the embedding by {parts.error:.1e}, more than the "
                f"{allowed:.0e} that {parts.embedding.dtype} allows; check the weights for NaN or "
                "infinite values, then the family's row in dissect/families.py"
            )
        return parts


def check_inputs(base: PreTrainedModel, inputs: dict[str, Any]) -> Tensor:
    """The mask of real tokens, (batch, tokens); `DissectError` for input the model cannot take."""
    ids = inputs.get("input_ids", inputs.get("inputs_embeds"))
    if not isinstance(ids, Tensor) or ids.dim() < 2:
        raise DissectError(
            "no input_ids of shape (batch, tokens); pass **tokenizer(texts, padding=True, "
            'return_tensors="pt")'
        )
    if ids.shape[0] == 0 or ids.shape[1] == 0:
        raise DissectError("there is no token to decompose: the text is empty")
    longest = longest_input(base)
    if ids.shape[1] > longest:
        raise DissectError(
            f"{ids.shape[1]} tokens are more than the {longest} that this model takes; "
            "shorten the text, or tokenize with truncation=True"
        )
    mask = inputs.get("attention_mask")
    if mask is None:
        return torch.ones(ids.shape[:2], dtype=torch.bool, device=ids.device)
    return mask.bool()


def longest_input(model: PreTrainedModel) -> int:
    """How many tokens the model takes. RoBERTa and its kin count positions from the padding id."""
    config = model.config
    offset = 0
    if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        offset = config.pad_token_id + 1
    return config.max_position_embeddings - offset


def fold(trace: Trace) -> dict[tuple[str, int], Tensor]:
    """What each sublayer ends up as in the last embedding: {(term, layer): (batch, tokens, hidden)}.

    Walks back from the end, so that every vector is scaled once, by all norms after it:
    `gain` is Π g_λ, `scale` is Π 1/s_λ over the norms met so far. c is a product of scalars per
    token and constant vectors. i and c are under layer 0.
    """
    x0 = trace.start
    assert x0 is not None
    # a map comes right after the embeddings, in the families that have one
    maps = [n for n, operation in enumerate(trace.operations) if isinstance(operation, Map)]
    late = maps[-1] + 1 if maps else 0
    start, shift = start_after(x0, trace.operations[:late])
    gain, scale = torch.ones_like(start[0, 0]), torch.ones_like(start[..., :1])
    pieces: dict[tuple[str, int], Tensor] = {}
    scalars, vectors = [], []
    for operation in reversed(trace.operations[late:]):
        if isinstance(operation, Norm):
            scalars += [scale, -scale * operation.rstd * operation.mean]
            vectors += [gain * operation.bias, gain * operation.gain]
            gain, scale = gain * operation.gain, scale * operation.rstd
        elif isinstance(operation, Add):
            scalars.append(scale)
            vectors.append(gain * operation.constant)
            pieces[operation.term, operation.layer] = scale * (gain * (operation.output - operation.constant))
    pieces["i", 0] = scale * (gain * start)
    c = scale * (gain * shift)
    if vectors:
        c = c + torch.cat(scalars, -1) @ torch.stack(vectors)
    pieces["c", 0] = c
    return pieces


def start_after(x0: Tensor, early: list[Operation]) -> tuple[Tensor, Tensor]:
    """The input and bias terms once the operations up to an affine map are done."""
    terms = torch.stack([x0, *[torch.zeros_like(x0)] * 3])
    for operation in early:
        terms = step(terms, operation)
    return terms[0], terms[3]


def fold_layers(trace: Trace) -> list[Tensor]:
    """The four terms at the end of every layer, each (4, batch, tokens, hidden).

    Walks forward, one operation on the stream at a time.
    """
    assert trace.start is not None
    terms = torch.stack([trace.start, *[torch.zeros_like(trace.start)] * 3])
    states = []
    for n, operation in enumerate(trace.operations, start=1):
        terms = step(terms, operation)
        states += [terms] * trace.ends.count(n)
    return states


def step(terms: Tensor, operation: Operation) -> Tensor:
    """The terms (4, batch, tokens, hidden) after one operation on their sum; a new tensor."""
    if isinstance(operation, Norm):
        terms = terms * (operation.gain * operation.rstd)
        terms[3] += operation.bias - operation.gain * operation.rstd * operation.mean
    elif isinstance(operation, Map):
        terms = terms @ operation.weight.T
        terms[3] += operation.bias
    else:
        terms = terms.clone()
        terms[TERMS.index(operation.term)] += operation.output - operation.constant
        terms[3] += operation.constant
    return terms
