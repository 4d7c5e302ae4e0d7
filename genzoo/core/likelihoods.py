"""Likelihoods: how a decoder's raw output defines p(x|z), selected by `--likelihood`.

bernoulli               logits of black and white pixels (for grey pixels: the usual cross-entropy, not a density)
gaussian                N(output, 1); `gaussian:0.1` fixes σ = 0.1. Minus its log-density is ½·squared error + constant.
gaussian-learned        N(output, σ²) with one σ learned for all dimensions (σ-VAE, Rybkin et al. 2021)
gaussian-per-dim        N(μ, σ²), where the decoder outputs both, with σ above a floor: `gaussian-per-dim:0.01`
laplace                 Laplace(output, 1), the absolute error; `laplace:0.1` fixes b = 0.1
laplace-learned         Laplace(output, b) with one b learned for all dimensions
continuous-bernoulli    logits of a density over grey values: the cross-entropy with its normaliser
discretised-logistic    probabilities of 256 grey levels, centred at the output, with one learned scale
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genzoo.core.distributions import Bernoulli, DiagGaussian, Distribution, full_precision
from genzoo.core.errors import UsageError, did_you_mean
from genzoo.core.observation import LEVELS, ContinuousBernoulli, DiscretisedLogistic, Laplace

GREY_ROUNDING = 1 / (LEVELS - 1) / math.sqrt(12)
"""Standard deviation of the error of rounding to a grey level (uniform over 1/255): 0.00113."""


class Likelihood(nn.Module):
    """Converts a decoder's raw output into p(x|z)."""

    outputs = 1
    """The number of decoder outputs for each value of x. It multiplies the first axis of S."""
    family: ClassVar[type[Distribution]]
    """The distribution that `forward` returns."""
    values: ClassVar[Literal["any", "unit", "grey"]] = "any"
    """The values x it is for: any numbers, numbers from 0 to 1, or grey levels (not black and white pixels)."""
    symbol: ClassVar[str] = ""
    """The name of the number after the colon, which the constructor takes; empty if there is none."""
    default: ClassVar[float] = 1.0
    """The default of that number."""
    name: str = ""
    """The full name for `--likelihood`, with its number; empty if it was not made by `make_likelihood`."""

    def forward(self, raw: Tensor) -> Distribution:
        """Convert raw [N, outputs·S₀, *S₁…] to a distribution with batch shape [N] and event shape S."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")


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


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": BernoulliLikelihood,
    "gaussian": GaussianLikelihood,
    "gaussian-learned": LearnedGaussianLikelihood,
    "gaussian-per-dim": PerDimGaussianLikelihood,
    "laplace": LaplaceLikelihood,
    "laplace-learned": LearnedLaplaceLikelihood,
    "continuous-bernoulli": ContinuousBernoulliLikelihood,
    "discretised-logistic": DiscretisedLogisticLikelihood,
}


def likelihood_class(name: str) -> type[Likelihood]:
    """Return the class of a likelihood. A number in the name is ignored.

    Raises:
        UsageError: No such likelihood.
    """
    kind = name.partition(":")[0]
    if kind not in LIKELIHOODS:
        raise UsageError(
            f"no likelihood named {kind!r}.{did_you_mean(kind, LIKELIHOODS)}", f"known: {', '.join(LIKELIHOODS)}"
        )
    return LIKELIHOODS[kind]


def make_likelihood(name: str) -> Likelihood:
    """Return the likelihood with this name, such as "bernoulli" or "gaussian:0.1".

    Raises:
        UsageError: No such likelihood, or an invalid number.
    """
    cls = likelihood_class(name)
    kind, colon, argument = name.partition(":")
    if colon and not cls.symbol:
        raise UsageError(f"--likelihood {name}: {kind} takes no argument", f"type: --likelihood {kind}")
    likelihood = cls(_number(name, cls, argument)) if cls.symbol else cls()
    likelihood.name = written_out(name)
    return likelihood


def _number(name: str, cls: type[Likelihood], argument: str) -> float:
    """Return the number after the colon, or the default."""
    try:
        number = float(argument or cls.default)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        example = f"for example {name.partition(':')[0]}:0.1"
        raise UsageError(f"--likelihood {name}: {cls.symbol} must be a positive number", example)
    return number


def written_out(name: str) -> str:
    """Return a name with its number: gaussian-per-dim → gaussian-per-dim:0.00113, gaussian:1.0 → gaussian:1.

    Raises:
        UsageError: No such likelihood, or an invalid number.
    """
    cls = likelihood_class(name)
    kind, _, argument = name.partition(":")
    if not cls.symbol:
        return name
    return f"{kind}:{_number(name, cls, argument):.12g}" if argument else f"{kind}:{cls.default:.3g}"
