"""Adam and AdamW over torch's fused kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

import genzoo

BETAS = (0.9, 0.999)
EPSILON = 1e-8
TINY, TINY_SQ = 1e-25, 1e-34
"""`drop_tiny` is called every 256 steps: 0.9^256 · TINY is still above 1.2e-38, the smallest normal float32."""


class Adam(genzoo.Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1), as one fused kernel. Weight decay is added to the gradient.

    The arithmetic is torch.optim's, bit for bit. torch's own classes import its compiler, which costs a second at every
    start, and their Python takes 7 % of a small step on a CPU. `step` never waits for the device and can be captured.
    """

    kernel: ClassVar[Any] = staticmethod(torch._fused_adam_)

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
        lr: float | Tensor,
        weight_decay: float = 0.0,
        groups: Sequence[genzoo.ParameterGroup] = (),
    ) -> None:
        super().__init__(parameters, lr, weight_decay, groups)
        self.exp_avg = self.zeros("exp_avg")
        self.exp_avg_sq = self.zeros("exp_avg_sq")
        device = self.parameters[0].device if self.parameters else None
        self._counts = torch.zeros(len(self.parameters), device=device)
        self.steps = self.keep("step", self._counts.unbind())

    def update(
        self, ready: list[int], lr: float | Tensor, betas: tuple[float, float] | None, found_inf: Tensor | None
    ) -> None:
        counts = [self._counts] if len(ready) == len(self.parameters) else [self.steps[i] for i in ready]
        for count in counts:
            count.add_(1)
            if found_inf is not None:
                count.sub_(found_inf)
        beta1, beta2 = betas or BETAS
        self.kernel(
            [self.parameters[i] for i in ready],
            [self.parameters[i].grad for i in ready],
            [self.exp_avg[i] for i in ready],
            [self.exp_avg_sq[i] for i in ready],
            [],
            [self.steps[i] for i in ready],
            lr=lr,
            beta1=beta1,
            beta2=beta2,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
            found_inf=found_inf,
        )

    @torch.no_grad()
    def drop_tiny(self) -> None:
        """Set moments that no longer move a weight to 0, before they become denormal numbers, which are slow on a CPU.

        Weights of pixels that are always black reach them within two epochs of MNIST, and the optimiser then takes
        three times as long. Below these bounds a moment changes a weight by less than 1e-17 of the learning rate, and
        the denominator by less than the precision of float32.
        """
        for moments, bound in ((self.exp_avg, TINY), (self.exp_avg_sq, TINY_SQ)):
            for moment in moments:
                moment.masked_fill_(moment.abs() < bound, 0)


class AdamW(Adam):
    """AdamW (Loshchilov & Hutter 2019, algorithm 2), as one fused kernel. Weight decay is subtracted from the weights.

    Args:
        parameters, lr, groups: As for `genzoo.Optimizer`.
        weight_decay, decay: The decay; one of the two is 0.

    Raises:
        UsageError: Both are given.
    """

    kernel = staticmethod(torch._fused_adamw_)
    symbol = "the weight decay"
    default = 0.0

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
        lr: float | Tensor,
        weight_decay: float = 0.0,
        groups: Sequence[genzoo.ParameterGroup] = (),
        decay: float = 0.0,
    ) -> None:
        if weight_decay and decay:
            raise genzoo.UsageError(
                f"--weight-decay {weight_decay:g} and a decay of {decay:g} by --optimizer exclude each other",
                "leave one of them out",
            )
        super().__init__(parameters, lr, weight_decay or decay, groups)
