"""What a probe is given: the vectors of a subset of the terms, standardised."""

import torch
from torch import Tensor

from dissect import reuse
from dissect.features import Features

# A dimension that varies by less than this share of its mean, 1.5e-5, may be constant but for rounding.
# Float32 keeps 2**-24 of a number; over six layers the terms of MiniLM are off by up to 2e-6 of a dimension's
# mean (against the same in float64), in a deeper model by some times as much. The least that any of its
# dimensions truly varies by is 4e-3.
ROUNDING = 2.0**-16
# One that varies by less than this share of what the largest does is lost, in float32, in any sum with it: a
# model has no use for it. Some have such, where the gain of the last norm is 1e-33.
LOST = 2.0**-24
ROWS = 8192  # at once, in float64


@reuse.timed("vectors")
def vectors_of(features: Features, subset: str, fit_on: Tensor) -> Tensor:
    """The sum of a subset of the terms, (items, hidden), standardised on some items.

    Args:
        features: The terms.
        subset: Of the terms.
        fit_on: Places of the items over which every dimension has mean 0 and deviation 1; the others are
            moved and scaled as these.
    """
    return standardised(features.subset(subset), fit_on)


def standardised(x: Tensor, fit_on: Tensor) -> Tensor:
    """x with mean 0 and deviation 1 over some rows, dimension by dimension.

    So what a probe learns does not depend on how large a dimension is, nor on what is the same in all items.
    A dimension that varies by no more than rounding does (see `ROUNDING`), or by next to nothing beside
    others (see `LOST`), is 0 throughout. All is decided in float64, in which squares of any float32 neither
    under- nor overflow.

    Args:
        x: (items, hidden).
        fit_on: Rows.

    Returns:
        (items, hidden), float32.
    """
    mean, deviation = moments(x, fit_on)
    return torch.cat([((part.double() - mean) / deviation).float() for part in x.split(ROWS)])


def moments(x: Tensor, fit_on: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every dimension over some rows, each (hidden,), float64; see `standardised`.

    The deviation of a dimension that varies by no more than rounding, or is lost beside others, is infinite.

    Args:
        x: (items, hidden).
        fit_on: Rows.
    """
    mean, variance = (x.new_zeros(x.shape[1], dtype=torch.float64) for _ in range(2))
    for n in fit_on.split(ROWS):
        mean += x[n].double().sum(0) / len(fit_on)
    for n in fit_on.split(ROWS):
        variance += (x[n].double() - mean).square().sum(0) / len(fit_on)
    deviation = variance.sqrt()
    nothing = (deviation <= ROUNDING * mean.abs()) | (deviation <= LOST * deviation.max())
    deviation[nothing] = torch.inf
    return mean, deviation
