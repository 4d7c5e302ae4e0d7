"""Generated points around two interleaved half circles, with the density by quadrature."""

from __future__ import annotations

import math
from typing import Any

import numpy
import torch
from torch import Tensor

import genzoo
from genzoo_plugins.toy.base import Toy, gaussian_log_density

TOGETHER = 1024
"""Points of the curves whose Gaussians are evaluated at a time."""


class Moons(Toy):
    """(cos t, sin t) and (1 − cos t, ½ − sin t), t uniform in [0, π), plus noise, then standardised."""

    name = "moons"
    classes = 2

    @genzoo.config
    class Config(Toy.Config):
        noise: genzoo.NonNegative = 0.1
        """Standard deviation of the noise before standardisation."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if config.noise:  # without noise they are curves, which have no density
            self.log_density = self._log_density

    def points(self, split: str, n: int, y: Tensor) -> Tensor:
        t = math.pi * self.uniform(split, "angle", n)
        x = torch.where(y[:, None] == 0, *self._curves(t))
        x += self.config.noise * self.normal(split, "noise", n)
        mean, deviation = self._moments(x)
        standardised: Tensor = (x - mean) / deviation
        return standardised

    def _log_density(self, x: Tensor) -> Tensor:
        """Return ln p of points [n, 2], [n] in nats: a Gaussian averaged over both curves by quadrature."""
        sigma = self.config.noise
        mean, deviation = self._moments(x.double())
        x = x.double() * deviation + mean
        t, weight = (part.to(x.device) for part in quadrature(math.pi, math.ceil(math.pi / sigma)))
        centres, log_weights = torch.cat(self._curves(t)), (weight / (2 * math.pi)).log().repeat(2)
        log_p = x.new_full((len(x),), -math.inf)
        for centre, log_weight in zip(centres.split(TOGETHER), log_weights.split(TOGETHER), strict=True):
            squared = x.square().sum(1, keepdim=True) + centre.square().sum(1) - 2 * x @ centre.T
            log_p = log_p.logaddexp((gaussian_log_density(squared, sigma, 2) + log_weight).logsumexp(1))
        return log_p + deviation.log().sum()

    @staticmethod
    def _curves(t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the points of both curves at angles t [n], [n, 2] each, before standardisation."""
        return torch.stack([t.cos(), t.sin()], 1), torch.stack([1 - t.cos(), 0.5 - t.sin()], 1)

    def _moments(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the exact mean and deviation of both values, so that no split depends on a sample."""
        height = 2 / math.pi  # the mean of sin t
        # Variance within a moon: ½ for cos t, ½ − (2/π)² for sin t. Between them: (half the distance of the means)².
        variance = [0.5 + 0.5**2, 0.5 - height**2 + (height - 0.25) ** 2]
        return like.new_tensor([0.5, 0.25]), (like.new_tensor(variance) + self.config.noise**2).sqrt()


def quadrature(length: float, panels: int) -> tuple[Tensor, Tensor]:
    """Return places [5·panels] from 0 to `length` and their weights: Gauss–Legendre's rule of five points a panel."""
    place, weight = (torch.from_numpy(values) for values in numpy.polynomial.legendre.leggauss(5))
    width = length / panels
    starts = width * torch.arange(panels, dtype=torch.float64)
    return (starts[:, None] + width * (place + 1) / 2).flatten(), (weight * width / 2).repeat(panels)
