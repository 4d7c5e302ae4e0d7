"""Metrics of the latent space against closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from genzoo_plugins.linear_gaussian import PPCA, linear_vae, set_optimum
from genzoo_plugins.metrics.latents import MarginalKL, MutualInformation, TotalCorrelation, log_densities
from genzoo_plugins.metrics.total_correlation import (
    gaussian_total_correlation,
    null_total_correlation,
    total_correlation_interval,
)

from genzoo.core.dataset import Split
from genzoo.core.noise import seeded
from genzoo.core.options import NoOptions
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.reporting.format import results_table

CPU = torch.device("cpu")
NAMES = ("kl-per-dim", "collapsed", "mutual-information", "marginal-kl", "total-correlation", "active-units", "kl")


def at_optimum(ppca: PPCA, beta: float, n: int = 2000) -> dict[str, Any]:
    """Return every metric of the latents at the optimum for β."""
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca, beta)
    return evaluate(model, Resident(Split(ppca.x[:n].float()), CPU), find_metrics(registry(), NAMES))


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0, 10.0])
def test_a_larger_beta_collapses_more_latents(ppca: PPCA, beta: float) -> None:
    found = at_optimum(ppca, beta)
    expected = ppca.kl(beta)  # descending, as the eigenvalues are
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
    assert 0.0 <= found["marginal_kl"] < 0.05  # from 2,000 examples; the limit is 0
    assert 0.0 <= found["total_correlation"] < 0.005
    details = found["details"]["mutual_information"]
    assert (details["n"], details["ln_n"], details["bound"]) == (2000, math.log(2000), None)
    assert details["note"].startswith("ln N 7.60, 95 % ")
    low, high = details["interval_95"]
    assert low < ppca.kl().sum().item() < high
    low, high = found["details"]["marginal_kl"]["interval_95"]
    assert low < 0.0 < high
    assert found["total_correlation"] < found["details"]["total_correlation"]["null_95"][1] * 2


def test_few_examples_are_reported_as_too_few(ppca: PPCA) -> None:
    found = at_optimum(ppca, 1.0, n=100)
    details = found["details"]
    assert details["mutual_information"]["note"] == "ln N 4.61, N too small, a lower bound"  # exp(I) is 11 of 100
    assert details["marginal_kl"]["note"] == "ln N 4.61, N too small, an upper bound"
    assert details["mutual_information"]["interval_95"] is None
    assert found["mutual_information"] < math.log(100)
    table = results_table({"test": found}, find_metrics(registry(), ["mutual-information"]))
    assert "(ln N 4.61, N too small, a lower bound)" in table


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


def test_densities_equal_those_of_torch() -> None:
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


def test_intervals_of_mutual_information_cover() -> None:
    """z = √(1 − v) x + √v ε with x and ε standard normal: I(x; z) is −½ ln v, and q(z) is the prior."""
    runs, n, variance = 150, 300, 0.2
    missed = [0, 0]
    for seed in range(runs):
        with seeded(seed):
            x, noise = torch.randn(2, n, 1, dtype=torch.float64)
        mean = (1 - variance) ** 0.5 * x
        z = mean + variance**0.5 * noise
        prior = -0.5 * (z.square().sum(1) + math.log(2 * math.pi))
        spread = torch.full_like(mean, variance)
        for number, (kind, truth) in enumerate(((MutualInformation, -0.5 * math.log(variance)), (MarginalKL, 0.0))):
            metric = kind(NoOptions())
            metric.chosen = torch.arange(n)
            metric.summarise(torch.cat([mean, spread, z, prior[:, None]], 1))
            low, high = metric.interval()
            missed[number] += not low <= truth <= high
    assert max(missed) <= 0.09 * runs


@pytest.mark.long
@pytest.mark.parametrize(
    ("rho", "latents"),
    [pytest.param(0.0, 2, marks=pytest.mark.long), pytest.param(0.0, 6, marks=pytest.mark.long), (0.5, 2)],
)
def test_the_null_and_the_interval_of_the_total_correlation(rho: float, latents: int) -> None:
    runs, n, truth = 200, 200, -0.5 * math.log(1 - rho**2)
    missed = exceeded = 0
    for seed in range(runs):
        with seeded(seed):
            z = torch.randn(n, latents, dtype=torch.float64)
        z[:, 1] = rho * z[:, 0] + (1 - rho**2) ** 0.5 * z[:, 1]
        interval, null = total_correlation_interval(z), null_total_correlation(n, latents)
        assert interval is not None
        assert null is not None
        missed += not interval[0] <= truth + 1e-12 <= interval[1] + 1e-11
        exceeded += not null[0] <= gaussian_total_correlation(torch.atleast_2d(z.T.cov())) <= null[1]
    assert missed <= 0.09 * runs
    assert 0.02 * runs <= exceeded <= 0.09 * runs if rho == 0 else exceeded == runs


def test_constant_latents_are_left_out_and_functions_of_others_are_refused() -> None:
    with seeded(0):
        z = torch.randn(100, 3, dtype=torch.float64)
    dead = torch.cat([z, torch.ones(100, 1)], 1)
    assert gaussian_total_correlation(dead.T.cov()) == pytest.approx(gaussian_total_correlation(z.T.cov()), abs=1e-12)
    metric = TotalCorrelation(NoOptions())
    metric.chosen = torch.arange(100)
    twice = torch.cat([z, z[:, :1]], 1)
    values = torch.cat([twice, torch.ones_like(twice), twice, torch.zeros(100, 1)], 1)
    assert metric.why_not_available(values) == "a latent is a function of others"
    metric.chosen = torch.arange(4)
    assert metric.why_not_available(values) == "needs more than 4 examples"
