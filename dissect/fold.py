"""From a recorded pass to its terms: the closed forms, written as sums over what was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dissect.trace import Add, Map, Norm, Operation, Trace


@dataclass(frozen=True)
class Weight:
    """What a vector that joined the stream is multiplied by on its way to the end.

    x becomes maps(scale · gain ⊙ x): `gain` is Π g_λ, `scale` Π 1/s_λ over the norms after it.
    """

    gain: Tensor  # (hidden,)
    scale: Tensor  # (batch, tokens, 1)
    maps: tuple[Tensor, ...] = ()  # matrices (after, before) that come later still


@dataclass(frozen=True)
class Vectors:
    """What a stretch of operations has that depends on weights alone, and is the same for every pass.

    With K norms in the stretch; `gains[k]` is Π g_λ over the norms from the k-th on.
    """

    gains: list[Tensor]  # K + 1 of them, each (hidden,)
    constants: dict[str, Tensor]  # by term, the vectors that numbers per token multiply: (many, hidden)


Memo = dict[tuple[int, int], Vectors]


def fold(trace: Trace, names: Sequence[str], memo: Memo) -> tuple[Tensor, dict[int, Weight]]:
    """The terms of the last embedding, (terms, batch, tokens, hidden), in the order of `names`.

    Also the weight of each addition, by its place among the operations.
    memo: keeps from pass to pass what depends on weights alone.
    """
    assert trace.start is not None
    return fold_range([trace.start], trace.operations, 0, len(trace.operations), names, memo)


def fold_layers(trace: Trace, names: Sequence[str], memo: Memo) -> list[Tensor]:
    """The terms at the end of every layer, each (terms, batch, tokens, hidden)."""
    assert trace.start is not None
    terms: Sequence[Tensor] | Tensor = [trace.start]
    states = []
    for begin, end in zip([0, *trace.ends], trace.ends, strict=False):
        terms, _ = fold_range(terms, trace.operations, begin, end, names, memo)
        states.append(terms)
    return states


def fold_range(
    terms: Sequence[Tensor] | Tensor,
    operations: Sequence[Operation],
    begin: int,
    end: int,
    names: Sequence[str],
    memo: Memo,
) -> tuple[Tensor, dict[int, Weight]]:
    """The terms after operations begin … end - 1, and the weights of the additions among them.

    terms: the terms before them; at the start of the stream only the first, i.
    """
    weights: dict[int, Weight] = {}
    for place in range(begin, end):
        operation = operations[place]
        if isinstance(operation, Map):
            terms = through(
                fold_norms(terms, operations, begin, place, names, memo, weights), operation, names
            )
            for n, weight in weights.items():
                weights[n] = Weight(weight.gain, weight.scale, (*weight.maps, operation.weight))
            begin = place + 1
    return fold_norms(terms, operations, begin, end, names, memo, weights), weights


def through(terms: Tensor, operation: Map, names: Sequence[str]) -> Tensor:
    """The terms after an affine map; its bias goes to c."""
    terms = terms @ operation.weight.T
    if operation.bias is not None:
        terms[names.index("c")] += operation.bias
    return terms


def fold_norms(
    early: Sequence[Tensor] | Tensor,
    operations: Sequence[Operation],
    begin: int,
    end: int,
    names: Sequence[str],
    memo: Memo,
    weights: dict[int, Weight],
) -> Tensor:
    """`fold_range` where there is no map; fills `weights`.

    Every vector is scaled once, by all norms after it. What biases and means add is a product of
    numbers per token and constant vectors.
    """
    stretch = operations[begin:end]
    if (begin, end) not in memo:
        memo[begin, end] = vectors_of(stretch, early[0])
    gains, constants = memo[begin, end].gains, memo[begin, end].constants
    scales = scales_of(stretch, early[0])
    terms = early[0].new_empty(len(names), *early[0].shape)
    room = torch.empty_like(early[0])  # to work in: new memory costs more than the product
    written: set[int] = set()

    def add(n: int, x: Tensor, k: int) -> None:
        torch.mul(x, gains[k], out=room)
        if n in written:
            terms[n].addcmul_(room, scales[..., k : k + 1])
        else:
            torch.mul(room, scales[..., k : k + 1], out=terms[n])
            written.add(n)

    k = 0  # norms so far
    for place, operation in enumerate(stretch, start=begin):
        if isinstance(operation, Norm):
            k += 1
        elif isinstance(operation, Add):
            weights[place] = Weight(gains[k], scales[..., k : k + 1])
            add(names.index(operation.term), operation.output, k)
    for n, term in enumerate(early):
        add(n, term, 0)
    for n in set(range(len(names))) - written:
        terms[n] = 0
    for name, numbers in numbers_of(stretch, scales).items():
        flat = terms[names.index(name)].view(-1, terms.shape[-1])
        # what biases make of a sublayer's output belongs to c, and is taken from its term
        flat.addmm_(numbers.flatten(0, 1), constants[name], alpha=1 if name == "c" else -1)
    return terms


def scales_of(stretch: Sequence[Operation], like: Tensor) -> Tensor:
    """Π 1/s_λ over the norms from the k-th on, (batch, tokens, K + 1), k along the last axis."""
    rstd = [operation.rstd for operation in stretch if isinstance(operation, Norm)]
    numbers = torch.cat([*rstd, torch.ones_like(like[..., :1])], -1)
    return numbers.flip(-1).cumprod(-1).flip(-1)


def vectors_of(stretch: Sequence[Operation], like: Tensor) -> Vectors:
    """The gains and constant vectors of a stretch; its numbers are those of `numbers_of`."""
    gains = [torch.ones_like(like[0, 0])]
    for operation in reversed(stretch):
        if isinstance(operation, Norm):
            gains.insert(0, gains[0] * operation.gain)
    constants: dict[str, list[Tensor]] = {}
    k = 0
    for operation in stretch:
        if isinstance(operation, Norm):
            if operation.mean is not None:
                constants.setdefault("c", []).append(-gains[k])
            k += 1
            if operation.bias is not None:
                constants.setdefault("c", []).append(gains[k] * operation.bias)
        elif isinstance(operation, Add):
            for name in ("c", operation.term):
                constants.setdefault(name, []).append(gains[k] * operation.constant)
    return Vectors(gains, {name: torch.stack(vectors) for name, vectors in constants.items()})


def numbers_of(stretch: Sequence[Operation], scales: Tensor) -> dict[str, Tensor]:
    """The numbers per token that multiply the constant vectors, by term, (batch, tokens, many)."""
    numbers: dict[str, list[Tensor]] = {}
    k = 0
    for operation in stretch:
        scale = scales[..., k : k + 1]
        if isinstance(operation, Norm):
            if operation.mean is not None:
                numbers.setdefault("c", []).append(scale * operation.mean)
            k += 1
            if operation.bias is not None:
                numbers.setdefault("c", []).append(scales[..., k : k + 1])
        elif isinstance(operation, Add):
            for name in ("c", operation.term):
                branch = scale if operation.scale is None else scale * operation.scale
                numbers.setdefault(name, []).append(branch)
    return {name: torch.cat(columns, -1) for name, columns in numbers.items()}
