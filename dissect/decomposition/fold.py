"""From a recorded pass to its terms: the closed forms, written as sums over what was recorded.

Over many norms neither Π g_λ nor Π 1/s_λ stays in the range of float32, while their product does: a
norm divides by the size of what the gain before it has made. So the size of each gain, a power of two,
is taken from it and given to the deviations. What is multiplied then is, at every norm, the largest factor
that any element of a vector gets on its way to the end, and overflows only where a term does.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dissect.decomposition.precision import own_products
from dissect.decomposition.trace import Add, Map, Norm, Operation, Trace


@dataclass(frozen=True)
class Weight:
    """What a vector that joined the stream is multiplied by on its way to the end.

    x becomes maps(scale · gain ⊙ x): `gain` is Π g_λ / size, `scale` Π 1/s_λ · size over the norms after
    it, with one size for all elements.

    Attributes:
        gain: (hidden,), the largest between 1 and 2.
        scale: (batch, tokens, 1).
        maps: Matrices (after, before) that come later still.
    """

    gain: Tensor
    scale: Tensor
    maps: tuple[Tensor, ...] = ()


def fold(trace: Trace, names: Sequence[str]) -> tuple[Tensor, dict[int, Weight]]:
    """The terms of the last embedding, and what each addition was multiplied by.

    Args:
        trace: A recorded pass.
        names: The terms, in the order in which they are wanted.

    Returns:
        The terms, (terms, batch, tokens, hidden), and the weight of each addition, by its place among the
        operations.
    """
    assert trace.start is not None
    return fold_range([trace.start], trace.operations, 0, len(trace.operations), names)


def fold_layers(trace: Trace, names: Sequence[str]) -> Iterator[Tensor]:
    """The terms at the end of every layer, one after the other, each (terms, batch, tokens, hidden)."""
    assert trace.start is not None
    terms: Sequence[Tensor] | Tensor = [trace.start]
    for begin, end in zip([0, *trace.ends], trace.ends, strict=False):
        terms, _ = fold_range(terms, trace.operations, begin, end, names)
        yield terms


def fold_range(
    terms: Sequence[Tensor] | Tensor,
    operations: Sequence[Operation],
    begin: int,
    end: int,
    names: Sequence[str],
) -> tuple[Tensor, dict[int, Weight]]:
    """The terms after operations begin … end - 1, and the weights of the additions among them.

    Args:
        terms: The terms before them; at the start of the stream only the first, i.
        operations: All of the pass.
        begin: The first operation that counts.
        end: The first that no longer does.
        names: The names of the terms, in their order.

    Returns:
        The terms, (terms, batch, tokens, hidden), and the weights up to `end`, by place.
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
    """The terms after an affine map; its bias goes to c.

    Args:
        terms: Those before it, (terms, batch, tokens, hidden).
        operation: The map.
        names: The names of the terms, in their order.
    """
    with own_products(terms.device):
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

    Every vector is scaled once, by all norms after it. What biases and means add is a product of
    numbers per token and constant vectors.

    Args:
        early: The terms before; at the start of the stream only the first, i.
        operations: All of the pass.
        begin: The first operation that counts.
        end: The first that no longer does.
        names: The names of the terms, in their order.
        weights: By place; those of the additions in this range are put in.

    Returns:
        The terms, (terms, batch, tokens, hidden).
    """
    stretch = operations[begin:end]
    gains, sizes, constants = vectors_of(stretch, early[0])
    scales = scales_of(stretch, sizes, early[0])
    terms = early[0].new_empty(len(names), *early[0].shape)
    room = torch.empty_like(early[0])  # to work in: new memory costs more than the product
    written = set(range(len(early)))
    c = names.index("c")
    if c not in written and any(isinstance(one, Add) and one.varying is not None for one in stretch):
        terms[c] = 0
        written.add(c)

    # vectors that join at k are multiplied by g_k s_k, made once for all of them
    torch.mul(gains[0], scales[0], out=room)
    if isinstance(early, Tensor):
        torch.mul(early, room, out=terms)
    else:
        torch.mul(early[0], room, out=terms[0])
    k = made = 0  # norms so far, and those at which `room` was made
    for place, operation in enumerate(stretch, start=begin):
        if isinstance(operation, Norm):
            k += 1
        elif isinstance(operation, Add):
            weights[place] = Weight(gains[k], scales[k])
            if made != k:
                torch.mul(gains[k], scales[k], out=room)
                made = k
            n = names.index(operation.term)
            if n in written:
                terms[n].addcmul_(operation.output, room)
            else:
                torch.mul(operation.output, room, out=terms[n])
                written.add(n)
            if operation.varying is not None:
                terms[n].addcmul_(operation.varying, room, value=-1)
                terms[c].addcmul_(operation.varying, room)
    for n in set(range(len(names))) - written:
        terms[n] = 0
    if constants:
        numbers = numbers_of(stretch, scales).flatten(1).T
        with own_products(terms.device):
            for name, vectors in constants.items():
                terms[names.index(name)].view(-1, terms.shape[-1]).addmm_(numbers, vectors)
    return terms


def scales_of(stretch: Sequence[Operation], sizes: Sequence[float], like: Tensor) -> Tensor:
    """`Π 1/s_λ` · size over the norms from the k-th on.

    Args:
        stretch: Operations with K norms among them.
        sizes: Those that `vectors_of` gives, K of them.
        like: A tensor of the device and format that are wanted.

    Returns:
        (K + 1, batch, tokens, 1).
    """
    scales = [torch.ones_like(like[..., :1])]
    norms = [operation for operation in stretch if isinstance(operation, Norm)]
    for norm, size in zip(reversed(norms), reversed(sizes), strict=True):
        scales.append(scales[-1] * size * norm.rstd)
    return torch.stack(scales[::-1])


def numbers_of(stretch: Sequence[Operation], scales: Tensor) -> Tensor:
    """The numbers per token that multiply constant vectors, (rows, batch, tokens, 1).

    A row for each k of `scales`, one for each mean that a norm takes away, one for each addition that
    has a norm of its own.
    """
    means = [one.mean for one in stretch if isinstance(one, Norm) and one.mean is not None]
    rows = [scales]
    if means:
        rows.append(torch.stack(means) * scales[: len(means)])  # all norms of a stretch have one, or none
    k = 0
    for operation in stretch:
        if isinstance(operation, Norm):
            k += 1
        elif isinstance(operation, Add) and operation.scale is not None:
            rows.append((scales[k] * operation.scale)[None])
    return torch.cat(rows)


def vectors_of(
    stretch: Sequence[Operation], like: Tensor
) -> tuple[list[Tensor], list[float], dict[str, Tensor]]:
    """What a stretch of K norms has that depends on weights alone.

    What biases make of a sublayer's output belongs to c, and is taken from the sublayer's term.

    Args:
        stretch: Operations with K norms among them.
        like: A tensor (…, hidden) of the device and format that are wanted.

    Returns:
        The gains, K + 1 of them, each (hidden,); one is `Π g_λ` over the norms from the k-th on, the
        largest element between 1 and 2; the K sizes, whose product from the k-th on is what the gain was
        divided by; and by term what each row of `numbers_of` multiplies, (rows, hidden).
    """
    norms = [operation for operation in stretch if isinstance(operation, Norm)]
    branches = [one for one in stretch if isinstance(one, Add) and one.scale is not None]
    gains, sizes = [torch.ones_like(like[0, 0])], list[float]()
    for norm in reversed(norms):
        gain = gains[0] * norm.gain
        sizes.insert(0, size_of(gain))
        gains.insert(0, gain / sizes[0])
    mean = len(norms) + 1  # the row of the next mean, after those of scales
    branch = mean + sum(norm.mean is not None for norm in norms)
    rows = branch + len(branches)
    constants: defaultdict[str, Tensor] = defaultdict(lambda: like.new_zeros(rows, like.shape[-1]))
    k = 0
    for operation in stretch:
        if isinstance(operation, Norm):
            if operation.mean is not None:
                constants["c"][mean] -= gains[k]
                mean += 1
            k += 1
            if operation.bias is not None:
                constants["c"][k] += gains[k] * operation.bias
        elif isinstance(operation, Add):
            row = k
            if operation.scale is not None:
                row, branch = branch, branch + 1
            constants["c"][row] += gains[k] * operation.constant
            constants[operation.term][row] -= gains[k] * operation.constant
    return gains, sizes, {name: vectors for name, vectors in constants.items() if vectors.any()}


def size_of(gain: Tensor) -> float:
    """The power of two at or below the largest element, which divides without rounding; 1 where all are 0."""
    largest = gain.abs().max().item()
    return 2.0 ** (math.frexp(largest)[1] - 1) if 0 < largest < math.inf else 1.0
