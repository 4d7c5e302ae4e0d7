"""Muon: momentum whose matrices are orthogonalised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

import genzoo
from genzoo_plugins.optimization.adam import Adam, AdamW

STEPS, COEFFICIENTS = 5, (3.4445, -4.7750, 2.0315)
"""Of the Newton–Schulz iteration, by Jordan et al.: singular values from 0.003 to 1 end between 0.68 and 1.14."""
RMS = 0.2
"""Root mean square of an update relative to the rate, about that of Adam's (Liu et al. 2025, eq. 4)."""


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return about U·Vᵀ for a matrix U·S·Vᵀ, by a Newton–Schulz iteration in the matrix's own precision: [R, C]."""
    a, b, c = COEFFICIENTS
    x: Tensor = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(STEPS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


class Muon(AdamW):
    """w ← (1 − lr·λ)·w − lr·0.2·√max(R, C)·UVᵀ, where U·S·Vᵀ = g + μ·m is Nesterov's momentum, m ← μ·m + g, for weights
    of two and more axes, which are matrices [R, C] of their first axis and the rest. AdamW updates the others.

    Args:
        parameters, lr, weight_decay, groups: As for `AdamW`.
        momentum: μ.
    """

    symbol = "the momentum"
    default = 0.95

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
        lr: float | Tensor,
        weight_decay: float = 0.0,
        groups: Sequence[genzoo.ParameterGroup] = (),
        momentum: float = 0.95,
    ) -> None:
        super().__init__(parameters, lr, weight_decay, groups)
        self.momentum = momentum

    def update(
        self, ready: list[int], lr: float | Tensor, betas: tuple[float, float] | None, found_inf: Tensor | None
    ) -> None:
        others = [i for i in ready if self.parameters[i].dim() < 2]
        if others:
            Adam.update(self, others, lr, betas, found_inf)
        for i in ready:
            if i not in others:
                self._update_matrix(i, lr, betas[0] if betas else self.momentum, found_inf)

    def _update_matrix(self, i: int, lr: float | Tensor, momentum: float, found_inf: Tensor | None) -> None:
        """Update one matrix. Its momentum is kept where Adam keeps the mean of the gradients."""
        parameter, gradient, moving = self.parameters[i], self.parameters[i].grad, self.exp_avg[i]
        assert gradient is not None
        moved = moving * momentum + gradient
        matrix = (gradient + momentum * moved).flatten(1)
        update = orthogonalised(matrix).view_as(parameter) * (RMS * max(matrix.shape) ** 0.5)
        after = parameter * (1 - lr * self.weight_decay) - lr * update
        for tensor, value in ((moving, moved), (parameter, after)):
            tensor.copy_(value if found_inf is None else torch.where(found_inf > 0, tensor, value))
