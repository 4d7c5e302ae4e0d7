"""Closed forms of the maximum mean discrepancy, and what the losses that use it are equal to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.core.theory import Case
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.mmd.mmd import KERNELS, MMD, squared_mmd
from genzoo_plugins.mmd.wae import WAE
from genzoo_plugins.vae.vae import VAE

DIM, ROWS, BATCHES = 2, 8, 4000
SCALE = 2.0 * DIM
POINTS = 2000
SPEC = genzoo.DataSpec((3,), "gaussian", size=256)


def expected_gaussian(distance: float, variance: float, scale: float) -> float:
    """Return E exp(−|d|²/scale) for d ~ N(m, variance·I) of `DIM` axes with |m| = distance."""
    width = scale + 2 * variance
    return math.pow(scale / width, DIM / 2) * math.exp(-(distance**2) / width)


def expected_imq(distance: float, variance: float, scale: float) -> float:
    """Return E 1/(1 + |d|²/scale) = ∫₀¹ E exp(ln u·|d|²/scale) du, by the midpoint rule."""
    points = [(i + 0.5) / POINTS for i in range(POINTS)]
    return math.fsum(expected_gaussian(distance, variance, -scale / math.log(u)) for u in points) / POINTS


def exact(expected: Callable[[float, float, float], float], distance: float, variance: float) -> float:
    """Return MMD² between N(m, variance·I) with |m| = distance and N(0, I)."""
    within = expected(0, 2 * variance, SCALE) + expected(0, 2, SCALE)
    return within - 2 * expected(distance, 1 + variance, SCALE)


def mmd() -> Iterator[Case]:
    """The estimate's mean is MMD² of two Gaussians, and 0 if they are one; it has no bias in a batch of 8."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(2, BATCHES, ROWS, DIM, generator=generator, dtype=torch.float64)
    for name, expected in (("gaussian", expected_gaussian), ("imq", expected_imq)):
        estimate = torch.func.vmap(lambda x, y, kernel=KERNELS[name]: squared_mmd(x, y, kernel, SCALE))
        for distance, variance in ((0.0, 1.0), (1.5, 1.0), (0.0, 0.0), (0.5, 0.25)):
            shift = torch.tensor([distance] + [0.0] * (DIM - 1))
            found = estimate(variance**0.5 * drawn[0] + shift, drawn[1])
            what = f"{name}: mean MMD² of N({distance:g}, {variance:g}) and N(0, 1) in batches of {ROWS}"
            error = found.std().item() / BATCHES**0.5
            yield Case(what, found.mean().item(), exact(expected, distance, variance), 4 * error)
    one = torch.ones(1, DIM)
    yield Case("MMD² of a batch of one", squared_mmd(one, one, KERNELS["imq"], SCALE).item(), 0, 0)
    yield from info_vae()


def terms_of(loss_class: type[genzoo.Loss], model: genzoo.Model, x: Tensor, **options: Any) -> dict[str, float]:
    """Return the terms of a loss on x, with noise of one seed."""
    loss: Any = loss_class(model, loss_class.Config(**options))
    with seeded(0), torch.no_grad():
        terms = loss.eval()(model, genzoo.Batch(x), torch.tensor(0))
    return {name: term.item() for name, term in terms.items()}


def info_vae() -> Iterator[Case]:
    """The objective is linear in its weights: the ELBO at α = 0, λ = 1; no KL at α = 1."""
    with seeded(1):
        model, x = VAE(SPEC, VAE.Config(latent_dim=2, hidden=(8,))), torch.randn(32, 3)
    elbo = terms_of(ELBO, model, x)
    own = terms_of(MMD, model, x, alpha=0.0, lam=1.0)
    yield Case("α = 0, λ = 1: the negative ELBO", own["loss"], elbo["loss"], 1e-5)
    for alpha, lam in ((1.0, 10.0), (0.5, 3.0), (-1.0, 5.0)):
        truth = own["reconstruction"] + (1 - alpha) * own["kl"] + (alpha + lam - 1) * own["mmd"]
        yield Case(f"α = {alpha:g}, λ = {lam:g}", terms_of(MMD, model, x, alpha=alpha, lam=lam)["loss"], truth, 1e-4)


def wae() -> Iterator[Case]:
    """A linear model of two Gaussian factors, trained: the codes have mean 0 and covariance I."""
    mixing = torch.tensor([[2.0, 0.0], [0.0, 0.5], [1.0, 0.5]])
    with seeded(0):
        model = WAE(SPEC, WAE.Config(latent_dim=2, hidden=()))
        loss: Any = MMD(model, MMD.Config(alpha=1.0, lam=200.0))
        factors = torch.randn(20000, 2)
        x = factors @ mixing.T + torch.tensor([1.0, -1.0, 0.0])
        optimizer: genzoo.Optimizer = genzoo.make_part("optimizer", "adam", list(model.parameters()), 0.03, 0.0, ())
        for step in range(300):
            rows = torch.randint(len(x), (128,))
            optimizer.zero_grad()
            loss(model, genzoo.Batch(x[rows]), torch.tensor(step))["loss"].backward()
            optimizer.lr = 0.03 * (1 - step / 300)
            optimizer.step()
    with torch.no_grad():
        codes = model.encode(x)
        error = (model.decode(codes) - x).square().sum(1).mean().item()
    yield Case("largest mean of the codes", codes.mean(0).abs().max().item(), 0, 0.1)
    away = (torch.cov(codes.T) - torch.eye(2)).abs().max().item()
    yield Case("codes: largest distance of the covariance from I", away, 0, 0.15)
    yield Case("squared error of two factors by two codes", error, 0, 0.02)
