"""How much of y a linear map of x explains, in one pass over rows that need not fit in memory."""

import math
from contextlib import AbstractContextManager
from functools import cache

import torch
from scipy.linalg import lapack
from threadpoolctl import ThreadpoolController
from torch import Tensor

from dissect.errors import DissectError
from dissect.precision import WITHOUT_FLOAT64

CHUNK = 2048  # rows that are multiplied at once
BLOCKS = 4  # of columns: of products that are symmetric, those left of the diagonal are not computed
NOTHING = 1e-8  # what a column of x has left of its variance, given others, when only rounding is left
ALLOWED = 5e-9  # how far float32 products may move R² so far; the more rows, the less
TRIED = 64  # outputs that this is tried on


class LeastSquares:
    """Least squares with intercept from x to y, in one pass over batches of rows.

    Keeps sums of products only, in float64, so memory does not grow with the rows. Products x·x are
    made in float64, since inputs may follow from one another. Products x·y, twice as many, are made in
    both formats at first, and in float32 alone once that is seen to leave R² as it is.
    """

    def __init__(self) -> None:
        self.rows = self.inputs = 0
        self.single = False  # whether products with y are made in float32
        self.missed: Tensor | None = None  # by such products, while they are tried

    def add(self, x: Tensor, y: Tensor) -> None:
        """x: (rows, inputs), y: (rows, outputs)."""
        if x.device.type in WITHOUT_FLOAT64:
            x, y = x.cpu(), y.cpu()
        if not self.rows:
            self._begin(x, y)
        for some_x, some_y in zip(x.split(CHUNK), y.split(CHUNK), strict=True):
            self._multiply(some_x, some_y)

    def _begin(self, x: Tensor, y: Tensor) -> None:
        # means of the first rows, which are taken away so that products lose no digits
        self.shift_x, self.shift_y = x.mean(0), y.mean(0)
        self.x, self.y = (
            torch.zeros_like(shift, dtype=torch.float64) for shift in (self.shift_x, self.shift_y)
        )
        self.inputs = len(self.x)
        self.tried_at = 2 * self.inputs  # rows, after which float32 is tried; twice as many the next time
        self.xx = self.x.new_zeros(self.inputs, self.inputs)
        self.xy = self.x.new_zeros(self.inputs, len(self.y))
        self.yy = torch.zeros_like(self.y)
        self.missed = torch.zeros_like(self.xy[:, :TRIED]) if x.dtype == torch.float32 else None

    def _multiply(self, x: Tensor, y: Tensor) -> None:
        self.rows += len(x)
        near = x - self.shift_x  # in the format it comes in
        if self.single:
            y = y - self.shift_y
            x, product = near.double(), near.T @ y
        else:
            some = y[:, :TRIED] - self.shift_y[:TRIED]
            x, y = x.double().sub_(self.shift_x), y.double().sub_(self.shift_y)
            product = x.T @ y
            if self.missed is not None:
                self.missed += near.T @ some - product[:, :TRIED]
        self.xy += product
        width = -(-self.inputs // BLOCKS)
        for k in range(0, self.inputs, width):
            self.xx[k : k + width, k:].addmm_(x[:, k : k + width].T, x[:, k:])
        self.x += x.sum(0)
        self.y += y.sum(0)
        self.yy += y.square().sum(0)
        if self.missed is not None and self.rows > self.tried_at:
            self.tried_at *= 2
            if self._moved(self.missed) < ALLOWED:
                self.single, self.missed = True, None

    def _moved(self, missed: Tensor) -> float:
        """How far R² moves, a mean over outputs, when sums of products x·y miss by so much.

        Rounding moves each output at random, and their mean by the root of their number less. That says
        more than what it happens to do to the mean of a few.
        """
        correlations, deviations, xy, yy = self._about_means()
        correlations.diagonal().add_(NOTHING)  # so that none follows from the others to the last digit
        upper, failed = torch.linalg.cholesky_ex(correlations, upper=True)
        both = torch.cat([xy[:, :TRIED], missed / deviations], 1)
        exact, off = torch.linalg.solve_triangular(upper.T, both, upper=False).chunk(2, 1)
        moved = (((2 * exact + off) * off).sum(0) / yy[:TRIED])[yy[:TRIED] > 0]
        return math.inf if failed else moved.square().mean().sqrt().item() / math.sqrt(len(yy))

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
        correlations, _, xy, yy = self._about_means()
        with one_thread():
            lower, order, rank, _ = lapack.dpstrf(correlations.T.cpu().numpy(), tol=NOTHING, lower=1)
        taken = torch.from_numpy(order[:rank] - 1)  # LAPACK counts from one
        factor = torch.from_numpy(lower[:rank, :rank]).to(xy)
        explained = torch.linalg.solve_triangular(factor, xy[taken.to(xy.device)], upper=False)
        return (explained.square().sum(0) / yy)[yy > 0].mean().item()

    def _about_means(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Correlations of x (on and above the diagonal), the roots of its sums of squares (inputs, 1), sums
        of products x·y over these, and sums of squares of y."""
        xx = self.xx.addr(self.x, self.x, alpha=-1 / self.rows)
        deviations = xx.diagonal().clamp(min=0).sqrt().unsqueeze(1)
        deviations[deviations == 0] = 1
        xy = self.xy.addr(self.x, self.y, alpha=-1 / self.rows).div_(deviations)
        return xx.div_(deviations).div_(deviations.T), deviations, xy, self.yy - self.y**2 / self.rows


def one_thread() -> AbstractContextManager:
    """Let scipy's linear algebra use one thread: its others would wait, busily, beside torch's."""
    return _openblas().limit(limits=1)


@cache
def _openblas() -> ThreadpoolController:
    return ThreadpoolController().select(internal_api="openblas")
