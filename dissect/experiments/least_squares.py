"""How much of y a linear map of x explains, in one pass over rows that need not fit in memory."""

import torch
from torch import Tensor

from dissect import reuse
from dissect.decomposition import WITHOUT_FLOAT64
from dissect.errors import DissectError

CHUNK = 2048  # rows that are multiplied at once
NOTHING = 1e-9  # of the variance of x, in a direction in which only float32's rounding is left
CONSTANT = 1e-14  # how far a column moves from its mean, relative to it, when that is float64's rounding
ROUNDING = 1e-6  # how far a share may be from between 0 and 1


class LeastSquares:
    """Least squares with intercept from x to y, in one pass over batches of rows.

    Keeps sums of products about the means only, in float64, so memory does not grow with the rows.
    Means move from batch to batch, and the sums with them (Chan, Golub and LeVeque 1983): nothing
    is subtracted from a sum of squares, which loses no digits whatever the means are.
    """

    def __init__(self) -> None:
        self.rows = self.inputs = 0

    def add(self, x: Tensor, y: Tensor) -> None:
        """x: (rows, inputs), y: (rows, outputs)."""
        if x.device.type in WITHOUT_FLOAT64:
            x, y = x.cpu(), y.cpu()
        for some_x, some_y in zip(x.split(CHUNK), y.split(CHUNK), strict=True):
            if len(some_x):
                self._multiply(some_x.double(), some_y.double())

    def _begin(self, x: Tensor, y: Tensor) -> None:
        # R² is the same in any unit; in this one no square under- or overflows
        self.scale_x, self.scale_y = scale_of(x), scale_of(y)
        self.mean_x, self.mean_y = torch.zeros_like(x[0]), torch.zeros_like(y[0])
        self.inputs = x.shape[1]
        self.xx = x.new_zeros(self.inputs, self.inputs)
        self.xy = x.new_zeros(self.inputs, y.shape[1])
        self.yy = torch.zeros_like(y[0])

    def _multiply(self, x: Tensor, y: Tensor) -> None:
        if not self.rows:
            self._begin(x, y)
        weight = len(x) * self.rows / (self.rows + len(x))
        self.rows += len(x)
        x, self.mean_x = about_mean(x / self.scale_x, self.mean_x, weight, len(x) / self.rows)
        y, self.mean_y = about_mean(y / self.scale_y, self.mean_y, weight, len(y) / self.rows)
        self.xx.addmm_(x.T, x)
        self.xy.addmm_(x.T, y)
        self.yy += y.square().sum(0)

    @reuse.timed("least squares")
    def r2(self) -> float:
        """`1 − residual / total` sum of squares, averaged over the outputs that vary; NaN if none does.

        Each input is divided by its deviation. Inputs after a layer norm depend on one another
        linearly: directions in which they hardly vary are left out.

        Raises:
            DissectError: There are no more rows than inputs, where the fit means nothing, or the share of any
                output is not between 0 and 1, as with infinite inputs.
        """
        if self.rows <= self.inputs + 1:
            raise DissectError(
                f"{self.rows} word pieces cannot tell how linear a map of {self.inputs} inputs is: "
                "give more sentences"
            )
        shares = self._shares()
        if not ((shares >= -ROUNDING) & (shares <= 1 + ROUNDING)).all():
            raise DissectError(
                "R² is not between 0 and 1, since vectors hold NaN, infinite or too large numbers: check "
                "the model's weights"
            )
        return shares.clamp(0, 1).mean().item()

    def _shares(self) -> Tensor:
        """What is explained of each output that varies, (outputs,)."""
        xx, xy, yy = self.xx.cpu(), self.xy.cpu(), self.yy.cpu()
        deviations = xx.diagonal().sqrt()
        deviations[constant(deviations, self.mean_x, self.rows)] = torch.inf
        varying = ~constant(yy.sqrt(), self.mean_y, self.rows)
        correlations = xx / deviations / deviations[:, None]
        if not correlations.isfinite().all():
            return yy * torch.nan
        values, vectors = torch.linalg.eigh(correlations)
        taken = values > NOTHING * values[-1]
        projected = vectors[:, taken].T @ (xy / deviations[:, None])[:, varying]
        return (projected.square() / values[taken, None]).sum(0) / yy[varying]


def scale_of(x: Tensor) -> Tensor:
    """The largest size in each column, (columns,); 1 where all is zero."""
    largest = x.abs().amax(0)
    return largest.where(largest > 0, 1.0)


def about_mean(x: Tensor, mean: Tensor, weight: float, share: float) -> tuple[Tensor, Tensor]:
    """Rows about their own mean and, as one row more, what that adds to sums about the joint mean.

    Args:
        x: (rows, columns).
        mean: Of the rows before, (columns,).
        weight: n·m / (n + m) for n rows after m.
        share: n / (n + m).

    Returns:
        (rows + 1, columns), and the mean of all, (columns,).
    """
    own = x.mean(0)
    return torch.cat([x - own, (weight**0.5 * (own - mean))[None]]), mean + share * (own - mean)


def constant(deviations: Tensor, means: Tensor, rows: int) -> Tensor:
    """Which columns vary by rounding alone.

    Args:
        deviations: The roots of their sums of squares, (columns,).
        means: (columns,).
        rows: How many there are.

    Returns:
        (columns,), true or false.
    """
    return deviations <= CONSTANT * rows**0.5 * means.abs().cpu()
