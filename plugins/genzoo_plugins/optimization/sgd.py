"""Plain gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

import genzoo


class SGD(genzoo.Optimizer):
    """θ ← θ − lr·m with m ← μ·m + g, as one fused kernel (Polyak 1964, in torch.optim.SGD's form). μ = 0 keeps no m.

    Args:
        parameters, lr, groups: As for `genzoo.Optimizer`.
        weight_decay: Added to the gradient.
        momentum: μ.
    """

    symbol = "the momentum"
    default = 0.0

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
        lr: float | Tensor,
        weight_decay: float = 0.0,
        groups: Sequence[genzoo.ParameterGroup] = (),
        momentum: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay, groups)
        self.momentum = momentum
        self.moving = self.zeros("momentum") if momentum else []

    def update(
        self, ready: list[int], lr: float | Tensor, betas: tuple[float, float] | None, found_inf: Tensor | None
    ) -> None:
        torch._fused_sgd_(
            [self.parameters[i] for i in ready],
            [self.parameters[i].grad for i in ready],
            [self.moving[i] for i in ready] if self.momentum else [],
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
            found_inf=found_inf,
        )
