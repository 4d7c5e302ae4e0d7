"""Annealed importance sampling in the latent space of a decoder, by Hamiltonian Monte Carlo."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import of_examples, standard_normal, uniform

SHARPNESS = 4.0
"""How much denser the inverse temperatures are at 0 and 1 than between (Grosse et al. 2015, section 6)."""
TARGET = 0.8
"""Acceptance probability that step sizes aim at. With 0.65 the error of ln p of a linear model is a fifth larger."""
GAIN = 0.3
"""By how much the logarithm of a step size follows an acceptance that differs from the target by 1."""
FIRST_STEP = 0.5
"""The step size before any acceptance is known, in units of the prior."""

LOW, HIGH = 0.25, 1.25
"""Bounds of the random factor of a step size: trajectories of one length return where they began (Neal 2011, 5.4.2)."""

LogDensity = Callable[[Tensor], Tensor]
"""ln p of each of z [R, *D]: [R]."""


def inverse_temperatures(number: int) -> list[float]:
    """Return β from 0 to 1 in `number` steps, spaced as a logistic function (Grosse et al. 2015, section 6)."""
    ends = torch.tensor([-SHARPNESS, SHARPNESS], dtype=torch.float64)
    curve = torch.linspace(-SHARPNESS, SHARPNESS, number + 1, dtype=torch.float64).sigmoid()
    low, high = ends.sigmoid()
    return [min(max(beta, 0.0), 1.0) for beta in ((curve - low) / (high - low)).tolist()]


class State(NamedTuple):
    """Points z and what the temperatures weigh: ln p(z) and ln p(x|z), with their gradients."""

    z: Tensor
    """[R, *D]."""
    log_prior: Tensor
    """[R]."""
    log_likelihood: Tensor
    """[R]."""
    prior_slope: Tensor
    """[R, *D]."""
    likelihood_slope: Tensor
    """[R, *D]."""

    def log_density(self, beta: float) -> Tensor:
        """Return ln p(z) + β ln p(x|z), [R]."""
        return self.log_prior + beta * self.log_likelihood

    def slope(self, beta: float) -> Tensor:
        """Return the gradient of `log_density`, [R, *D]."""
        return self.prior_slope + beta * self.likelihood_slope

    def replaced(self, where: Tensor, other: State) -> State:
        """Return this state with the rows of another one where `where` [R] is true."""
        pairs = zip(self, other, strict=True)
        return State(*(torch.where(along(where, own), new, own) for own, new in pairs))


def along(values: Tensor, like: Tensor) -> Tensor:
    """Return one value for each row [R] in the form in which it multiplies rows [R, *D]."""
    return values.view(-1, *[1] * (like.dim() - 1))


class Joint(NamedTuple):
    """p(z) and p(x|z) for given x: what is annealed from the prior to the posterior."""

    log_prior: LogDensity
    log_likelihood: LogDensity

    def at(self, z: Tensor) -> State:
        """Return the state of points z [R, *D]."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            values = self.log_prior(z), self.log_likelihood(z)
            slopes = [torch.autograd.grad(value.sum(), z, materialize_grads=True)[0] for value in values]
        return State(z.detach(), *(value.detach() for value in values), *slopes)


def transition(joint: Joint, state: State, beta: float, size: Tensor, leapfrogs: int) -> tuple[State, Tensor]:
    """Make a step of Hamiltonian Monte Carlo that leaves p(z) p(x|z)^β invariant (Neal 2011, section 3.2).

    Args:
        joint: What is annealed.
        state: Where the chains are.
        beta: The inverse temperature.
        size: [R], the step size of each chain; it must not depend on where the chain was.
        leapfrogs: Leapfrog steps of one proposal.

    Returns:
        The new state, and the probability with which each proposal was accepted, [R].
    """
    step = along(size * (LOW + (HIGH - LOW) * uniform(size)), state.z)
    momentum = start = standard_normal((), state.z)
    new = state
    for number in range(leapfrogs):
        momentum = momentum + (0.5 if number == 0 else 1.0) * step * new.slope(beta)
        new = joint.at(new.z + step * momentum)
    momentum = momentum + 0.5 * step * new.slope(beta)
    kinetic = [0.5 * moving.square().flatten(1).sum(1) for moving in (start, momentum)]
    gain = new.log_density(beta) - kinetic[1] - (state.log_density(beta) - kinetic[0])
    accepted = uniform(gain).log() < gain  # never where a trajectory diverged to nan
    return state.replaced(accepted, new), gain.exp().clamp_max(1).nan_to_num(0.0)


def anneal(
    joint: Joint, z: Tensor, betas: Sequence[float], sizes: Sequence[Tensor], leapfrogs: int
) -> tuple[Tensor, Tensor]:
    """Return the logarithms of annealed importance weights, [R] float64, and the mean acceptance, [R] (Neal 2001).

    From z of the prior and rising β, exp of it is an unbiased estimate of p(x). From z of the posterior and falling β,
    it is one of 1/p(x) (Grosse, Ghahramani & Adams 2015, section 4.1).

    Args:
        joint: What is annealed.
        z: [R, *D], a draw of the distribution at the first β.
        betas: The inverse temperatures.
        sizes: [R], the step size at each β but the first and the last.
        leapfrogs: Leapfrog steps of one proposal.
    """
    state = joint.at(z)
    weights = torch.zeros(len(z), dtype=torch.float64, device=z.device)
    rate = torch.zeros(len(z), device=z.device)
    for (before, after), size in zip(pairwise(betas[:-1]), sizes, strict=True):
        weights += (after - before) * state.log_likelihood.double()
        state, probability = transition(joint, state, after, size, leapfrogs)
        rate += probability / max(1, len(sizes))
    return weights + (betas[-1] - betas[-2]) * state.log_likelihood.double(), rate


def adapt(joint: Joint, z: Tensor, betas: Sequence[float], leapfrogs: int, chains: int) -> list[Tensor]:
    """Return a step size for each β but the first and the last, [B], by chains that are not used for anything else.

    The step size that an estimate uses must not depend on its own past, or its weights are biased. So it is adapted on
    other chains of the same example.

    Args:
        joint: What is annealed.
        z: [chains·B, *D], a draw of the prior.
        betas: The inverse temperatures, rising.
        leapfrogs: Leapfrog steps of one proposal.
        chains: Chains of each example, whose mean acceptance is compared with the target.
    """
    state = joint.at(z)
    size = z.new_full((len(z) // chains,), FIRST_STEP)
    sizes = []
    for beta in betas[1:-1]:
        sizes.append(size)
        state, probability = transition(joint, state, beta, size.repeat(chains), leapfrogs)
        size = size * (GAIN * (probability.view(chains, -1).mean(0) - TARGET)).exp()
    return sizes


def prior_draws(prior: genzoo.Distribution, keys: Tensor, number: int) -> Tensor:
    """Draw from p(z) for each example, [number, B, *D], by the noise of its key alone."""
    drawn = []
    for key in keys.split(1):
        with of_examples(key):
            drawn.append(prior.rsample((number,)))
    return torch.stack(drawn, 1)


def log_mean(weights: Tensor, chains: int) -> Tensor:
    """Return the logarithm of the mean of exp of the weights [chains·B] over an example's chains, [B]."""
    return weights.view(chains, -1).logsumexp(0) - math.log(chains)
