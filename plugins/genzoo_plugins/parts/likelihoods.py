"""The likelihoods that come with genzoo: how a decoder's raw output defines p(x|z)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genzoo.core.distributions import Bernoulli, DiagGaussian, Distribution, full_precision
from genzoo.core.observation import LEVELS, ContinuousBernoulli, DiscretisedLogistic, Laplace
from genzoo.core.parts import Likelihood

GREY_ROUNDING = 1 / (LEVELS - 1) / math.sqrt(12)
"""Standard deviation of the error of rounding to a grey level (uniform over 1/255): 0.00113."""


class BernoulliLikelihood(Likelihood):
    """x is 0 or 1; the decoder outputs logits."""

    family = Bernoulli
    values = "unit"

    def forward(self, raw: Tensor) -> Distribution:
        return Bernoulli(full_precision(raw), event_dims=raw.dim() - 1)


class GaussianLikelihood(Likelihood):
    """x is N(output, σ²) with a fixed σ."""

    family = DiagGaussian
    symbol = "σ"

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.log_var = 2 * math.log(sigma)

    def forward(self, raw: Tensor) -> Distribution:
        return DiagGaussian(full_precision(raw), self.log_var, event_dims=raw.dim() - 1)


class LearnedGaussianLikelihood(Likelihood):
    """x is N(output, σ²) with one learned σ for all dimensions and examples."""

    family = DiagGaussian

    def __init__(self) -> None:
        super().__init__()
        self.log_var = nn.Parameter(torch.zeros(()))

    def forward(self, raw: Tensor) -> Distribution:
        return DiagGaussian(full_precision(raw), self.log_var, event_dims=raw.dim() - 1)


class PerDimGaussianLikelihood(Likelihood):
    """x is N(μ, σ²); the decoder outputs μ and then, on the first axis, a log-variance for every dimension.

    σ² = floor² + exp(log-variance), so a gradient always reaches the decoder. Without a floor the density is unbounded:
    67 pixels of MNIST are black in every training image, and σ → 0 there makes −ELBO arbitrarily small. The default
    floor is the standard deviation of rounding to a grey level, on the scale from 0 to 1: stored pixels are not more
    precise. For standardised images divide it by the data's standard deviation: 0.0037 on MNIST.
    """

    family = DiagGaussian
    outputs = 2
    symbol = "the floor of σ"
    default = GREY_ROUNDING

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.log_floor = 2 * math.log(floor)

    def forward(self, raw: Tensor) -> Distribution:
        mean, log_var = full_precision(raw).chunk(2, 1)
        return DiagGaussian(mean, self.log_floor + F.softplus(log_var - self.log_floor), event_dims=raw.dim() - 1)


class LaplaceLikelihood(Likelihood):
    """x is Laplace(output, b) with a fixed b."""

    family = Laplace
    symbol = "b"

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.log_scale = math.log(scale)

    def forward(self, raw: Tensor) -> Distribution:
        return Laplace(full_precision(raw), self.log_scale, event_dims=raw.dim() - 1)


class LearnedLaplaceLikelihood(Likelihood):
    """x is Laplace(output, b) with one learned b for all dimensions and examples."""

    family = Laplace

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, raw: Tensor) -> Distribution:
        return Laplace(full_precision(raw), self.log_scale, event_dims=raw.dim() - 1)


class ContinuousBernoulliLikelihood(Likelihood):
    """x has a density on [0, 1]; the decoder outputs logits (Loaiza-Ganem & Cunningham 2019)."""

    family = ContinuousBernoulli
    values = "grey"

    def forward(self, raw: Tensor) -> Distribution:
        return ContinuousBernoulli(full_precision(raw), event_dims=raw.dim() - 1)


class DiscretisedLogisticLikelihood(Likelihood):
    """x is one of 256 grey levels, with one learned scale for all dimensions (Kingma et al. 2016, section 5.2)."""

    family = DiscretisedLogistic
    values = "grey"

    def __init__(self) -> None:
        super().__init__()
        # A tenth of the range from black to white: from 1, the first thousands of steps would only reduce the scale.
        self.log_scale = nn.Parameter(torch.tensor(math.log(0.1)))

    def forward(self, raw: Tensor) -> Distribution:
        return DiscretisedLogistic(full_precision(raw), self.log_scale, event_dims=raw.dim() - 1)
