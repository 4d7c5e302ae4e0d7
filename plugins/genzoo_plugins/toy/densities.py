"""Generated data with a density in closed form, with which a model's bound can be compared."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.toy.base import Toy, gaussian_log_density, on_circle


class Quadratic(Toy):
    """(x₁, x₂, y) with x ~ N(0, I) and y = ½x₁² + ½x₂² plus noise: a bowl, which no linear model fits."""

    name = "quadratic"
    dimensions = 3

    @genzoo.config
    class Config(Toy.Config):
        noise: genzoo.Positive = 0.1
        """Standard deviation of the noise on y."""

    def points(self, split: str, n: int, y: Tensor) -> Tensor:
        x = self.normal(split, "point", n)
        height = 0.5 * x.square().sum(1, keepdim=True) + self.config.noise * self.normal(split, "noise", n, columns=1)
        return torch.cat([x, height], 1)

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p of points [n, 3], [n] in nats."""
        squared = x[:, :2].square().sum(1)
        height = gaussian_log_density((x[:, 2] - 0.5 * squared).square(), self.config.noise, 1)
        return gaussian_log_density(squared, 1.0, 2) + height


class Rings(Toy):
    """Four circles around the origin, of radius ½, 1, 1½ and 2 and equal weight, plus noise."""

    name = "rings"
    classes = 4

    @genzoo.config
    class Config(Toy.Config):
        noise: genzoo.Positive = 0.05
        """Standard deviation of the noise; the radii differ by ½."""

    def points(self, split: str, n: int, y: Tensor) -> Tensor:
        angle = 2 * math.pi * self.uniform(split, "angle", n)
        radius = 0.5 * (y.double() + 1)
        x: Tensor = radius[:, None] * on_circle(angle) + self.config.noise * self.normal(split, "noise", n)
        return x

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p of points [n, 2], [n] in nats.

        A Gaussian averaged over a circle of radius R is, at radius ρ,
        exp(−(ρ − R)²/2σ²) / (2πσ²) · exp(−ρR/σ²) I₀(ρR/σ²), with the Bessel function I₀.
        """
        sigma = self.config.noise
        rho = x.square().sum(1).sqrt()[:, None]
        radius = 0.5 * torch.arange(1, self.classes + 1, dtype=x.dtype, device=x.device)
        terms = gaussian_log_density((rho - radius).square(), sigma, 2)
        terms = terms + torch.special.i0e(rho * radius / sigma**2).log()
        mixed: Tensor = terms.logsumexp(1) - math.log(self.classes)
        return mixed


class Pinwheel(Toy):
    """Five arms: Gaussians on a circle, longer along the radius, twisted around the origin (after Johnson et al. 2016).

    A point at radius ρ is rotated by ρ/2. A rotation by a function of the radius preserves area, so the density is that
    of the Gaussians at the point rotated back.
    """

    name = "pinwheel"
    classes = 5
    distance = 1.3
    """Distance of the mean of an arm from the origin."""
    length = 0.35
    """Standard deviation along an arm."""

    @genzoo.config
    class Config(Toy.Config):
        noise: genzoo.Positive = 0.1
        """Standard deviation across an arm; it is 0.35 along an arm."""

    def points(self, split: str, n: int, y: Tensor) -> Tensor:
        spread = torch.tensor([self.length, self.config.noise], dtype=torch.float64)
        arm = self.normal(split, "point", n) * spread + torch.tensor([self.distance, 0.0], dtype=torch.float64)
        return turned(arm, arm.square().sum(1).sqrt() / 2 + self.angles(arm)[y])

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p of points [n, 2], [n] in nats."""
        twist = x.square().sum(1).sqrt() / 2
        arms = []
        for angle in self.angles(x):
            arm = turned(x, -twist - angle)
            along = gaussian_log_density((arm[:, 0] - self.distance).square(), self.length, 1)
            arms.append(along + gaussian_log_density(arm[:, 1].square(), self.config.noise, 1))
        return torch.stack(arms).logsumexp(0) - math.log(self.classes)

    def angles(self, like: Tensor) -> Tensor:
        """Return the angle of each arm before the twist, [5] in radians."""
        return 2 * math.pi / self.classes * torch.arange(self.classes, dtype=like.dtype, device=like.device)


def turned(x: Tensor, angle: Tensor) -> Tensor:
    """Return points [n, 2], each rotated around the origin by its own angle [n] in radians."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * x[:, 0] - sin * x[:, 1], sin * x[:, 0] + cos * x[:, 1]], 1)
