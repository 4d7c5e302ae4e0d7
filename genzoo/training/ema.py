"""An exponential moving average of the weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class MovingAverage:
    """An exponential moving average of a module's parameters; its buffers are copied.

    The decay starts small, min(decay, (1 + t)/(10 + t)) after t steps, so that the first weights fade quickly.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average = copy.deepcopy(module).requires_grad_(False)
        self._averages: list[Tensor] = list(self.average.parameters())
        self._parameters = [parameter.detach() for parameter in module.parameters()]
        self._buffers = list(zip(self.average.buffers(), module.buffers(), strict=True))

    def weight(self, step: int) -> float:
        """Return the weight of the parameters after step number `step` (from 0): a pure function, no state to save."""
        return 1 - min(self.decay, (2 + step) / (11 + step))

    @torch.no_grad()
    def update(self, weight: Tensor) -> None:
        """Add the module's present parameters with `weight`, a 0-d tensor on the device."""
        torch._foreach_lerp_(self._averages, self._parameters, [weight] * len(self._averages))
        for average, buffer in self._buffers:
            average.copy_(buffer)
