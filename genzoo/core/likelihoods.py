"""Likelihood heads: what a decoder's raw output means as p(x|z), chosen by `--likelihood`.

bernoulli               logits of black and white pixels (for grey ones: the usual cross-entropy, not a density)
gaussian                N(output, 1); `gaussian:0.1` fixes σ = 0.1. Minus its log-density is ½·squared error + constant.
gaussian-learned        N(output, σ²) with one σ learned for all dimensions (σ-VAE, Rybkin et al. 2021)
gaussian-per-dim        N(μ, σ²), both put out for each dimension, σ above a floor: `gaussian-per-dim:0.01`
laplace                 Laplace(output, 1), the absolute error; `laplace:0.1` fixes b = 0.1
laplace-learned         Laplace(output, b) with one b learned for all dimensions
continuous-bernoulli    logits of a density over grey values: the cross-entropy with the normaliser it lacks
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
"""Standard deviation of what rounding to a grey level took away (uniform over 1/255): 0.00113."""


class Likelihood(nn.Module):
    """Turns a decoder's raw output into p(x|z).

    `outputs` is how many numbers the decoder puts out for each number of x: it widens the first axis of S.
    """

    outputs = 1
    family: ClassVar[type[Distribution]]
    """The distribution that `forward` returns."""
    values: ClassVar[Literal["any", "unit", "grey"]] = "any"
    """What x it is for: any numbers, those from 0 to 1, or grey levels, which black and white pixels are not."""
    symbol: ClassVar[str] = ""
    """What the number after the colon is called; empty if there is none. The constructor takes it."""
    default: ClassVar[float] = 1.0
    """That number if it is left out."""
    name: str = ""
    """As `--likelihood` has it, the number written out; empty where `make_likelihood` did not make it."""

    def forward(self, raw: Tensor) -> Distribution:
        """raw [N, outputs·S₀, *S₁…] → a distribution with batch [N] over events S."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")


class BernoulliLikelihood(Likelihood):
    """x is 0 or 1; the decoder puts out logits."""

    family = Bernoulli
    values = "unit"

    def forward(self, raw: Tensor) -> Distribution:
        return Bernoulli(full_precision(raw), event_dims=raw.dim() - 1)


class GaussianLikelihood(Likelihood):
    """x is N(decoder's output, σ²) with σ fixed."""

    family = DiagGaussian
    symbol = "σ"

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.log_var = 2 * math.log(sigma)

    def forward(self, raw: Tensor) -> Distribution:
        return DiagGaussian(full_precision(raw), self.log_var, event_dims=raw.dim() - 1)


class LearnedGaussianLikelihood(Likelihood):
    """x is N(decoder's output, σ²) with one σ, learned, for every dimension and every example."""

    family = DiagGaussian

    def __init__(self) -> None:
        super().__init__()
        self.log_var = nn.Parameter(torch.zeros(()))

    def forward(self, raw: Tensor) -> Distribution:
        return DiagGaussian(full_precision(raw), self.log_var, event_dims=raw.dim() - 1)


class PerDimGaussianLikelihood(Likelihood):
    """x is N(μ, σ²); the decoder puts out μ and, after it on the first axis, a log-variance for every dimension.

    σ² = floor² + exp(log-variance), in which a gradient always reaches the decoder. Without a floor the density has no
    bound: 67 pixels of MNIST are black in every training image, and σ → 0 there makes −ELBO as small as one likes.
    By default the floor is the standard deviation of rounding to a grey level, on the scale from 0 to 1: stored pixels
    say nothing finer. For standardised images divide it by the data's standard deviation: 0.0037 on MNIST.
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
    """x is Laplace(decoder's output, b) with b fixed."""

    family = Laplace
    symbol = "b"

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.log_scale = math.log(scale)

    def forward(self, raw: Tensor) -> Distribution:
        return Laplace(full_precision(raw), self.log_scale, event_dims=raw.dim() - 1)


class LearnedLaplaceLikelihood(Likelihood):
    """x is Laplace(decoder's output, b) with one b, learned, for every dimension and every example."""

    family = Laplace

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, raw: Tensor) -> Distribution:
        return Laplace(full_precision(raw), self.log_scale, event_dims=raw.dim() - 1)


class ContinuousBernoulliLikelihood(Likelihood):
    """x has a density on [0, 1]; the decoder puts out logits (Loaiza-Ganem & Cunningham 2019)."""

    family = ContinuousBernoulli
    values = "grey"

    def forward(self, raw: Tensor) -> Distribution:
        return ContinuousBernoulli(full_precision(raw), event_dims=raw.dim() - 1)


class DiscretisedLogisticLikelihood(Likelihood):
    """x is one of 256 grey levels; one scale, learned, for every dimension (Kingma et al. 2016, section 5.2)."""

    family = DiscretisedLogistic
    values = "grey"

    def __init__(self) -> None:
        super().__init__()
        # A tenth of the way from black to white: from 1 the first thousands of steps would go into the scale alone.
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
    """The class of the head called `name`, whose argument does not matter.

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
    """The head called `name`, such as "bernoulli" or "gaussian:0.1".

    Raises:
        UsageError: No such likelihood, or an argument it does not take.
    """
    head = likelihood_class(name)
    kind, colon, argument = name.partition(":")
    if colon and not head.symbol:
        raise UsageError(f"--likelihood {name}: {kind} takes no argument", f"type: --likelihood {kind}")
    made = head(_number(name, head, argument)) if head.symbol else head()
    made.name = written_out(name)
    return made


def _number(name: str, head: type[Likelihood], argument: str) -> float:
    """The number after the colon, or the default one."""
    try:
        number = float(argument or head.default)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        example = f"for example {name.partition(':')[0]}:0.1"
        raise UsageError(f"--likelihood {name}: {head.symbol} must be a positive number", example)
    return number


def written_out(name: str) -> str:
    """The name with the number it stands for: gaussian-per-dim → gaussian-per-dim:0.00113, gaussian:1.0 → gaussian:1.

    Raises:
        UsageError: No such likelihood, or an argument that is no number.
    """
    head = likelihood_class(name)
    kind, _, argument = name.partition(":")
    if not head.symbol:
        return name
    return f"{kind}:{_number(name, head, argument):.12g}" if argument else f"{kind}:{head.default:.3g}"
