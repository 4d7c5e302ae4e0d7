"""What theory says of the classical models: closed forms, monotone fits, densities that integrate to 1."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

import genzoo
from genzoo.core.mixture import climb, maximise, start
from genzoo.core.noise import seeded
from genzoo.core.theory import Case
from genzoo_plugins.classical.conditional import GaussianImputer
from genzoo_plugins.classical.factor_analysis import FactorAnalysis
from genzoo_plugins.classical.gmm import GMM
from genzoo_plugins.classical.kde import KDE, best_bandwidth
from genzoo_plugins.classical.ngram import NGram
from genzoo_plugins.classical.ppca import PPCA

M = TypeVar("M", bound=genzoo.Model)
SIZE, LATENTS, COUNT, DRAWS = 6, 2, 500, 10_000


def correlated(n: int = COUNT, size: int = SIZE) -> Tensor:
    """Draw points [n, size] of a Gaussian."""
    with seeded(0):
        return torch.randn(n, size) @ torch.randn(size, size) + torch.arange(size)


@torch.no_grad()
def fitted(kind: type[M], x: Tensor, **options: int) -> M:
    """Return a model fitted to x [N, D], in float64."""
    model = kind(genzoo.DataSpec((x.shape[1],), "gaussian-learned", size=len(x)), kind.Config(**options)).double()
    with seeded(1):
        model.fit([genzoo.Batch(part) for part in x.double().chunk(3)])
    return model


@torch.no_grad()
def ppca() -> Iterator[Case]:
    """σ² is the mean of the eigenvalues left out, and every bound L_k is ln p(x)."""
    x = correlated()
    model, values = fitted(PPCA, x, latent_dim=LATENTS), torch.linalg.eigvalsh(torch.cov(x.double().T, correction=0))
    truth = values[:-LATENTS].mean().item()
    yield Case("σ²: mean of the other eigenvalues", model.log_noise.exp().item(), truth, 1e-9 * truth)
    covariance = model.weight @ model.weight.T + model.log_noise.exp() * torch.eye(SIZE)
    exact = MultivariateNormal(model.mean, covariance).log_prob(x.double()).mean().item()
    yield Case("ln p(x) of N(m, WWᵀ + σ²I), nats", model.log_prob(x.double()).mean().item(), exact, 1e-6)
    yield from bounds(model, x.double())
    yield from hidden("hidden values of pPCA", model, MultivariateNormal(model.mean, covariance), x.double())


def hidden(what: str, model: GaussianImputer, p: MultivariateNormal, x: Tensor) -> Iterator[Case]:
    """Hidden values have the mean and covariance of the conditional Gaussian, by the precision matrix of p."""
    seen = torch.tensor([True, False, True, True, False, True])
    precision = p.precision_matrix
    across = torch.linalg.solve(precision[~seen][:, ~seen], precision[~seen][:, seen])
    mean = p.mean[~seen] - (x[0, seen] - p.mean[seen]) @ across.T
    truth = MultivariateNormal(mean, precision_matrix=precision[~seen][:, ~seen])
    one, known = x[:1].expand(DRAWS, -1), seen.expand(DRAWS, -1)
    drawn = model.impute(one, known)
    yield Case.largest(f"{what}: the known ones", drawn[:, seen], one[:, seen], 1e-6)
    scale = truth.variance.sqrt()
    yield Case.largest(f"{what}: mean, in deviations", drawn[:, ~seen].mean(0) / scale, mean / scale, 0.05)
    spread = torch.cov(drawn[:, ~seen].T) / scale / scale[:, None]
    yield Case.largest(f"{what}: covariance", spread, truth.covariance_matrix / scale / scale[:, None], 0.1)
    found = model.log_hidden(x[:1], seen[None])
    yield Case.largest(f"{what}: ln p(hidden|known), nats", found, truth.log_prob(x[0, ~seen]), 1e-5)


def bounds(model: PPCA, x: Tensor) -> Iterator[Case]:
    """L_k = ln p(x) for all k, with the exact posterior."""
    with seeded(2):
        q, p, z, px = model.infer(genzoo.Batch(x), 5)
    assert p is not None
    weights = px.log_prob(x) + p.log_prob(z) - q.log_prob(z)
    for k in (1, 5):
        bound = (weights[:k].logsumexp(0) - math.log(k)).mean().item()
        yield Case(f"L_{k} is ln p(x), nats", bound, model.log_prob(x).mean().item(), 1e-6)


def factors(n: int = COUNT) -> Tensor:
    """Draw points [n, SIZE] that are two factors and noise of another variance in each value."""
    with seeded(0):
        signal = torch.randn(n, LATENTS) @ (2 * torch.randn(LATENTS, SIZE))
        return (signal + torch.linspace(0.5, 2.0, SIZE) * torch.randn(n, SIZE)).double()


@torch.no_grad()
def factor_analysis() -> Iterator[Case]:
    """The fit is a maximum; ln p(x) shifts by Σ ln c_i when columns are divided by c_i, which that of pPCA does not."""
    x = factors()
    model = fitted(FactorAnalysis, x, latent_dim=LATENTS, updates=2000)
    own = model.deviations[:, None] * model.weight
    covariance = own @ own.T + model.deviations.square().diag()
    exact = MultivariateNormal(model.mean, covariance).log_prob(x).mean().item()
    best = model.log_prob(x).mean().item()
    yield Case("ln p(x) of N(m, WWᵀ + Ψ), nats", best, exact, 1e-6)
    variances = (covariance.diagonal() / x.var(0, correction=0)).sub(1).abs().max().item()
    yield Case("variances of the model and of the data", variances, 0.0, 1e-3)
    c = torch.tensor([0.1, 3.0, 1.0, 20.0, 0.5, 7.0], dtype=torch.float64)
    shift = fitted(FactorAnalysis, x / c, latent_dim=LATENTS, updates=2000).log_prob(x / c).mean().item() - best
    yield Case("shift of ln p(x) for columns divided by c, nats", shift, c.log().sum().item(), 1e-4)
    yield from bounds(model, x)
    yield from hidden("hidden values of factor analysis", model, MultivariateNormal(model.mean, covariance), x)
    for step in (1e-3, -1e-3):
        kept = model.deviations.clone()
        with seeded(3):
            model.deviations.mul_(1 + step * torch.randn(SIZE, dtype=torch.float64))
        yield Case(
            "ln p(x) at the fit, over a place beside it", best, model.log_prob(x).mean().item(), 1e-9, one_sided=True
        )
        model.deviations.copy_(kept)


def three_gaussians() -> MixtureSameFamily:
    """Return a mixture in the plane."""
    means = torch.tensor([[-4.0, 0.0], [3.0, 2.0], [0.0, -5.0]])
    roots = torch.tensor([[[1.0, 0.0], [0.8, 0.6]], [[0.5, 0.0], [0.0, 1.5]], [[1.0, 0.0], [0.0, 1.0]]])
    return MixtureSameFamily(Categorical(torch.tensor([0.5, 0.3, 0.2])), MultivariateNormal(means, scale_tril=roots))


@torch.no_grad()
def gmm() -> Iterator[Case]:
    """One component is the Gaussian of the data; EM never lowers the likelihood; a known mixture is recovered."""
    x = correlated().double()
    one = fitted(GMM, x, components=1)
    exact = MultivariateNormal(x.mean(0), torch.cov(x.T, correction=0)).log_prob(x).mean().item()
    yield Case("ln p(x) of one component, nats", one.log_prob(x).mean().item(), exact, 1e-5)
    along = fitted(GMM, x, components=1, axes=LATENTS).log_prob(x).mean().item()
    truth = fitted(PPCA, x, latent_dim=LATENTS).log_prob(x).mean().item()
    yield Case("one component on the first axes is pPCA, nats", along, truth, 1e-5)
    with seeded(2):
        points, fresh = three_gaussians().sample((3000,)).double(), three_gaussians().sample((20_000,)).double()
    mixture, least = maximise(points, start(points, 4, 0), 1e-9), math.inf
    for _ in range(30):
        further = climb(points, mixture, 1e-9, 1)
        least = min(least, (further.log_prob(points) - mixture.log_prob(points)).mean().item())
        mixture = further
    yield Case("least gain of a step of EM, nats", least, 0.0, 1e-9, one_sided=True)
    yield from hidden_of_mixture(points)
    model = fitted(GMM, points, components=3)
    gaps = three_gaussians().log_prob(fresh) - model.log_prob(fresh)
    yield Case.mean("never above the truth: E ln p − ln p(model), nats", gaps, 0.0, one_sided=True, errors=4.0)
    yield Case("a known mixture recovered: gap, nats", gaps.mean().item(), 0.0, 0.02)
    yield Case("its samples: largest error of the mean", moments(model, fresh), 0.0, 0.15)
    yield Case("∫ p(x) dx", integral(model), 1.0, 1e-3)


def hidden_of_mixture(points: Tensor) -> Iterator[Case]:
    """p(x₂|x₁) of a mixture in the plane is p(x₁, x₂)/∫p dx₂, on a grid; half of the axes are hidden in turn."""
    model = fitted(GMM, points, components=3)
    side = 24 * ((torch.arange(400, dtype=torch.float64) + 0.5) / 400 - 0.5)
    x = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    for hidden_axis in (0, 1):
        known = torch.tensor([[axis != hidden_axis for axis in (0, 1)]])
        line = torch.where(known, x, side[:, None])
        p = model.log_prob(line).exp()
        p = p / (p.sum() * 24 / 400)
        density = (model.log_prob(x).exp() / model.log_prob(line).exp().sum() / (24 / 400)).log()
        yield Case.largest(
            f"mixture: ln p(hidden|known) of axis {hidden_axis}, nats", model.log_hidden(x, known), density, 1e-3
        )
        drawn = model.impute(x.expand(DRAWS, -1), known.expand(DRAWS, -1))[:, hidden_axis]
        below = (drawn[:, None] < side).double().mean(0)
        yield Case.largest(f"mixture: draws of axis {hidden_axis}, distribution", below, p.cumsum(0) * 24 / 400, 0.03)


def moments(model: genzoo.Model, x: Tensor) -> float:
    """Return the largest difference of the means of samples and of x."""
    with seeded(4):
        return (model.sample(20_000).mean(0) - x.mean(0)).abs().max().item()


def integral(model: genzoo.Density) -> float:
    """Return ∫ p(x) dx over a square of the plane of 24 by 24, by the midpoint rule."""
    side = 24 * ((torch.arange(100, dtype=torch.float64) + 0.5) / 100 - 0.5)
    return model.log_prob(torch.cartesian_prod(side, side)).exp().sum().item() * (24 / 100) ** 2


@torch.no_grad()
def kde() -> Iterator[Case]:
    """∫ p = 1; h is the best with each example left out of its own term; it is never above the truth."""
    with seeded(2):
        x, fresh = three_gaussians().sample((500,)).double(), three_gaussians().sample((2000,)).double()
    model = fitted(KDE, x)
    yield Case("∫ p(x) dx", integral(model), 1.0, 1e-3)
    gaps = three_gaussians().log_prob(fresh) - model.log_prob(fresh)
    yield Case.mean("never above the truth: E ln p − ln p(model), nats", gaps, 0.0, one_sided=True, errors=4.0)
    few = x[:100]
    h = best_bandwidth(few).exp().item()

    def left_out(h: float) -> float:
        """Mean ln p of each example under the others, one by one."""
        each = [few[torch.arange(len(few)) != i] for i in range(len(few))]
        parts = [MultivariateNormal(rest, h**2 * torch.eye(2)).log_prob(few[i]) for i, rest in enumerate(each)]
        return (torch.stack(parts).logsumexp(1) - math.log(len(few) - 1)).mean().item()

    best = left_out(h)
    for factor in (0.9, 1.1):
        yield Case(
            f"leave-one-out ln p at h, over that at {factor:g} h", best, left_out(factor * h), 1e-6, one_sided=True
        )
    yield Case("its samples: largest error of the mean", moments(model, x), 0.0, 0.15)


def chain(n: int, length: int) -> Tensor:
    """Draw stationary chains of the tokens 1 and 2 that change with probability .1 and .3, [n, length]."""
    state = (torch.rand(n) < 0.25).long()
    states = [state]
    for _ in range(length - 1):
        state = (torch.rand(n) < torch.tensor([0.1, 0.7])[state]).long()
        states.append(state)
    return 1 + torch.stack(states, 1)


@torch.no_grad()
def ngram() -> Iterator[Case]:
    """A Markov chain ((.9, .1), (.3, .7)) has .396528 nats = .572069 bits a symbol; p sums to 1 over all sequences."""
    spec = genzoo.DataSpec((400,), "", kind="tokens", levels=3)
    with seeded(0):
        train, fresh = chain(1000, 400), chain(1000, 400)
    for order in (2, 3):
        model = NGram(spec, NGram.Config(order=order))
        model.fit([genzoo.Batch(part) for part in train.chunk(2)])
        rates = -model.log_prob(fresh).double()
        first = -model.log_probabilities[0].exp().clamp_min(1e-9)[1:] @ model.log_probabilities[0][1:]
        found = (rates.mean().item() - first.item()) / 399
        error = rates.std().item() / math.sqrt(len(rates)) / 399
        yield Case(f"nats a symbol, n = {order}", found, 0.396528, 4 * error + 5e-4)
        yield Case(f"bits a symbol, n = {order}", found / math.log(2), 0.572069, 6 * error + 1e-3)
    tiny = NGram(spec._replace(shape=(4,)), NGram.Config(order=3))
    with seeded(1):
        tiny.fit([genzoo.Batch(torch.randint(0, 3, (9, 4)).sort(1, descending=True).values)])
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    yield Case("Σ p(x) over all sequences", tiny.log_prob(every).exp().sum().item(), 1.0, 1e-5)
    with seeded(2):
        drawn = tiny.sample(20_000)
    entropy = -tiny.log_prob(drawn).mean().item()
    p = tiny.log_prob(every)
    truth = -(p.exp() * p.clamp_min(-99)).sum().item()
    yield Case("entropy of its samples, nats", entropy, truth, 0.03)
