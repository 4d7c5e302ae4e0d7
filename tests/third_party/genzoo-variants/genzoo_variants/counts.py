"""A likelihood of counts, for any model: `--likelihood negative-binomial`."""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.distributions import full_precision, split_batch


class NegativeBinomial(genzoo.Distribution):
    """Independent counts with mean μ and variance μ + μ²/r: Poisson variables whose rate has a Gamma distribution.

    Args:
        mean: μ > 0, [*batch, *event].
        freedom: r > 0, of the same shape; the larger, the closer to a Poisson distribution.
        event_dims: How many of the last axes are one event.
    """

    measure = "probability"
    support = "counts"

    def __init__(self, mean: Tensor, freedom: Tensor, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self._mean, self.freedom = mean, freedom

    @property
    def shape(self) -> torch.Size:
        return self._mean.shape

    @property
    def mean(self) -> Tensor:
        return self._mean

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw counts. They have no gradient."""
        mean, freedom = (part.detach().expand(*sample_shape, *self.shape) for part in (self._mean, self.freedom))
        gamma = torch.distributions.Gamma(freedom, freedom / mean, validate_args=False)
        return torch.poisson(gamma.sample())

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        r, mu = self.freedom, self._mean
        ways = torch.lgamma(value + r) - torch.lgamma(r) - torch.lgamma(value + 1)
        total = (r + mu).log()
        return self._sum_event(ways + r * (r.log() - total) + value * (mu.log() - total))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(split_batch(self._mean, sizes), split_batch(self.freedom, sizes), self.event_dims)


class NegativeBinomialLikelihood(genzoo.Likelihood):
    """The decoder puts out μ and then r of each count, both through a softplus (Lopez et al. 2018, section 2)."""

    family = NegativeBinomial
    values = "counts"
    outputs = 2

    def forward(self, raw: Tensor) -> NegativeBinomial:
        """raw [N, 2·S₀, …] → batch [N]."""
        mean, freedom = (F.softplus(part) + 1e-4 for part in full_precision(raw).chunk(2, 1))
        return NegativeBinomial(mean, freedom, event_dims=raw.dim() - 1)
