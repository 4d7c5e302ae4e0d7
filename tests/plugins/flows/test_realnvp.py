"""RealNVP: inverse, log-determinant, integral, and a density that is known."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.flows.realnvp import RealNVP
from torch.autograd.functional import jacobian

import genzoo
from genzoo.core.noise import seeded
from genzoo.testing.pair import perturb
from genzoo.training.objective import Objective


def flow(size: int, **options: object) -> RealNVP:
    """An untrained flow with perturbed weights."""
    with seeded(0):
        model = RealNVP(genzoo.DataSpec((size,), "gaussian-learned"), RealNVP.Config(hidden=(16,), **options))
    objective = Objective(model, genzoo.Loss(model, None))
    perturb(objective, {name: value.clone() for name, value in objective.named_parameters()}, 0)
    return model


@pytest.mark.parametrize("options", [{}, {"act_norm": False}, {"couplings": 3, "bound": 0.5}], ids=str)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_it_inverts_and_has_the_log_determinant_of_autograd(size: int, options: dict[str, object]) -> None:
    model = flow(size, **options).double()
    x = torch.randn(4, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z, log_det = model.to_noise(x)
    torch.testing.assert_close(model.decode(z), x, rtol=1e-9, atol=1e-9)
    for i in range(4):
        slopes = jacobian(model.encode, x[i : i + 1]).view(size, size)
        torch.testing.assert_close(log_det[i], torch.linalg.slogdet(slopes)[1], rtol=1e-9, atol=1e-9)
    wanted = torch.distributions.Normal(0, 1).log_prob(z).sum(1) + log_det
    torch.testing.assert_close(model.log_prob(x), wanted, rtol=1e-6, atol=1e-6)
    single = model.float()
    torch.testing.assert_close(single.decode(single.encode(x.float())), x.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [1, 2])
@torch.no_grad()
def test_it_integrates_to_1(size: int) -> None:
    model = flow(size)
    step, line = 24 / 400, torch.linspace(-12, 12, 401)
    grid = line[:, None] if size == 1 else torch.cartesian_prod(line, line)
    assert model.log_prob(grid).double().exp().sum().item() * step**size == pytest.approx(1, abs=2e-3)


@pytest.mark.long
def test_it_learns_a_correlated_gaussian_and_is_never_above_the_truth() -> None:
    covariance = torch.tensor([[2.0, 1.2, 0.3], [1.2, 1.0, 0.1], [0.3, 0.1, 0.5]])
    truth = torch.distributions.MultivariateNormal(torch.tensor([1.0, 0.0, -2.0]), covariance)
    with seeded(0):
        train, test = truth.sample((4096,)), truth.sample((4096,))
        model = RealNVP(genzoo.DataSpec((3,), "gaussian-learned"), RealNVP.Config(couplings=4, hidden=(16,)))
        with torch.no_grad():
            model.prepare(genzoo.Batch(train))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for step in range(120):
            optimizer.zero_grad()
            (-model.log_prob(train[(step % 8) * 512 :][:512]).mean()).backward()
            optimizer.step()
    with torch.no_grad():
        gap = truth.log_prob(test) - model.log_prob(test)
        torch.testing.assert_close(model.decode(model.encode(test)), test, rtol=1e-5, atol=1e-5)
    error = gap.std().item() / math.sqrt(len(gap))
    assert -4 * error < gap.mean().item() < 0.03
