"""The four terms of the toy layer of exercise 1.2, and what becomes of them by typical mistakes."""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from dissect.teaching.exercises import materials
from dissect.teaching.exercises.materials import ToyLayer

Mistake = tuple[str, str, np.ndarray]  # the term, what to say of it, and the array that it leads to
MEAN = "A norm takes its mean from the whole stream: see 1.1 for the term that it is counted with."
PASSED = {"i": (1, -1, 1, -1), "h": (1, -1, 1, -1), "f": (0, 0, 1, -1)}  # powers of gain, deviation, …


class Forward:
    """A toy layer's pass, with what its terms are made of."""

    def __init__(self, layer: ToyLayer) -> None:
        self.layer = layer
        self.x, m1, s1 = materials.norm(layer.x + layer.attention(layer.x), layer.g_1, layer.b_1)
        _, m2, s2 = materials.norm(self.x + layer.feedforward(self.x), layer.g_2, layer.b_2)
        self.norms = (layer.g_1, s1, layer.g_2, s2)
        self.late = layer.g_2 / s2
        self.early = layer.g_1 / s1 * self.late
        # what enters, without biases
        self.entered = {
            "i": layer.x,
            "h": layer.a @ layer.x @ layer.V @ layer.M,
            "f": layer.feedforward(self.x) - layer.b_W2,
        }
        self.constants = (
            self.early * (layer.b_V @ layer.M), self.early * layer.b_M, -self.early * m1,
            self.late * layer.b_1, self.late * layer.b_W2, -self.late * m2, layer.b_2,
        )  # fmt: skip

    def terms(self) -> np.ndarray:
        """i, h, f and c, (4, n, d)."""
        return np.stack([*(self.scaled(x, PASSED[term]) for term, x in self.entered.items()), self.c])

    @property
    def c(self) -> np.ndarray:
        """What biases and means add up to, (n, d)."""
        return np.sum(np.broadcast_arrays(*self.constants), axis=0)

    def scaled(self, x: np.ndarray, powers: tuple[int, ...]) -> np.ndarray:
        """A vector times the norms' gains and deviations, each to a power."""
        for factor, power in zip(self.norms, powers, strict=True):
            x = x * factor**power
        return x


def mistakes(at: Forward) -> Iterator[Mistake]:
    """Typical mistakes, one term at a time."""
    layer, i, h = at.layer, at.entered["i"], at.entered["h"]
    yield "i", MEAN, at.early * i + at.constants[2]
    yield "i", MEAN, at.early * i + at.constants[2] + at.constants[5]
    bias = layer.b_V @ layer.M
    yield (
        "h",
        "Part of the attention does not look at the input: part of h belongs to c.",
        at.early * (h + bias),
    )
    yield (
        "h",
        "Both biases of attention are in your h: part of h belongs to c.",
        at.early * layer.attention(i),
    )
    yield "h", "Your h lacks the attention weights.", at.early * (i @ layer.V @ layer.M)
    yield "h", "Your h lacks the output projection.", at.early * (layer.a @ i @ layer.V)
    turned = at.early * (layer.a.T @ i @ layer.V @ layer.M)
    yield "h", "A row of the attention weights holds what one token reads: yours are turned over.", turned
    last = "Which bias has no nonlinear function after it? Part of f belongs to c."
    yield "f", last, at.late * layer.feedforward(at.x)
    early = at.late * (layer.feedforward(i) - layer.b_W2)
    yield "f", "The feed-forward does not read the layer's input: what comes before it?", early
    hidden = at.x @ layer.W1
    yield "f", "Your f lacks the inner bias.", at.late * (np.maximum(hidden, 0) @ layer.W2)
    yield "f", "Your f lacks the nonlinear function.", at.late * ((hidden + layer.b_W1) @ layer.W2)
    yield from rescaled(at)
    yield from constants(at)


def rescaled(at: Forward) -> Iterator[Mistake]:
    """Terms that pass other gains and deviations than those of the norms after them."""
    for term, x in at.entered.items():
        right = PASSED[term]
        for powers in product((0, 1), (0, -1, -2, 1), (0, 1), (0, -1, -2, 1)):
            if -2 in powers[1::2]:
                words = f"In {term} you divide by a variance; a norm divides by the standard deviation."
            elif 1 in powers[1::2]:
                words = f"In {term} you multiply by a deviation."
            elif all(abs(p) <= abs(q) for p, q in zip(powers, right, strict=True)):
                words = f"Is {term} rescaled by every norm that comes after it, by gain and by deviation?"
            else:
                words = f"Is {term} rescaled by those norms alone that come after it?"
            if powers != right:
                yield term, words, at.scaled(x, powers)
        d = x.shape[1]
        words = f"In {term} the deviation is that of a sample, with d - 1; a norm divides by d."
        yield term, words, at.scaled(x, right) * (1 - 1 / d) ** (-sum(right[1::2]) / 2)


def constants(at: Forward) -> Iterator[Mistake]:
    """Ways to miss c."""
    layer, c = at.layer, at.c
    value, output, m1, b1, out, m2, last = at.constants
    for some in (m1, m2, m1 + m2):
        yield "c", "In your c a mean is added; a norm takes it away.", c - 2 * some
    yield "c", "The last bias is rescaled in your c: which norm comes after it?", c - last + at.late * last
    for wrong in (at.early * layer.b_1, layer.b_1 + 0 * c):
        yield "c", "Which norms come after the bias of the first norm?", c - b1 + wrong
    for wrong in (at.early * layer.b_W2, layer.b_W2 + 0 * c):
        yield "c", "Which norms come after the output bias of the feed-forward?", c - out + wrong
    for wrong in (at.late * layer.b_M, layer.b_M + 0 * c):
        yield "c", "Which norms come after the output bias of attention?", c - output + wrong
    yield "c", "The value bias passes the output projection.", c - value + at.early * layer.b_V
    plain = layer.b_V @ layer.M + layer.b_M + layer.b_1 + layer.b_W2 + layer.b_2
    yield "c", "The biases in c are rescaled, too, each by the norms after it.", plain + 0 * c
    for many in range(1, 8):
        for some in combinations(at.constants, many):
            words = f"Your c lacks {many} of the seven summands that it has: five biases, two means."
            yield "c", words, c - np.sum(np.broadcast_arrays(*some), axis=0)
