"""What theory says of the samplers: entropies, kernels by hand, the best width of two points, a curved density."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.mixture import climb, maximise, start
from genzoo.core.theory import Case
from genzoo_plugins.samplers.kde import KernelSampler
from genzoo_plugins.samplers.mixture import MixtureSampler

LOG_2_PI_E = math.log(2 * math.pi * math.e)


def correlated(n: int, seed: int = 0) -> Tensor:
    """Return n correlated normal codes [n, 3], float64."""
    with genzoo.seeded(seed):
        mixing = torch.tensor([[2.0, 0, 0], [1, 0.5, 0], [-1, 1, 0.3]], dtype=torch.float64)
        return torch.randn(n, 3, dtype=torch.float64) @ mixing.T + 5


def fitted(name: str, codes: Tensor) -> genzoo.Sampler:
    """Return a sampler fitted to codes [N, D]."""
    sampler: genzoo.Sampler = genzoo.make_part("sampler", name, tuple(codes.shape[1:]))
    with genzoo.seeded(0):
        sampler.fit(codes)
    return sampler


def nats(sampler: genzoo.Sampler, codes: Tensor) -> float:
    """Return the mean of −ln p(z) over codes."""
    return -sampler.log_prob(codes).mean().item()


def entropy(covariance: Tensor) -> float:
    """Return the entropy of a Gaussian, ½ ln |2πe C|, in nats."""
    return 0.5 * (len(covariance) * LOG_2_PI_E + torch.logdet(covariance).item())


def gaussian() -> Iterator[Case]:
    """−ln p(z) of the codes is ½ ln |2πe C|, and samples have their covariance."""
    codes = correlated(2000)
    sampler, own = fitted("gaussian", codes), codes.T.cov(correction=0)
    yield Case("mean of −ln p(z) over the codes against ½ ln |2πe C|, nats", nats(sampler, codes), entropy(own), 1e-4)
    with genzoo.seeded(1):
        drawn = sampler.sample(50_000)
    yield Case("entropy by the covariance of samples, nats", entropy(drawn.T.cov()), entropy(own), 0.02)
    yield Case("mean of the first coordinate of samples", drawn[:, 0].mean().item(), codes[:, 0].mean().item(), 0.05)


def gmm() -> Iterator[Case]:
    """gmm:1 is one Gaussian, two clusters far apart are found, and EM never lowers the likelihood."""
    codes = correlated(1000)
    one = nats(fitted("gaussian", codes), codes)
    yield Case("gmm:1 against gaussian, nats", nats(fitted("gmm:1", codes), codes), one, 1e-9)
    apart = torch.cat([codes, correlated(1000, 1) + 40])
    two = 0.5 * (one + nats(fitted("gaussian", apart[1000:]), apart[1000:])) + math.log(2)
    yield Case("two distant clusters: mean nats of a cluster + ln 2", nats(fitted("gmm:2", apart), apart), two, 0.01)
    many = fitted("gmm:3", codes)
    assert isinstance(many, MixtureSampler)
    means, shares = many.means, many.weights[:, None]
    second = (shares[:, :, None] * (many.covariances + means[:, :, None] * means[:, None])).sum(0)
    yield Case(
        "Σ π μ of three Gaussians, first coordinate", (shares * means).sum(0)[0].item(), codes[:, 0].mean().item(), 1e-6
    )
    own = (codes.T @ codes / len(codes)).trace().item()
    yield Case("trace of Σ π (C + μμᵀ) against that of the codes", second.trace().item(), own, 1e-3)
    mixture = maximise(codes, start(codes, 4, 0), 1e-9)
    gains, before = [], -math.inf
    for _ in range(30):
        now = mixture.log_prob(codes).mean().item()
        gains.append(now - before)
        before, mixture = now, climb(codes, mixture, 1e-9, 1)
    yield Case("the smallest gain in ln p of a step of EM, nats", min(gains[1:]), 0.0, 1e-9, one_sided=True)


def width_of(sampler: genzoo.Sampler) -> float:
    """Return h of a kernel density."""
    assert isinstance(sampler, KernelSampler)
    return sampler.width.item()


def kde() -> Iterator[Case]:
    """The density is a sum over kernels; the best width is known for two points, and by a fine grid for many."""
    codes = correlated(40)
    sampler = fitted("kde", codes)
    width = width_of(sampler)
    kernel = torch.distributions.MultivariateNormal(
        torch.zeros(3, dtype=torch.float64), width**2 * codes.T.cov(correction=0)
    )
    at = correlated(5, 2)
    by_hand = kernel.log_prob(at[:, None] - codes).logsumexp(1) - math.log(len(codes))
    yield Case("mean ln p(z) by a sum over kernels, nats", -nats(sampler, at), by_hand.mean().item(), 1e-4)
    pair = fitted("kde", torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    yield Case("best width of two points: their distance, 2 σ", width_of(pair), 2.0, 4e-3)
    white = torch.linalg.solve_triangular(
        torch.linalg.cholesky(codes.T.cov(correction=0)), (codes - codes.mean(0)).T, upper=False
    ).T
    others = ~torch.eye(len(codes), dtype=torch.bool)
    gaps = (white[:, None] - white).square().sum(-1)[others].view(len(codes), -1)
    tried = torch.linspace(0.05, 2.0, 1951, dtype=torch.float64)
    scores = [(-gaps / (2 * h**2)).logsumexp(1).mean().item() - 3 * math.log(h) for h in tried.tolist()]
    best = tried[scores.index(max(scores))].item()
    yield Case("best leave-one-out width, by a grid in steps of .001", width, best, 3e-3)


def curved(n: int, seed: int) -> Tensor:
    """Return n codes [n, 2] of z₁ ~ N(0, 1), z₂ ~ N(z₁², ¼), whose entropy is that of two independent Gaussians."""
    with genzoo.seeded(seed):
        noise = torch.randn(n, 2, dtype=torch.float64)
    return torch.stack([noise[:, 0], noise[:, 0].square() + 0.5 * noise[:, 1]], 1)


def maf() -> Iterator[Case]:
    """A curved density of known entropy is reached."""
    train, test = curved(3000, 0), curved(5000, 1)
    truth = LOG_2_PI_E - math.log(2)
    sampler = fitted("maf:1", train)
    held_out = -sampler.log_prob(test)
    yield Case("held-out nats of a curved density", held_out.mean().item(), truth, 0.1)
    yield Case.mean("the same: not below its entropy", held_out, truth, one_sided=True, errors=4.0)
    with genzoo.seeded(2):
        drawn = sampler.sample(4000)
    share, true_share = ((points[:, 1] > 2).double().mean().item() for points in (drawn, test))
    yield Case("share of its samples with z₂ > 2", share, true_share, 0.04)
