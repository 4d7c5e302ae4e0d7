"""The optimiser, its schedule and the moving average of the weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from genzoo.training.adam import Adam
from genzoo.training.config import Training


def make_optimizer(parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]], training: Training) -> Adam:
    """Fused Adam or AdamW, which leaves everything alone in a step that it is told is not finite."""
    return Adam(parameters, training.lr, training.weight_decay, decoupled=training.optimizer == "adamw")


def learning_rate(training: Training, step: int, total: int) -> float:
    """The learning rate of step number `step` (from 0) of `total`: a pure function, with no state to save."""
    warmup = training.lr_warmup
    if step < warmup:
        return training.lr * (step + 1) / warmup
    if training.schedule == "constant":
        return training.lr
    progress = (step - warmup) / max(total - warmup, 1)
    return training.lr * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class MovingAverage:
    """An exponential moving average of a module's parameters; its buffers are copied.

    The decay starts small, min(decay, (1 + t)/(10 + t)) after t steps, so that the first weights are soon forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average = copy.deepcopy(module).requires_grad_(False)
        self._averages: list[Tensor] = list(self.average.parameters())
        self._parameters = [parameter.detach() for parameter in module.parameters()]
        self._buffers = list(zip(self.average.buffers(), module.buffers(), strict=True))

    def weight(self, step: int) -> float:
        """The share of the weights that step number `step` (from 0) made: a pure function, with no state to save."""
        return 1 - min(self.decay, (2 + step) / (11 + step))

    @torch.no_grad()
    def update(self, weight: Tensor) -> None:
        """Takes in the module's present weights, with the share `weight`: 0-d, on the device."""
        torch._foreach_lerp_(self._averages, self._parameters, [weight] * len(self._averages))
        for average, buffer in self._buffers:
            average.copy_(buffer)
