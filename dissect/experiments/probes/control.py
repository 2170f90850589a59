"""The negative control: terms that say nothing of the items that they are given to."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from dissect.features import Features


@dataclass(frozen=True)
class Permuted(Features):
    """Features whose items have changed places: of each, the terms of another.

    Attributes:
        order: (items,), whose terms each is given.
    """

    order: Tensor | None = None

    def subset(self, name: str) -> Tensor:
        """The sum of a subset of the terms of the item whose place it is, (items, hidden)."""
        return super().subset(name)[self.order]


def permuted(features: Features, seed: int) -> Permuted:
    """The same terms in another order of items, which is drawn; answers are kept in a folder of its own.

    Means, deviations and all else that does not depend on which item is which stay as they are.

    Args:
        features: The terms.
        seed: Of the order.
    """
    own = {of.name: getattr(features, of.name) for of in fields(Features)}
    if features.folder is not None:
        own["folder"] = features.folder / f"permuted-{seed}"
    order = torch.randperm(features.shape[1], generator=torch.Generator().manual_seed(seed))
    return Permuted(**own, order=order)
