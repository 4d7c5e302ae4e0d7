"""Spectral normalisation: a critic whose layers have spectral norm 1."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

import genzoo
from genzoo_plugins.adversarial.gan import Adversarial

FIRST = 50
"""Iterations with the first weights."""


class UnitNorm(nn.Module):
    """W → W/σ(W), with σ(W) = uᵀWv; u and v approach the singular vectors of the largest singular value by power
    iteration, which is not part of the forward pass (Miyato et al. 2018, section 2.1 and algorithm 1).

    Args:
        weight: W [outputs, inputs, *kernel], a matrix of as many rows as outputs.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        self.register_buffer("u", F.normalize(torch.randn(matrix.shape[0]).to(matrix), dim=0))
        self.register_buffer("v", F.normalize(matrix.T @ self.u, dim=0))
        self.iterate(weight, FIRST)

    def forward(self, weight: Tensor) -> Tensor:
        """Return W/σ(W); the gradient is that of a σ(W) with fixed u and v, which is right for singular vectors."""
        return weight / self.norm(weight)

    def norm(self, weight: Tensor) -> Tensor:
        """Return σ(W), a scalar: at most the spectral norm."""
        return self.u @ weight.flatten(1) @ self.v

    @torch.no_grad()
    def iterate(self, weight: Tensor, times: int = 1) -> None:
        """Move u and v, in place."""
        matrix = weight.flatten(1)
        for _ in range(times):
            self.u.copy_(F.normalize(matrix @ self.v, dim=0))
            self.v.copy_(F.normalize(matrix.T @ self.u, dim=0))


class Spectral(Adversarial):
    """The adversarial loss of a critic whose layers have spectral norm 1, so that its answers
    change at most as fast as x does (Miyato et al. 2018, equations 8 and 16).

    One power iteration follows each step, so that evaluation changes nothing.
    """

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        for layer in self.layers():
            parametrize.register_parametrization(layer, "weight", UnitNorm(layer.weight))

    def layers(self) -> list[nn.Linear]:
        """Return the critic's layers that have a weight."""
        return [layer for layer in self.critic if isinstance(layer, nn.Linear)]

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        for layer in self.layers():
            normalised: Any = layer.parametrizations["weight"]  # type: ignore[index]
            normalised[0].iterate(normalised.original)
