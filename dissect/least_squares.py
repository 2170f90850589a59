"""How much of y a linear map of x explains, in one pass over rows that need not fit in memory."""

import numpy as np
import torch
from scipy.linalg import lapack, solve_triangular
from torch import Tensor

from dissect.errors import DissectError

CHUNK = 512  # rows that are multiplied at once
BLOCKS = 8  # of columns: of products that are symmetric, those left of the diagonal are not computed
NOTHING = 1e-8  # what a column of x has left of its variance, given others, when only rounding is left


class LeastSquares:
    """Least squares with intercept from x to y, in one pass over batches of rows.

    Keeps sums of products only, in float64, so memory does not grow with the rows.
    """

    def __init__(self) -> None:
        self.rows = self.inputs = 0

    def add(self, x: Tensor, y: Tensor) -> None:
        """x: (rows, inputs), y: (rows, outputs)."""
        if not self.rows:
            self.inputs = x.shape[-1]
            self.x, self.y = Centred(x), Centred(y)
            self.xx = self.x.sum.new_zeros(self.inputs, self.inputs)
            self.xy = self.x.sum.new_zeros(self.inputs, y.shape[-1])
            self.yy = self.y.sum.clone()
        self.rows += len(x)
        for some_x, some_y in zip(x.split(CHUNK), y.split(CHUNK), strict=True):
            self._multiply(self.x.add(some_x), self.y.add(some_y))

    def _multiply(self, x: Tensor, y: Tensor) -> None:
        width = -(-self.inputs // BLOCKS)
        for k in range(0, self.inputs, width):
            self.xx[k : k + width, k:].addmm_(x[:, k : k + width].T, x[:, k:])
        self.xy.addmm_(x.T, y)
        self.yy += y.square_().sum(0)

    def r2(self) -> float:
        """1 − residual / total sum of squares, averaged over outputs.

        Inputs after a layer norm depend on one another linearly: the correlation matrix is factorised
        with pivoting, and what follows from the inputs taken so far is left out.
        Raises `DissectError` when there are no more rows than inputs, where the fit means nothing.
        """
        if self.rows <= self.inputs + 1:
            raise DissectError(
                f"{self.rows} word pieces cannot tell how linear a map of {self.inputs} inputs is: "
                "give more sentences"
            )
        # numpy throughout: the threads of two libraries would wait for one another
        xx, xy, yy, x, y = (
            part.cpu().numpy() for part in (self.xx, self.xy, self.yy, self.x.sum, self.y.sum)
        )
        xx = np.triu(xx - np.outer(x, x) / self.rows)
        xy = xy - np.outer(x, y) / self.rows
        yy = yy - y**2 / self.rows
        scale = np.sqrt(xx.diagonal().clip(0))
        scale[scale == 0] = 1
        lower, order, rank, _ = lapack.dpstrf((xx / scale / scale[:, None]).T, tol=NOTHING, lower=1)
        taken = order[:rank] - 1  # LAPACK counts from one
        explained = solve_triangular(
            lower[:rank, :rank], (xy / scale[:, None])[taken], lower=True, check_finite=False
        )
        varies = yy > 0
        return float(((explained**2).sum(0)[varies] / yy[varies]).mean())


class Centred:
    """Rows of numbers in float64, less a shift near their means, so that products lose no digits."""

    def __init__(self, first: Tensor) -> None:
        self.shift = first.double().mean(0)
        self.sum = torch.zeros_like(self.shift)

    def add(self, some: Tensor) -> Tensor:
        """The rows centred."""
        centred = some.double().sub_(self.shift)
        self.sum += centred.sum(0)
        return centred
