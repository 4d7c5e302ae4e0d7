"""Theory of probabilistic PCA: its maximum of the likelihood, and the exact posterior."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins import linear_gaussian as linear
from genzoo_plugins.classical.ppca import PPCA


@torch.no_grad()
def ppca() -> Iterator[Case]:
    """Tipping & Bishop 1999: σ² is the mean of the eigenvalues left out, and the posterior is exact."""
    truth = linear.make_ppca()
    spec = genzoo.DataSpec((linear.D,), "gaussian-learned")
    model = PPCA(spec, PPCA.Config(latent_dim=linear.Q)).double()
    model.fit([genzoo.Batch(part) for part in truth.x.chunk(7)])
    yield Case("σ²: mean of the eigenvalues left out", model.log_noise.exp().item(), truth.variance, 1e-9)
    found = model.log_prob(truth.x)
    yield Case("mean ln p(x) at the maximum, nats", found.mean().item(), truth.log_likelihood, 1e-9)
    yield Case.largest("ln p(x): ln N(x; m, WWᵀ + σ²), nats", found, truth.marginal.log_prob(truth.x), 1e-8)
    with genzoo.seeded(1):
        q, p, z, px = model.infer(genzoo.Batch(truth.x), 5)
    assert p is not None
    weights = px.log_prob(truth.x) + p.log_prob(z) - q.log_prob(z)
    yield Case.largest("ln p(x, z) − ln q(z|x) for any z: ln p(x), nats", weights, found, 1e-8)
    rotated = truth.vectors[:, : linear.Q] * (1 - truth.variance / truth.values[: linear.Q])
    wanted = truth.mean + (truth.x - truth.mean) @ truth.vectors[:, : linear.Q] @ rotated.T
    yield Case.largest("reconstruction: m + U(I − σ²/Λ)Uᵀ(x − m)", model.reconstruct(truth.x), wanted, 1e-8)
