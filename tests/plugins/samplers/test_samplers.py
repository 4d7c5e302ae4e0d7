"""Samplers against closed forms that their theory cases do not have."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.linear_gaussian import PPCA, linear_vae, set_optimum
from genzoo_plugins.metrics.samplers import LatentNLL
from genzoo_plugins.samplers.kde import KernelSampler
from genzoo_plugins.samplers.maf import FEWEST
from genzoo_plugins.samplers.theory import correlated, fitted, nats

import genzoo
from genzoo.core.dataset import Split
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry


@pytest.mark.parametrize("name", ["gaussian", "kde"])
def test_densities_follow_an_affine_map_of_the_codes(name: str) -> None:
    """ln p of A z + b is ln p of z − ln |det A|, whatever the scales and correlations."""
    codes, at = correlated(200), correlated(20, 1)
    matrix = torch.tensor([[3.0, 0, 1], [0, 0.5, 0], [0, 1, 2]], dtype=torch.float64)
    moved = fitted(name, codes @ matrix.T + 7).log_prob(at @ matrix.T + 7)
    expected = fitted(name, codes).log_prob(at) - math.log(abs(torch.linalg.det(matrix).item()))
    torch.testing.assert_close(moved, expected, rtol=0, atol=0.02)


def test_a_kernel_density_repeats_its_codes() -> None:
    codes = correlated(50)
    sampler = fitted("kde", codes)
    assert isinstance(sampler, KernelSampler)
    sampler.width = torch.tensor(1e-6, dtype=torch.float64)
    with genzoo.seeded(0):
        drawn = sampler.sample(400)
    nearest = torch.cdist(drawn, codes).min(1)
    assert nearest.values.max() < 1e-4
    assert len(nearest.indices.unique()) == 50


def test_constant_latents_leave_the_density_finite() -> None:
    codes = correlated(100)
    codes[:, 1] = 4.0
    for name in ("gaussian", "gmm:2", "kde"):
        assert math.isfinite(nats(fitted(name, codes), codes))


@pytest.mark.parametrize(("name", "n"), [("gmm:3", 2), ("kde", 1), ("maf:1", FEWEST - 1)])
def test_too_few_codes_are_refused(name: str, n: int) -> None:
    with pytest.raises(genzoo.UsageError) as caught:
        fitted(name, correlated(n))
    assert caught.value.hint


def test_covariances_that_take_minutes_and_gigabytes_are_refused() -> None:
    codes = torch.zeros(20, 4920, dtype=torch.float64)
    with pytest.raises(genzoo.UsageError, match=r"^3 covariances of codes of 4,920 values take 581 MB") as caught:
        fitted("gmm:3", codes)
    assert caught.value.hint == "use --sampler gaussian"


def test_codes_of_the_linear_optimum_have_the_entropy_of_the_prior(ppca: PPCA) -> None:
    """q(z) = N(0, I) there: the prior and the Gaussian sampler both cost D/2 ln 2πe nats."""
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca)
    data = Resident(Split(ppca.x.float()), torch.device("cpu"))
    found = evaluate(model, data, find_metrics(registry(), ["latent-nll", "latent-nll:gaussian"]), train=data)
    latents = model.config.latent_dim
    expected = 0.5 * latents * math.log(2 * math.pi * math.e)
    assert found["latent_nll"] == pytest.approx(expected, abs=0.1)
    assert found["latent_nll_gaussian"] == pytest.approx(expected, abs=0.1)
    assert LatentNLL(LatentNLL.Config()).needs_train is False
