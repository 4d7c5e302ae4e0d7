"""Adam and AdamW over torch's fused kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from genzoo.training.gradient_descent import GradientDescent, Group

BETAS = (0.9, 0.999)
EPSILON = 1e-8
TINY, TINY_SQ = 1e-25, 1e-34
TINY_STEPS = 256
"""Steps between two calls of `drop_tiny`: 0.9^256 · TINY is still above 1.2e-38, the smallest normal float32."""


class Adam(GradientDescent):
    """Adam (Kingma & Ba 2015, algorithm 1) or AdamW (Loshchilov & Hutter 2019, algorithm 2), as one fused kernel.

    The arithmetic is torch.optim's, bit for bit. torch's own classes import its compiler, which costs a second at every
    start, and their Python takes 7 % of a small step on a CPU. `step` never waits for the device and can be captured.

    Args:
        parameters, lr, groups: As for `GradientDescent`.
        weight_decay: Added to the gradient, or with `decoupled` subtracted from the weights.
        decoupled: Whether to use AdamW.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
        lr: float | Tensor,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(parameters, lr, weight_decay, groups)
        self.kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_
        self.exp_avg = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.exp_avg_sq = [torch.zeros_like(parameter) for parameter in self.parameters]
        device = self.parameters[0].device if self.parameters else None
        self._counts = torch.zeros(len(self.parameters), device=device)
        self.steps = list(self._counts.unbind())

    def _update(
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

    def tensors(self) -> dict[str, Tensor]:
        return {
            f"{name}.{kind}": tensor
            for kind, tensors in (("exp_avg", self.exp_avg), ("exp_avg_sq", self.exp_avg_sq), ("step", self.steps))
            for name, tensor in zip(self.names, tensors, strict=True)
        }
