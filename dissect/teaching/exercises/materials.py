"""What the exercises start from: the default model, sentences, and small arrays."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from dissect import corpora, models
from dissect.corpora import SenseItem
from dissect.decomposition import Decomposer, Parts
from dissect.experiments.masking import MaskedText, mask_text
from dissect.experiments.probes import Split, split_groups
from dissect.features import word_terms
from dissect.models import Loaded

P = ParamSpec("P")
T = TypeVar("T")

CRANE = "A crane lifted the steel beam above the harbour."
BAT = '"Give me the bat and go and field for once," said Priya.'
SENTENCES = (
    CRANE,
    "A crane caught a small frog in the shallow water.",
    "The bank by the river was steep, and nobody trusted the bank in town.",
    "Marie Curie left Warsaw for Paris in 1891.",
    "Is it raining again?",
)


def given_anew(function: Callable[P, T]) -> Callable[P, T]:
    """Decorates what is made once and copied at each call, so that who changes it changes his own."""
    made: Any = cache(function)

    @wraps(function)
    def copied(*args: P.args, **kwargs: P.kwargs) -> T:
        return copy.deepcopy(made(*args, **kwargs))

    return copied


@cache
def loaded() -> Loaded:
    """The default model, on the processor, loaded once."""
    return models.load("minilm", "cpu")


@given_anew
def dissected(sentence: str = CRANE) -> Parts:
    """The parts of one sentence in the default model, a batch of one."""
    batch = loaded().tokenizer(sentence, return_tensors="pt")
    return Decomposer(loaded().model)(**batch)


@dataclass(frozen=True)
class Norm:
    """A layer norm at work: what it learned, and what it met at each token.

    Attributes:
        gain: (hidden,).
        bias: (hidden,).
        mean: (tokens, 1).
        deviation: (tokens, 1).
    """

    gain: Tensor
    bias: Tensor
    mean: Tensor
    deviation: Tensor


@given_anew
def norms(sentence: str = CRANE) -> list[Norm]:
    """The norms that a sentence meets in the default model, from norm 0 to the last."""
    met: list[Norm] = []

    def note(norm: nn.LayerNorm, inputs: tuple[Tensor], _: Tensor) -> None:
        y = inputs[0][0]
        deviation = (y.var(-1, keepdim=True, correction=0) + norm.eps).sqrt()
        met.append(Norm(norm.weight.detach(), norm.bias.detach(), y.mean(-1, keepdim=True), deviation))

    hooks = [m.register_forward_hook(note) for m in loaded().model.modules() if isinstance(m, nn.LayerNorm)]
    try:
        with torch.no_grad():
            loaded().model(**loaded().tokenizer(sentence, return_tensors="pt"))
    finally:
        for hook in hooks:
            hook.remove()
    return met


@dataclass(frozen=True)
class ToyLayer:
    """A layer with one attention head, post-norm, every number random. n tokens of d numbers.

    Attributes:
        x: (n, d), the input.
        a: (n, n), the attention weights; rows sum to one.
        V: (d, d), values, and their bias (d,).
        M: (d, d), output projection, and its bias (d,).
        g_1: (d,), gain of the norm after attention, and its bias (d,).
        W1: (d, width), into the feed-forward, and its bias (width,).
        W2: (width, d), out of the feed-forward, and its bias (d,).
        g_2: (d,), gain of the norm after the feed-forward, and its bias (d,).
    """

    x: np.ndarray
    a: np.ndarray
    V: np.ndarray
    b_V: np.ndarray
    M: np.ndarray
    b_M: np.ndarray
    g_1: np.ndarray
    b_1: np.ndarray
    W1: np.ndarray
    b_W1: np.ndarray
    W2: np.ndarray
    b_W2: np.ndarray
    g_2: np.ndarray
    b_2: np.ndarray

    def attention(self, x: np.ndarray) -> np.ndarray:
        """What attention makes of x, (n, d), biases included."""
        return self.a @ (x @ self.V + self.b_V) @ self.M + self.b_M

    def feedforward(self, x: np.ndarray) -> np.ndarray:
        """What the feed-forward makes of x, (n, d), biases included."""
        return np.maximum(x @ self.W1 + self.b_W1, 0) @ self.W2 + self.b_W2

    def embedding(self) -> np.ndarray:
        """What the layer returns, (n, d)."""
        x, _, _ = norm(self.x + self.attention(self.x), self.g_1, self.b_1)
        return norm(x + self.feedforward(x), self.g_2, self.b_2)[0]

    def with_last_gain(self, scale: float) -> "ToyLayer":
        """The same layer with the last gain times `scale`."""
        return replace(self, g_2=scale * self.g_2)


def norm(y: np.ndarray, g: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Layer norm.

    Args:
        y: (n, d).
        g: The gain, (d,).
        b: The bias, (d,).

    Returns:
        Its output, (n, d), and the mean m and standard deviation s of each row, (n, 1).
    """
    m, s = y.mean(-1, keepdims=True), y.std(-1, keepdims=True)
    return g * (y - m) / s + b, m, s


def toy_layer(seed: int = 0, n: int = 5, d: int = 6, width: int = 10) -> ToyLayer:
    """A layer drawn with a seed.

    Args:
        seed: Of the draw.
        n: Tokens.
        d: Numbers a token.
        width: Units of the feed-forward.
    """
    rng = np.random.default_rng(seed)
    sizes = {
        "V": (d, d), "b_V": (d,), "M": (d, d), "b_M": (d,), "b_1": (d,), "W1": (d, width),
        "b_W1": (width,), "W2": (width, d), "b_W2": (d,), "b_2": (d,),
    }  # fmt: skip
    weights = {name: rng.normal(size=size) / 2 for name, size in sizes.items()}
    gains = {name: 1 + rng.normal(size=d) / 4 for name in ("g_1", "g_2")}
    a = rng.random((n, n))
    return ToyLayer(x=rng.normal(size=(n, d)), a=a / a.sum(1, keepdims=True), **weights, **gains)


@given_anew
def masked(sentences: int = 300, times: int = 2) -> MaskedText:
    """Sentences of the teaching corpus, each masked so many times."""
    return mask_text(loaded(), corpora.text(limit=sentences), times=times)


# Seeds with which typical mistakes lead to other numbers than the right ones.
BY_SENTENCE, BY_TARGET = 4, 2277


def by_sentence(seed: int = BY_SENTENCE) -> Split:
    """The targets of `masked` parted 8:1:1, those of one sentence together."""
    return split_groups(masked().source, seed)


def by_target(seed: int = BY_TARGET) -> Split:
    """The targets of `masked` parted 8:1:1, each on its own."""
    return split_groups(range(len(masked().labels)), seed)


@given_anew
def senses_of(lemma: str = "crane.noun") -> tuple[list[str], np.ndarray]:
    """Items of one lemma of the teaching corpus: their senses, and their terms (4, items, hidden).

    Of items with the same form at the same place in the sentence only the first is there: their i have
    one direction, so that rounding would tell which of them is nearest to another.
    """
    corpus = corpora.senses()
    first: dict[tuple[str, int], SenseItem] = {}
    for item in corpus.items:
        if item.lemma == lemma:
            text = corpus.sentences[item.sentence]
            place = len(loaded().tokenizer.tokenize(text[: item.start]))
            first.setdefault((text[item.start : item.end].lower(), place), item)
    items = list(first.values())
    spans = [(n, item.start, item.end) for n, item in enumerate(items)]
    features = word_terms(loaded(), [corpus.sentences[item.sentence] for item in items], spans)
    return [item.sense for item in items], torch.cat(features.shards, dim=1).numpy()


@given_anew
def tagged(first: int = 0, last: int | None = None) -> tuple[list[list[str]], list[list[str]]]:
    """Words and tags of the test sentences of the teaching corpus, from one on and to before another."""
    sentences = corpora.entities()["test"][first:last]
    return [s.words for s in sentences], [s.tags for s in sentences]


def without(where: nn.Module, change: Callable[[Tensor], Tensor], sentence: str = CRANE) -> Tensor:
    """The embeddings (tokens, hidden) of a sentence when what enters a module is changed.

    Args:
        where: A module of `loaded().model`.
        change: Of its input (batch, tokens, …) into another.
        sentence: The text.
    """
    hook = where.register_forward_pre_hook(lambda _, inputs: (change(inputs[0]), *inputs[1:]))
    try:
        with torch.no_grad():
            return loaded().model(**loaded().tokenizer(sentence, return_tensors="pt")).last_hidden_state[0]
    finally:
        hook.remove()
