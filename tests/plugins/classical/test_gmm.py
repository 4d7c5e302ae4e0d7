"""Gaussian mixtures and kernel estimates on few or equal points, and their seeds."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.classical.gmm import GMM
from genzoo_plugins.classical.kde import KDE
from genzoo_plugins.classical.theory import fitted, three_gaussians

import genzoo
from genzoo.core.noise import seeded


def test_few_distinct_points_give_fewer_components() -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 1.0]]).repeat(20, 1)
    model = fitted(GMM, x, components=5)
    assert (model.weights > 0).sum() == 2
    assert model.log_prob(x.double()).isfinite().all()
    torch.testing.assert_close(model.sample(200).double().mean(0), x.double().mean(0), rtol=0, atol=0.5)


def test_the_fit_follows_the_seed() -> None:
    with seeded(0):
        x = three_gaussians().sample((100,)).double()
    one, other = (fitted(GMM, x, components=2) for _ in range(2))
    for name, buffer in one.named_buffers():
        torch.testing.assert_close(dict(other.named_buffers())[name], buffer, rtol=0, atol=0)


def test_images_are_mixed_on_their_first_axes() -> None:
    with seeded(0):
        x = torch.rand(60, 1, 8, 8, dtype=torch.float64)
    model = GMM(genzoo.DataSpec((1, 8, 8), "bernoulli"), GMM.Config(components=2, axes=5)).double()
    with torch.no_grad(), seeded(1):
        model.fit([genzoo.Batch(x)])
        assert model.sample(3).shape == (3, 1, 8, 8)
        each = torch.zeros(60, dtype=torch.float64)
        for weight, mean, scale in zip(model.weights, model.means, model.scales, strict=True):
            root = torch.cat([model.basis @ scale, torch.linalg.qr(model.basis, mode="complete").Q[:, 5:]
                              * model.log_noise.mul(0.5).exp()], 1)  # fmt: skip
            gauss = torch.distributions.MultivariateNormal(model.mean + model.basis @ mean, root @ root.T)
            each += weight * gauss.log_prob(x.flatten(1)).exp()
        torch.testing.assert_close(model.log_prob(x), each.log(), rtol=1e-5, atol=1e-5)


def test_a_pixel_that_was_never_lit_is_unlikely_and_not_impossible() -> None:
    with seeded(0):
        x = (torch.rand(200, 16) < 0.5).double()
        x[:, 12:] = 0
        fresh = (torch.rand(100, 16) < 0.5).double()
    nats = -fitted(GMM, x, components=4, axes=12).log_prob(fresh).mean().item()
    assert nats < 2000  # 50 millions without the shrinkage of the noise


def test_equal_examples_leave_a_kernel_of_some_width() -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 1.0]]).repeat(20, 1)
    model = fitted(KDE, x)
    assert model.log_prob(x.double()).isfinite().all()
    one = fitted(KDE, x[:1])
    assert one.sample(4).isfinite().all()


def test_unused_places_of_a_kernel_estimate_count_for_nothing() -> None:
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(0)).double()
    small, large = KDE(genzoo.DataSpec((2,), "gaussian", size=30), KDE.Config()), KDE(
        genzoo.DataSpec((2,), "gaussian", size=90), KDE.Config()
    )  # fmt: skip
    for model in (small.double(), large.double()):
        with torch.no_grad(), seeded(0):
            model.fit([genzoo.Batch(x)])
    torch.testing.assert_close(small.log_prob(x), large.log_prob(x))
    assert small.log_bandwidth.item() == pytest.approx(large.log_bandwidth.item())
