"""Likelihood heads: what a decoder's raw output means as p(x|z), chosen by `--likelihood`.

bernoulli           logits of black and white pixels (for grey ones: the usual cross-entropy, not a density)
gaussian            N(output, 1); `gaussian:0.1` fixes σ = 0.1. Minus its log-density is ½·squared error + constant.
gaussian-learned    N(output, σ²) with one σ learned for all dimensions (σ-VAE, Rybkin et al. 2021)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from genzoo.distributions import Bernoulli, DiagGaussian, Distribution, full_precision
from genzoo.errors import UsageError, did_you_mean


class Likelihood(nn.Module):
    """Turns a decoder's raw output into p(x|z).

    `outputs` is how many numbers the decoder puts out for each number of x: it widens the first axis of S.
    """

    outputs = 1

    def forward(self, raw: Tensor) -> Distribution:
        """raw [N, outputs·S₀, *S₁…] → a distribution with batch [N] over events S."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")


class BernoulliLikelihood(Likelihood):
    """x is 0 or 1; the decoder puts out logits."""

    def forward(self, raw: Tensor) -> Distribution:
        return Bernoulli(full_precision(raw), event_dims=raw.dim() - 1)


class GaussianLikelihood(Likelihood):
    """x is N(decoder's output, σ²) with σ fixed."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.log_var = 2 * math.log(sigma)

    def forward(self, raw: Tensor) -> Distribution:
        return DiagGaussian(full_precision(raw), self.log_var, event_dims=raw.dim() - 1)


class LearnedGaussianLikelihood(Likelihood):
    """x is N(decoder's output, σ²) with one σ, learned, for every dimension and every example."""

    def __init__(self) -> None:
        super().__init__()
        self.log_var = nn.Parameter(torch.zeros(()))

    def forward(self, raw: Tensor) -> Distribution:
        return DiagGaussian(full_precision(raw), self.log_var, event_dims=raw.dim() - 1)


def _gaussian(argument: str) -> Likelihood:
    try:
        sigma = float(argument or 1)
    except ValueError:
        sigma = math.nan
    if not (math.isfinite(sigma) and sigma > 0):
        raise UsageError(f"--likelihood gaussian:{argument}: σ must be a positive number", "for example gaussian:0.1")
    return GaussianLikelihood(sigma)


LIKELIHOODS: dict[str, Callable[[str], Likelihood]] = {
    "bernoulli": lambda argument: BernoulliLikelihood(),
    "gaussian": _gaussian,
    "gaussian-learned": lambda argument: LearnedGaussianLikelihood(),
}


def make_likelihood(name: str) -> Likelihood:
    """The head called `name`, such as "bernoulli" or "gaussian:0.1".

    Raises:
        UsageError: No such likelihood, or an argument it does not take.
    """
    kind, colon, argument = name.partition(":")
    if kind not in LIKELIHOODS:
        raise UsageError(
            f"no likelihood named {kind!r}.{did_you_mean(kind, LIKELIHOODS)}", f"known: {', '.join(LIKELIHOODS)}"
        )
    if colon and kind != "gaussian":
        raise UsageError(f"--likelihood {name}: {kind} takes no argument", f"type: --likelihood {kind}")
    return LIKELIHOODS[kind](argument)
