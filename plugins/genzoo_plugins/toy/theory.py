"""Theory of the generated data of known density: it integrates to 1, and the examples follow it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from genzoo.core.theory import Case
from genzoo_plugins.toy.densities import Pinwheel, Quadratic, Rings
from genzoo_plugins.toy.markov import FIRST, NEXT, Markov
from genzoo_plugins.toy.moons import Moons
from genzoo_plugins.toy.two_views import TwoViews
from genzoo_plugins.toy.waves import Waves

COUNT = 5000


def examples(kind: type[Any], n: int = COUNT, **options: Any) -> tuple[Any, Tensor]:
    """Return a dataset and its training examples."""
    data = kind(kind.Config(train=n, **options))
    return data, torch.as_tensor(data.split("train", n).x[:])


def in_the_plane(kind: type[Any], side: float, steps: int = 600) -> Iterator[Case]:
    """∫p over the plane, and E −ln p of the examples against the entropy by quadrature."""
    data, x = examples(kind)
    line = torch.linspace(-side, side, steps + 1, dtype=torch.float64)
    log_p, cell = data.log_density(torch.cartesian_prod(line, line)), (2 * side / steps) ** 2
    yield Case("∫p(x)dx in the plane", log_p.exp().sum().item() * cell, 1.0, 1e-5)
    entropy = -torch.special.xlogy(log_p.exp(), log_p.exp()).sum().item() * cell
    yield Case.mean("E −ln p of the examples: the entropy by quadrature, nats", -data.log_density(x.double()), entropy)


def rings() -> Iterator[Case]:
    """Four circles with noise."""
    return in_the_plane(Rings, 3.0)


def moons() -> Iterator[Case]:
    """Two half circles with noise."""
    return in_the_plane(Moons, 3.0, steps=200)


def pinwheel() -> Iterator[Case]:
    """Five twisted arms."""
    return in_the_plane(Pinwheel, 4.0)


def gaussian_entropy(log_variances: float, dimensions: int) -> float:
    """Return ½ D ln 2πe + ½ Σ ln σ², in nats."""
    return 0.5 * (dimensions * math.log(2 * math.pi * math.e) + log_variances)


def quadratic() -> Iterator[Case]:
    """x ~ N(0, I) and y given x ~ N(½|x|², σ²): the entropy is that of three Gaussians."""
    data, x = examples(Quadratic)
    truth = gaussian_entropy(2 * math.log(data.config.noise), 3)
    yield Case.mean("E −ln p: 3/2 ln 2πe + ln σ, nats", -data.log_density(x.double()), truth)
    yield Case.mean("E y: 1", x[:, 2], 1.0)


def two_views() -> Iterator[Case]:
    """N(0, WWᵀ + σ²)."""
    data, x = examples(TwoViews)
    truth = gaussian_entropy(data.covariance.logdet().item(), 5)
    yield Case.mean("E −ln p: the entropy of the Gaussian, nats", -data.log_density(x), truth)
    yield Case.largest("covariance of the examples", x.double().T.cov(), data.covariance, 0.2)


def waves() -> Iterator[Case]:
    """A Gaussian with the variance s²L/2 + σ² along each sine, whose mean power is s² each plus σ²."""
    data, x = examples(Waves, 1000, length=64, cycles=(3, 7))
    own = data.config
    loud, quiet = math.log(own.loudness**2 * 32 + own.noise**2), math.log(own.noise**2)
    truth = gaussian_entropy(4 * loud + 60 * quiet, 64)
    yield Case.mean("E −ln p: the entropy of the Gaussian, nats", -data.log_density(x), truth)
    power = x.double().square().mean((1, 2))
    yield Case.mean("mean power: 2s² + σ²", power, 2 * own.loudness**2 + own.noise**2)


def markov() -> Iterator[Case]:
    """H(first) + (L − 1) Σ π_i H(row i); the probabilities of all sequences sum to 1 (Shannon 1948, section 7)."""
    data, x = examples(Markov, length=8)

    def entropy(p: tuple[float, ...]) -> float:
        return -sum(q * math.log(q) for q in p)

    truth = entropy(FIRST) + 7 * sum(p * entropy(row) for p, row in zip(FIRST, NEXT, strict=True))
    yield Case.mean("E −ln p of a sequence of 8, nats", -data.log_density(x), truth)
    every = torch.cartesian_prod(*[torch.tensor([1, 2])] * 8)
    yield Case("Σ p over 256 sequences", data.log_density(every).exp().sum().item(), 1.0, 1e-9)
    stationary = FIRST[0] * NEXT[0][0] + FIRST[1] * NEXT[1][0]
    yield Case("probability of the first symbol after a step", stationary, FIRST[0], 1e-12)
