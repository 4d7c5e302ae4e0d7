"""Figures of the latent space against closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from genzoo_plugins.metrics.latents import gaussian_total_correlation, log_densities
from linear_vae import PPCA, linear_vae, set_optimum

from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.noise import seeded
from genzoo.protocols import Split
from genzoo.registry import registry
from genzoo.tables import results_table

CPU = torch.device("cpu")
NAMES = ("kl-per-dim", "collapsed", "mutual-information", "marginal-kl", "total-correlation", "active-units", "kl")


def at_optimum(ppca: PPCA, beta: float, n: int = 2000) -> dict[str, Any]:
    """Every figure of the latents at the optimum for β."""
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca, beta)
    return evaluate(model, Resident(Split(ppca.x[:n].float()), CPU), find_metrics(registry(), NAMES))


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0, 10.0])
def test_what_beta_leaves_of_the_latents(ppca: PPCA, beta: float) -> None:
    found = at_optimum(ppca, beta)
    expected = ppca.kl(beta)  # falling, as the eigenvalues are
    kept = int((expected > 0).sum())
    assert kept == {1.0: 3, 2.0: 3, 4.0: 2, 10.0: 0}[beta]
    assert found["details"]["kl_per_dim"]["sorted"] == pytest.approx(expected.tolist(), abs=1e-5)
    assert found["kl_per_dim"] == pytest.approx(expected.max().item(), abs=1e-5)
    assert found["collapsed"] == pytest.approx((3 - kept) / 3)
    assert found["active_units"] == kept


def test_at_the_optimum_the_codes_fill_the_prior(ppca: PPCA) -> None:
    found = at_optimum(ppca, 1.0)
    assert found["kl"] == pytest.approx(ppca.kl().sum().item(), abs=1e-4)
    assert found["mutual_information"] == pytest.approx(found["kl"], abs=0.05)
    assert 0.0 <= found["marginal_kl"] < 0.05  # from 2,000 examples; 0 from all there could be
    assert 0.0 <= found["total_correlation"] < 0.005
    assert found["details"]["mutual_information"] == {"n": 2000, "ln_n": math.log(2000), "note": "ln N 7.60"}


def test_few_examples_are_said_to_be_few(ppca: PPCA) -> None:
    found = at_optimum(ppca, 1.0, n=100)
    assert found["details"]["mutual_information"]["note"] == "ln N 4.61, N too small"
    assert found["mutual_information"] < math.log(100)
    table = results_table({"test": found}, find_metrics(registry(), ["mutual-information"]))
    assert "(ln N 4.61, N too small)" in table


def test_mutual_information_of_separated_posteriors_is_ln_n() -> None:
    n = 600  # more than one chunk
    mean = 10.0 * torch.arange(n, dtype=torch.float64)[:, None] * torch.ones(2, dtype=torch.float64)
    own, mixture = log_densities(mean, torch.full_like(mean, 0.25), mean + 0.1)
    assert (own - mixture).mean().item() == pytest.approx(math.log(n), abs=1e-6)


def test_mutual_information_of_equal_posteriors_is_zero() -> None:
    with seeded(0):
        z = torch.randn(600, 3, dtype=torch.float64)
    own, mixture = log_densities(torch.ones_like(z), torch.full_like(z, 2.0), z)
    torch.testing.assert_close(own, mixture, rtol=0, atol=1e-12)


def test_densities_are_those_of_torch() -> None:
    with seeded(1):
        mean, z = torch.randn(2, 40, 3, dtype=torch.float64)
        variance = torch.rand(40, 3, dtype=torch.float64) + 0.01
    own, mixture = log_densities(mean, variance, z)
    pairs = torch.distributions.Normal(mean, variance.sqrt()).log_prob(z[:, None]).sum(-1)
    torch.testing.assert_close(own, pairs.diagonal(), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(mixture, pairs.logsumexp(1) - math.log(40), rtol=1e-10, atol=1e-10)


def test_total_correlation_of_a_pair() -> None:
    pair = torch.tensor([[4.0, 1.0], [1.0, 1.0]], dtype=torch.float64)  # ρ = 0.5
    assert gaussian_total_correlation(pair) == pytest.approx(-0.5 * math.log(1 - 0.25), abs=1e-12)
    assert gaussian_total_correlation(pair) == pytest.approx(0.143841, abs=1e-6)
    assert gaussian_total_correlation(torch.tensor([3.0, 0.1, 7.0]).double().diag()) == pytest.approx(0.0, abs=1e-12)
