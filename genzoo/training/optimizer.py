"""The optimiser, the learning-rate schedule and the moving average of the weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from genzoo.training.adam import Adam
from genzoo.training.config import Training


def make_optimizer(parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]], training: Training) -> Adam:
    """Return fused Adam or AdamW, which changes nothing in a step marked as not finite."""
    return Adam(parameters, training.lr, training.weight_decay, decoupled=training.optimizer == "adamw")


def learning_rate(training: Training, step: int, total: int) -> float:
    """Return the learning rate of step number `step` (from 0) of `total`: a pure function, with no state to save."""
    warmup = training.lr_warmup
    if step < warmup:
        return training.lr * (step + 1) / warmup
    if training.schedule == "constant":
        return training.lr
    progress = (step - warmup) / max(total - warmup, 1)
    return training.lr * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


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
