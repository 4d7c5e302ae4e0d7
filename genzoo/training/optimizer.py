"""The optimiser, its schedule and the moving average of the weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from genzoo.training.settings import Training


def make_optimizer(parameters: Iterable[nn.Parameter], training: Training) -> torch.optim.Optimizer:
    """Fused Adam or AdamW: one kernel for all weights, which also skips the step when told that it is not finite."""
    kinds: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[training.optimizer](parameters, lr=training.lr, weight_decay=training.weight_decay, fused=True)


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

    The decay starts small, min(decay, (1 + t)/(10 + t)), so that the first weights are soon forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.average = copy.deepcopy(module).requires_grad_(False)
        self._pairs = list(zip(self.average.parameters(), module.parameters(), strict=True))
        self._buffers = list(zip(self.average.buffers(), module.buffers(), strict=True))

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the module's present weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        averages: list[Tensor] = [average for average, _ in self._pairs]
        torch._foreach_lerp_(averages, [parameter.detach() for _, parameter in self._pairs], 1 - decay)
        for average, buffer in self._buffers:
            average.copy_(buffer)
