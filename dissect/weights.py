"""Whether a model's weights are still those that something was computed from."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from dissect.errors import UnsupportedModel
from dissect.precision import WITHOUT_FLOAT64


class Weights:
    """A model's modules and parameters, listed once, and anew where others were put in their place.

    projections: matrices of which c depends on more than a bias.
    """

    def __init__(self, base: nn.Module, projections: Sequence[nn.Module]):
        self.base, self.projections = base, projections
        self._list()

    def _list(self) -> None:
        self.modules = list(self.base.modules())
        self.children = [
            (module._modules, name, child)
            for module in self.modules
            for name, child in module._modules.items()
        ]
        self.places = [
            (module._parameters, name)
            for module in self.modules
            for name, one in module._parameters.items()
            if one is not None
        ]
        place_of = {id(there[name]): n for n, (there, name) in enumerate(self.places)}
        self.rows = [place_of[id(next(module.parameters()))] for module in self.projections]

    def state(self) -> tuple[Any, ...]:
        """What differs when weights do, taken in a fraction of a millisecond.

        A parameter's place in memory and its version tell most changes. Fused optimizers and `.data`
        raise no version, so vectors, and a row of each of the projections, are summed up as well.

        Raises `UnsupportedModel` for weights that are not in memory.
        """
        if any(there.get(name) is not child for there, name, child in self.children):
            self._list()
        parameters: list[Any] = [there.get(name) for there, name in self.places]
        state: list[Any] = [one.data_ptr() for one in parameters]
        if 0 in state and any(one.is_meta for one in parameters):
            raise UnsupportedModel(
                "parts of this model are not in memory (device_map with offloading); "
                "load it where it fits whole, on one device or on several"
            )
        if not parameters[0].is_inference():  # which count no versions
            state += [one._version for one in parameters]
        some = [one for one in parameters if one.dim() == 1] + [parameters[n][0] for n in self.rows]
        for device in {one.device for one in some}:
            numbers = torch.cat([one for one in some if one.device == device])
            numbers = numbers.to(torch.float32 if device.type in WITHOUT_FLOAT64 else torch.float64)
            state += [numbers.sum().item(), numbers.dot(numbers).item()]
        return (parameters[0].dtype, *state)
