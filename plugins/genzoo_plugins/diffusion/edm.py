"""EDM: a denoiser for all levels of noise, and Heun's method to draw samples with it (Karras et al. 2022)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import standard_normal
from genzoo_plugins.diffusion.base import NoiseToData, of_examples, squared_error
from genzoo_plugins.diffusion.nets import NetOptions, make_net
from genzoo_plugins.diffusion.solver import advance

LEAST, MOST = 0.004, 160.0
"""The least and the largest σ/s of sampling: .002 and 80 for data of deviation ½ (Karras et al. 2022, table 1)."""
CURVATURE = 7.0
"""ρ: levels of sampling are evenly spaced in σ^(1/ρ)."""


def noise_levels(steps: int) -> list[float]:
    """Return σ/s at the beginning of each step of sampling, and 0, the end of the last (Karras et al. 2022, eq. 5)."""
    high, low = MOST ** (1 / CURVATURE), LEAST ** (1 / CURVATURE)
    shares = [k / max(1, steps - 1) for k in range(steps)]
    return [*((high + share * (low - high)) ** CURVATURE for share in shares), 0.0]


class EDM(NoiseToData):
    """D(x; σ) is the mean of data given x = data + σε with ε ~ N(0, I); samples solve dx/dσ = (x − D(x; σ))/σ from
    much noise to none (Karras et al. 2022, eq. 1 and 3).

    All σ are relative to the deviation s of the data. With s in the place of the paper's σ_data, D is optimal for data
    N(m, s²I), in closed form, plus a net that learns the difference.
    """

    Config = NetOptions

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 18
        """Steps from much noise to none, smaller towards the end."""
        solver: Literal["heun", "euler"] = "heun"
        """heun calls the net twice a step, but once in the last; euler once a step, and is far less accurate."""

    def __init__(self, spec: genzoo.DataSpec, config: NetOptions) -> None:
        super().__init__(spec, config)
        self.net = make_net(spec, config)

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return D(x; σ), [B, *S], for x [B, *S] and σ [B] > 0 in the units of x (Karras et al. 2022, eq. 7)."""
        level = of_examples(sigma, x)
        total = (level.square() + self.deviation.square()).sqrt()
        centred = x - self.mean
        learned: Tensor = self.net(centred / total, (sigma / self.deviation).log() / 4)
        return self.mean + (self.deviation / total).square() * centred + level * self.deviation / total * learned

    def slope(self, x: Tensor, level: float) -> Tensor:
        """Return dx/d(σ/s), [n, *S], at x [n, *S] and σ/s."""
        return (x - self.denoise(x, (level * self.deviation).expand(len(x)))) / level

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        """Draw n examples, [n, *S], clamped if all data lie in [0, 1] (Karras et al. 2022, algorithm 1).

        `noise` has no effect: what the solver ends with has none.
        """
        how = options or self.sampling
        levels = noise_levels(how.steps)
        x = self.mean + self.deviation * (1 + MOST**2) ** 0.5 * self.source().rsample((n,))
        for level, lower in pairwise(levels):
            x = advance(self.slope, x, level, lower - level, how.solver if lower else "euler")
        return self.in_range(x)


class EDMLoss(genzoo.Loss):
    """E λ(σ)‖D(x + σε; σ) − x‖² with ln(σ/s) ~ N(mean, deviation²) and λ = (σ² + s²)/(σs)² (Karras et al. 2022,
    eq. 2 and table 1).

    With this λ, it is the squared error of the net for targets of variance 1 at every σ, so a net that predicts 0 has
    a loss of 1 a value for Gaussian data. Summed over an example and averaged over the batch.
    """

    accepts = EDM

    @genzoo.config
    class Config:
        noise_mean: float = -0.5
        """Mean of ln(σ/s) in training: −1.2 for ln σ, with data of deviation ½."""
        noise_deviation: genzoo.Positive = 1.2
        """Deviation of ln σ in training."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, EDM)
        x, own = batch.x, self.config
        logarithm = own.noise_mean + own.noise_deviation * standard_normal((), x.flatten(1)[:, 0])
        sigma = model.deviation * logarithm.exp()
        level = of_examples(sigma, x)
        error = model.denoise(x + level * standard_normal((), x), sigma) - x
        return squared_error(error * (level.square() + model.deviation.square()).sqrt() / (level * model.deviation))
