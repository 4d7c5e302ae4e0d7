"""Distributions of counts 0, 1, 2, …: negative binomial, and zero-inflated."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from genzoo.core.distributions import Distribution, split_batch

LARGE = 8.0
"""From here on Stirling's series for ln Γ is used: its error is below 1e-7."""
NEAR = 0.1
"""Up to here the series of a deviance is used, which is precise to 1e-8 of it."""


class NegativeBinomial(Distribution):
    """Independent counts of mean μ and variance μ + μ²/r: Poisson variables whose rate has a Gamma distribution.

    Args:
        log_mean: ln μ, [*batch, *event].
        log_freedom: ln r, of the same shape; the larger r, the closer to a Poisson distribution.
        event_dims: How many of the last axes are one event.
    """

    measure = "probability"
    support = "counts"

    def __init__(self, log_mean: Tensor, log_freedom: Tensor, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.log_mean, self.log_freedom = log_mean, log_freedom

    @property
    def shape(self) -> torch.Size:
        return self.log_mean.shape

    @property
    def mean(self) -> Tensor:
        return self.log_mean.exp()

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw counts, [*sample_shape, *batch, *event]. They have no gradient."""
        mean, r = (x.detach().exp().expand(*sample_shape, *self.shape) for x in (self.log_mean, self.log_freedom))
        return torch.poisson(torch._standard_gamma(r) / r * mean)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return self._sum_event(self.each(value))

    def each(self, value: Tensor) -> Tensor:
        """Return ln p of each count of `value`, [*, *batch, *event].

        Terms that cancel each other are not formed: for a count below 8 those of r alone, with g(t) what Stirling's
        formula leaves out of ln Γ(t); for a larger one by deviances (Loader 2000, "Fast and accurate computation of
        binomial probabilities"). So it is precise for any r and μ, and that of a Poisson distribution as r → ∞.
        """
        r, mean = self.log_freedom.exp(), self.log_mean.exp()
        rest = beyond_stirling(value + r) - beyond_stirling(r)
        ways = (value + r - 0.5) * torch.log1p(value / r) - value + rest - torch.lgamma(value + 1)
        few = ways + value * self.log_mean - (value + r) * F.softplus(self.log_mean - self.log_freedom)
        x = value.clamp_min(LARGE)
        n, odds = x + r, self.log_mean - self.log_freedom
        of_r = n * torch.sigmoid(-odds) * deviance((mean - x) / n)
        of_x = n * torch.sigmoid(odds) * deviance(r / n * (x / mean - 1))
        many = rest - beyond_stirling(x) - 0.5 * (torch.log(x) + torch.log1p(x / r)) - of_r - of_x
        return torch.where(value < LARGE, few, many)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(split_batch(self.log_mean, sizes), split_batch(self.log_freedom, sizes), self.event_dims)


def beyond_stirling(t: Tensor) -> Tensor:
    """Return ln Γ(t) − (t − ½) ln t + t, for t > 0."""
    small = t.clamp_max(LARGE)
    large = t.clamp_min(LARGE)
    series = 0.9189385332046727 + (1 / 12 - (1 / 360 - 1 / (1260 * large**2)) / large**2) / large
    return torch.where(t < LARGE, torch.lgamma(small) - (small - 0.5) * small.log() + small, series)


def deviance(e: Tensor) -> Tensor:
    """Return (1 + e) ln(1 + e) − e, for e ≥ −1: near 0 by its series, e²/2 − e³/6 + e⁴/12 − …"""
    small, large = e.clamp(-NEAR, NEAR), torch.where(e.abs() < NEAR, NEAR, e)
    series = 1 / 2 - small * (1 / 6 - small * (1 / 12 - small * (1 / 20 - small * (1 / 30 - small / 42))))
    return torch.where(e.abs() < NEAR, small**2 * series, (1 + large) * torch.log1p(large) - large)


class ZeroInflated(Distribution):
    """Counts that are 0 with an additional probability π, as if they had not been seen.

    Args:
        counts: Of the counts that are seen.
        logits: ln π/(1 − π), of the shape of `counts`.
    """

    measure = "probability"
    support = "counts"

    def __init__(self, counts: NegativeBinomial, logits: Tensor) -> None:
        super().__init__(counts.event_dims)
        self.counts, self.logits = counts, logits

    @property
    def shape(self) -> torch.Size:
        return self.counts.shape

    @property
    def mean(self) -> Tensor:
        return self.counts.mean * torch.sigmoid(-self.logits)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw counts, [*sample_shape, *batch, *event]. They have no gradient."""
        counts = self.counts.rsample(sample_shape)
        return counts * torch.bernoulli(torch.sigmoid(-self.logits.detach()).expand(counts.shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        seen = self.counts.each(value) + F.logsigmoid(-self.logits)
        zero = torch.logaddexp(F.logsigmoid(self.logits), seen)
        return self._sum_event(torch.where(value == 0, zero, seen))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self.counts.unflatten(sizes), split_batch(self.logits, sizes))
