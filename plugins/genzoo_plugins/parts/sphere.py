"""Distributions of directions: the von Mises–Fisher posterior and the uniform prior on the sphere.

Densities are with respect to the area of the unit sphere in D dimensions.
"""

from __future__ import annotations

import math
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision, split_batch
from genzoo.core.noise import standard_normal, uniform

NODES = 256
"""Points of the normaliser's quadrature. The error of the trapezoid rule on smooth tails is below 1e-6."""
TAIL_NODES = 96
"""Points of the quadrature of a derivative, whose error is below 1e-4."""
PROPOSALS = 24
"""Proposals of a draw. At least 65 % are accepted for all D and κ, so that 1e-11 of all draws have none."""


def log_area(dim: int) -> float:
    """Return ln of the area of the unit sphere in `dim` dimensions, 2 π^(D/2) / Γ(D/2)."""
    return math.log(2) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)


def mode(concentration: Tensor, dim: int) -> Tensor:
    """Return the height w = μᵀz of largest density times slope, where the proposals (Wood 1994) are centred, too."""
    n = dim - 1
    return 2 * concentration / (n + torch.sqrt(4 * concentration**2 + n**2))


def log_slope(y: Tensor, concentration: Tensor, dim: int) -> Tensor:
    """Return ln of the density of y = artanh w up to the normaliser, times e^−κ: κ (tanh y − 1) − (D − 1) ln cosh y."""
    below = -2 * concentration * torch.sigmoid(-2 * y)
    return below - (dim - 1) * (y.abs() + F.softplus(-2 * y.abs()) - math.log(2))


def quadrature(concentration: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return ln ∫ exp(κ (w − 1)) (1 − w²)^((D − 3)/2) dw and 1 − E w, for concentrations κ [*].

    The integral is over y = artanh w, about its mode, where its width is about (D − 1)^(−½) for every κ.
    """
    width = (dim - 1) ** -0.5
    reach = width * (8 + 22 * width)
    steps = torch.linspace(-reach, reach, NODES, dtype=concentration.dtype, device=concentration.device)
    y = torch.atanh(mode(concentration.detach(), dim))[..., None] + steps
    log_terms = log_slope(y, concentration[..., None], dim)
    total = log_terms.logsumexp(-1)
    from_top = (torch.exp(log_terms - total[..., None]) * 2 * torch.sigmoid(-2 * y)).sum(-1)
    return total + math.log(2 * reach / (NODES - 1)), from_top


class VonMisesFisher(genzoo.Distribution):
    """Unit vectors z with density ∝ exp(κ μᵀz) on the sphere (Davidson et al. 2018, eq. 5).

    Args:
        direction: μ, unit vectors [*batch, D], D ≥ 2.
        concentration: κ ≥ 0, [*batch].
    """

    support = "sphere"

    def __init__(self, direction: Tensor, concentration: Tensor, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.direction = direction
        self.concentration = concentration
        self.dim = direction.shape[-1]

    @property
    def shape(self) -> torch.Size:
        return self.direction.shape

    @property
    def mean(self) -> Tensor:
        """E z, which is shorter than 1."""
        return self.direction * (1 - quadrature(self.concentration, self.dim)[1][..., None])

    @property
    def centre(self) -> Tensor:
        return self.direction

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw z = w μ + √(1 − w²) v, with v uniform on the directions at right angles to μ."""
        noise = standard_normal(sample_shape, self.direction, self.batch_axes)
        across = F.normalize(noise - (noise * self.direction).sum(-1, keepdim=True) * self.direction, dim=-1)
        from_top = self.from_top(sample_shape)[..., None]
        return self.direction * (1 - from_top) + across * (from_top * (2 - from_top)).sqrt()

    def from_top(self, sample_shape: tuple[int, ...]) -> Tensor:
        """Draw 1 − μᵀz, [*sample_shape, *batch], with the derivative to κ at a fixed quantile."""
        kappa = self.concentration.expand(*sample_shape, *self.concentration.shape)
        with torch.no_grad():
            drawn = self.proposed(sample_shape).clamp(1e-12, 2 - 1e-6)
            if not kappa.requires_grad:
                return drawn
            slope = drawn * (2 - drawn) * -self.quantile_slope(drawn, kappa)
        return drawn + slope * (kappa - kappa.detach())

    def proposed(self, sample_shape: tuple[int, ...]) -> Tensor:
        """Draw 1 − μᵀz by rejection, the first accepted of `PROPOSALS` (Ulrich 1984; Wood 1994)."""
        like = self.concentration[..., None, None].expand(*self.concentration.shape, PROPOSALS, 3)
        radius, turn, chance = uniform(like, sample_shape, self.batch_axes).unbind(-1)
        n, kappa = self.dim - 1, self.concentration[..., None]
        # A symmetric Beta((D − 1)/2) variable (Devroye 1986, chapter IX.3.5).
        flat = radius ** (2 / (n - 1) if n > 1 else math.inf)
        beta = 0.5 + 0.5 * torch.sqrt(1 - flat) * torch.cos(2 * math.pi * turn)
        b = n / (2 * kappa + torch.sqrt(4 * kappa**2 + n**2))
        from_top = 2 * b * beta / (1 - (1 - b) * beta)
        best = 2 * b / (1 + b)  # 1 − w at the mode
        # ln of the share that is accepted: κ (w − w₀) + (D − 1) ln((1 − w₀ w)/(1 − w₀²))
        rest = (best + from_top - best * from_top) / (best * (2 - best))
        accepted = kappa * (best - from_top) + n * rest.log() >= chance.log()
        first = (accepted * torch.arange(PROPOSALS, 0, -1, device=kappa.device)).argmax(-1, keepdim=True)
        return from_top.gather(-1, first).squeeze(-1)

    def quantile_slope(self, from_top: Tensor, kappa: Tensor) -> Tensor:
        """Return dy/dκ of y = artanh w at a fixed quantile F(y): −(∂F/∂κ)/F′, integrated over the nearer tail.

        Without it a gradient misses that the share of accepted proposals depends on κ (Davidson et al. 2018, eq. 9).
        """
        y = 0.5 * torch.log((2 - from_top) / from_top)
        sign = torch.where(y > torch.atanh(mode(kappa, self.dim)), 1.0, -1.0)[..., None]
        width = (self.dim - 1) ** -0.5
        t = torch.linspace(-12, 8 + 16 * width, TAIL_NODES, dtype=y.dtype, device=y.device)
        beyond = y[..., None] + sign * width * F.softplus(t)
        weights = width * torch.sigmoid(t) * (t[1] - t[0])
        ratio = torch.exp(log_slope(beyond, kappa[..., None], self.dim) - log_slope(y, kappa, self.dim)[..., None])
        expected = quadrature(self.concentration, self.dim)[1].expand(kappa.shape)[..., None]
        found: Tensor = (sign * weights * ratio * (expected - 2 * torch.sigmoid(-2 * beyond))).sum(-1)
        return found

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln q(z), [*batch], of unit vectors."""
        self._check(value)
        log_integral, _ = quadrature(self.concentration, self.dim)
        from_top = 0.5 * (value - self.direction).square().sum(-1)
        return -self.concentration * from_top - log_integral - log_area(self.dim - 1)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(split_batch(self.direction, sizes), split_batch(self.concentration, sizes), self.event_dims)

    def kl(self, p: genzoo.Distribution) -> Tensor | None:
        """Return −κ (1 − E w) − ln ∫ …, plus ln of the two areas, for a uniform p; None for others."""
        if not isinstance(p, UniformSphere):
            return None
        log_integral, from_top = quadrature(self.concentration, self.dim)
        return -self.concentration * from_top - log_integral - log_area(self.dim - 1) + log_area(self.dim)


class UniformSphere(genzoo.Distribution):
    """Unit vectors of D dimensions, all directions alike, without a batch axis."""

    support = "sphere"

    def __init__(self, dim: int, like: Tensor) -> None:
        super().__init__(event_dims=1)
        self._mean = like.new_zeros(dim)

    @property
    def shape(self) -> torch.Size:
        return self._mean.shape

    @property
    def mean(self) -> Tensor:
        return self._mean

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        return F.normalize(standard_normal(sample_shape, self._mean, batched=False), dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return torch.full_like(value[..., 0], -log_area(len(self._mean)))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        raise ValueError("a uniform prior has no batch axis to split")


class VMFPosterior(genzoo.Posterior):
    """q(z|x) of directions: the encoder puts out μ, of any length, and then κ − 1 before a softplus."""

    support = "sphere"

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        if latent_dim < 2:
            raise genzoo.UsageError("directions need two dimensions at least", "type: --latent-dim 3")
        self.outputs = latent_dim + 1

    def forward(self, parameters: Tensor) -> VonMisesFisher:
        direction, spread = full_precision(parameters).split([self.latent_dim, 1], -1)
        return VonMisesFisher(F.normalize(direction, dim=-1), 1 + F.softplus(spread.squeeze(-1)))


class UniformSpherePrior(genzoo.Prior):
    """p(z) of directions: all alike."""

    support = "sphere"

    def forward(self, model: genzoo.Model) -> UniformSphere:
        return UniformSphere(self.latent_dim, like=model.anchor)
