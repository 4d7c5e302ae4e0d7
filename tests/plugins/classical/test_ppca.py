"""Probabilistic PCA against its closed forms, scikit-learn and autograd."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.classical.ppca import PPCA
from sklearn.decomposition import PCA

import genzoo
from genzoo.core.noise import seeded

SIZE, LATENTS, COUNT = 7, 3, 400


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    with seeded(0):
        mixed = torch.randn(COUNT, SIZE, dtype=torch.float64) @ torch.randn(SIZE, SIZE, dtype=torch.float64)
    return mixed + torch.arange(SIZE)


def fitted(x: torch.Tensor, latents: int = LATENTS, parts: int = 1) -> PPCA:
    model = PPCA(genzoo.DataSpec(tuple(x.shape[1:]), "gaussian-learned"), PPCA.Config(latent_dim=latents)).double()
    with torch.no_grad():
        model.fit([genzoo.Batch(part) for part in x.chunk(parts)])
    return model


def test_the_density_is_that_of_the_gaussian_with_this_covariance(x: torch.Tensor) -> None:
    model = fitted(x)
    covariance = model.weight @ model.weight.T + model.log_noise.exp() * torch.eye(SIZE, dtype=torch.float64)
    wanted = torch.distributions.MultivariateNormal(model.mean, covariance).log_prob(x)
    torch.testing.assert_close(model.log_prob(x), wanted, rtol=1e-6, atol=1e-6)


def test_it_equals_scikit_learn(x: torch.Tensor) -> None:
    """Which divides the covariance by N − 1."""
    model, reference = fitted(x), PCA(LATENTS, svd_solver="full").fit(x.numpy())
    factor = COUNT / (COUNT - 1)
    model.variances.mul_(factor)
    model.log_noise.add_(math.log(factor))
    torch.testing.assert_close(
        model.log_prob(x), torch.from_numpy(reference.score_samples(x.numpy())), rtol=1e-6, atol=1e-6
    )
    assert model.log_prob(x).mean().item() == pytest.approx(reference.score(x.numpy()), rel=1e-7)


def test_it_is_the_maximum_of_the_likelihood(x: torch.Tensor) -> None:
    model = fitted(x)
    for name in ("mean", "axes", "variances", "log_noise"):
        value = getattr(model, name).clone()
        before = model.log_prob(x).mean().item()
        with seeded(2):
            change = torch.randn_like(value)
        for step in (1e-3, -1e-3):
            moved = value + step * change
            getattr(model, name).copy_(torch.linalg.qr(moved).Q * torch.sign(torch.linalg.qr(moved).R.diagonal())
                                       if name == "axes" else moved)  # fmt: skip
            assert model.log_prob(x).mean().item() < before
        getattr(model, name).copy_(value)


def test_the_data_may_come_in_parts_and_as_images(x: torch.Tensor) -> None:
    one, parts = fitted(x), fitted(x, parts=7)
    torch.testing.assert_close(parts.log_prob(x), one.log_prob(x), rtol=1e-6, atol=1e-6)
    images = x[:, :6].view(-1, 1, 2, 3)
    model = fitted(images)
    torch.testing.assert_close(model.log_prob(images), fitted(x[:, :6]).log_prob(x[:, :6]), rtol=1e-6, atol=1e-6)
    assert model.reconstruct(images).shape == images.shape
    assert model.sample(5).shape == (5, 1, 2, 3)


def test_data_on_a_line_or_at_a_point_stay_finite() -> None:
    line = torch.arange(20.0, dtype=torch.float64)[:, None] * torch.ones(1, 4, dtype=torch.float64)
    for data in (line, torch.ones(20, 4, dtype=torch.float64)):
        model = fitted(data, latents=2)
        assert model.log_prob(data).isfinite().all()
        assert model.sample(3).isfinite().all()


def test_latents_are_fewer_than_dimensions(x: torch.Tensor) -> None:
    assert len(fitted(x, latents=50).variances) == SIZE - 1
    with pytest.raises(genzoo.UsageError, match="from 2 to 4,096 dimensions; these have 1"):
        fitted(x[:, :1])
