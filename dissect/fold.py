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


class Columns:
    """Sums over many products of a number per token and a constant vector, as one matrix product."""

    def __init__(self) -> None:
        self.columns: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def add(self, term: str, numbers: Tensor, vector: Tensor) -> None:
        """numbers: (batch, tokens, 1), vector: (hidden,)."""
        self.columns.setdefault(term, []).append((numbers, vector))

    def add_to(self, terms: Tensor, names: Sequence[str]) -> None:
        """Add what belongs to c, and take it from the terms that it came in with; in place."""
        for name, columns in self.columns.items():
            numbers, vectors = zip(*columns, strict=True)
            term = terms[names.index(name)]
            left = torch.cat(numbers, -1).view(-1, len(columns))
            sign = 1 if name == "c" else -1
            term.view(-1, term.shape[-1]).addmm_(left, torch.stack(vectors), alpha=sign)


def fold(trace: Trace, names: Sequence[str]) -> tuple[Tensor, dict[int, Weight]]:
    """The terms of the last embedding, (terms, batch, tokens, hidden), in the order of `names`.

    Also the weight of each addition, by its place among the operations.
    """
    assert trace.start is not None
    return fold_range([trace.start], trace.operations, 0, len(trace.operations), names)


def fold_layers(trace: Trace, names: Sequence[str]) -> list[Tensor]:
    """The terms at the end of every layer, each (terms, batch, tokens, hidden)."""
    assert trace.start is not None
    terms: Sequence[Tensor] | Tensor = [trace.start]
    states = []
    for begin, end in zip([0, *trace.ends], trace.ends, strict=False):
        terms, _ = fold_range(terms, trace.operations, begin, end, names)
        states.append(terms)
    return states


def fold_range(
    terms: Sequence[Tensor] | Tensor,
    operations: Sequence[Operation],
    begin: int,
    end: int,
    names: Sequence[str],
) -> tuple[Tensor, dict[int, Weight]]:
    """The terms after operations begin … end - 1, and the weights of the additions among them.

    terms: the terms before them; at the start of the stream only the first, i.
    """
    weights: dict[int, Weight] = {}
    for place in range(begin, end):
        operation = operations[place]
        if isinstance(operation, Map):
            terms = through(fold_norms(terms, operations, begin, place, names, weights), operation, names)
            for n, weight in weights.items():
                weights[n] = Weight(weight.gain, weight.scale, (*weight.maps, operation.weight))
            begin = place + 1
    return fold_norms(terms, operations, begin, end, names, weights), weights


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
    weights: dict[int, Weight],
) -> Tensor:
    """`fold_range` where there is no map; fills `weights`.

    Walks back from the end, so that every vector is scaled once, by all norms after it. What biases
    and means add is a product of numbers per token and constant vectors.
    """
    gain, scale = torch.ones_like(early[0][0, 0]), torch.ones_like(early[0][..., :1])
    terms, columns = early[0].new_empty(len(names), *early[0].shape), Columns()
    written: set[int] = set()

    def add(n: int, x: Tensor) -> None:
        if n in written:
            terms[n].addcmul_(x * gain, scale)
        else:
            torch.mul(x * gain, scale, out=terms[n])
            written.add(n)

    for place in reversed(range(begin, end)):
        operation = operations[place]
        if isinstance(operation, Norm):
            if operation.bias is not None:
                columns.add("c", scale, gain * operation.bias)
            gain, scale = gain * operation.gain, scale * operation.rstd
            if operation.mean is not None:
                columns.add("c", scale * operation.mean, -gain)
        elif isinstance(operation, Add):
            weights[place] = Weight(gain, scale)
            add(names.index(operation.term), operation.output)
            numbers = scale if operation.scale is None else scale * operation.scale
            constant = gain * operation.constant
            columns.add("c", numbers, constant)
            columns.add(operation.term, numbers, constant)
    for n, term in enumerate(early):
        add(n, term)
    for n in set(range(len(names))) - written:
        terms[n] = 0
    columns.add_to(terms, names)
    return terms
