"""The result of a decomposition: an embedding and the terms it is the sum of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations

import torch
from torch import Tensor

from dissect.decomposition.precision import lengths, own_products, sized
from dissect.errors import DissectError

TERMS = ("i", "h", "f", "c")


def subsets() -> list[str]:
    """The sixteen subsets of the terms, smallest first: "", "i", "h", … "i+h+f+c".

    >>> len(subsets()), subsets()[5]
    (16, 'i+h')
    """
    return ["+".join(some) for size in range(5) for some in combinations(TERMS, size)]


def names_of(written: Iterable[str]) -> tuple[str, ...]:
    """The terms of a model whose sublayers write these: those of `TERMS`, then "s" if written."""
    return (*TERMS, "s") if "s" in written else TERMS


def members(subset: str, names: Sequence[str] = TERMS) -> list[int]:
    """The positions in `names` of the terms named in a subset.

    >>> members("i+h+c")
    [0, 1, 3]

    Raises:
        DissectError: A name is not a term, or a term is named twice.
    """
    some = [name.strip() for name in subset.split("+")] if subset else []
    if any(name not in names for name in some) or len(set(some)) < len(some):
        raise DissectError(
            f"{subset!r} is not a subset of the terms; join some of {', '.join(names)} with '+', "
            "as in 'i+h+c'"
        )
    return [names.index(name) for name in some]


@dataclass(frozen=True)
class Parts:
    """`embedding` = i + h + f + c, for a batch.

    Attributes:
        embedding: (batch, tokens, hidden), exactly what the model returned.
        terms: (4, batch, tokens, hidden), in the order of `names`; 5 with attention over a source.
        mask: (batch, tokens), true where there is a token and not padding.
        names: `TERMS`, and after them "s" in decoders that attend to a source.
        split: The finer parts asked for, by term; they sum to the term over their first axes.
    """

    embedding: Tensor
    terms: Tensor
    mask: Tensor
    names: tuple[str, ...] = TERMS
    split: Mapping[str, Tensor] = field(default_factory=dict)

    def with_split(self, split: Mapping[str, Tensor]) -> "Parts":
        """The same with finer parts."""
        return replace(self, split=split)

    @property
    def i(self) -> Tensor:
        """What the input embedding contributes, (batch, tokens, hidden)."""
        return self.terms[0]

    @property
    def h(self) -> Tensor:
        """What multi-head attention contributes, (batch, tokens, hidden)."""
        return self.terms[1]

    @property
    def f(self) -> Tensor:
        """What the feed-forwards contribute, (batch, tokens, hidden)."""
        return self.terms[2]

    @property
    def c(self) -> Tensor:
        """What biases and the norms' shifts contribute, (batch, tokens, hidden)."""
        return self.terms[3]

    @property
    def s(self) -> Tensor:
        """What attention over the source contributes, (batch, tokens, hidden); decoders only."""
        return self["s"]

    def __getitem__(self, subset: str) -> Tensor:
        """The sum of a subset of the terms, (batch, tokens, hidden); "" gives zeros.

        Raises:
            DissectError: A name is not a term.
        """
        return self.terms[members(subset, self.names)].sum(0)

    @cached_property
    def error(self) -> float:
        """The largest `|embedding − sum of terms| / |embedding|` over real tokens."""
        e = self.embedding.to(self.terms.dtype)
        missed = e - self.terms[0]
        for term in self.terms[1:]:
            missed -= term
        off = (lengths(missed) / lengths(e)).where(missed.any(-1), 0.0)  # also where the embedding is zero
        return off[self.mask].max().item()  # max() passes NaN on, as it should

    def importance(self) -> Tensor:
        """How much of the embedding lies along each term: e·x / e·e.

        They add up to one (the measure of Mickus et al. 2022, Figure 1).

        Returns:
            (4, batch, tokens).
        """
        return share(self.terms, self.embedding)


def share(x: Tensor, e: Tensor) -> Tensor:
    """How much of e lies along x: e·x / e·e over the last axis; x may have more axes in front."""
    size, e = sized(e.to(x.dtype))
    along = e / e.norm(dim=-1, keepdim=True).square()
    with own_products(e.device):
        return torch.einsum("...d,...d->...", along, x) / size.squeeze(-1)
