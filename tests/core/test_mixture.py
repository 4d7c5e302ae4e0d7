"""Gaussian mixtures: densities against torch, EM against scikit-learn and against a known mixture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture as Reference
from torch import Tensor
from torch.distributions import MultivariateNormal

from genzoo.core.mixture import RIDGE, GaussianMixture, climb, fit_mixture, maximise, start
from genzoo.core.noise import seeded

WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
MEANS = torch.tensor([[0.0, 0.0], [4.0, 1.0], [-3.0, 3.0]], dtype=torch.float64)
COVARIANCES = torch.tensor([[[1.0, 0.5], [0.5, 0.6]], [[0.2, 0.0], [0.0, 1.5]], [[0.7, -0.6], [-0.6, 0.8]]]).double()


@pytest.fixture(scope="module")
def known() -> GaussianMixture:
    return GaussianMixture(WEIGHTS, MEANS, COVARIANCES)


@pytest.fixture(scope="module")
def points(known: GaussianMixture) -> Tensor:
    with seeded(0):
        return known.sample(20_000)


def test_the_density_is_the_one_of_torch(known: GaussianMixture) -> None:
    x = torch.linspace(-40, 40, 26, dtype=torch.float64).view(13, 2)  # far out each term alone would underflow
    terms = [MultivariateNormal(mean, cov).log_prob(x) for mean, cov in zip(MEANS, COVARIANCES, strict=True)]
    expected = (torch.stack(terms, 1) + WEIGHTS.log()).logsumexp(1)
    torch.testing.assert_close(known.log_prob(x), expected, rtol=1e-12, atol=1e-12)


def test_samples_have_the_moments_of_the_mixture(known: GaussianMixture, points: Tensor) -> None:
    mean = WEIGHTS @ MEANS
    spread = (WEIGHTS[:, None, None] * (COVARIANCES + MEANS[:, :, None] * MEANS[:, None, :])).sum(0)
    torch.testing.assert_close(points.mean(0), mean, rtol=0, atol=0.08)  # 4 σ
    torch.testing.assert_close(points.T.cov(), spread - torch.outer(mean, mean), rtol=0, atol=0.25)


@pytest.mark.long
def test_em_finds_a_known_mixture(known: GaussianMixture, points: Tensor) -> None:
    found = fit_mixture(points, 3)
    order = torch.cdist(MEANS, found.means).argmin(1)
    assert sorted(order.tolist()) == [0, 1, 2]
    torch.testing.assert_close(found.weights[order], WEIGHTS, rtol=0, atol=0.02)
    torch.testing.assert_close(found.means[order], MEANS, rtol=0, atol=0.06)
    torch.testing.assert_close(found.covariances[order], COVARIANCES, rtol=0, atol=0.1)
    # What is fitted to a sample is likelier than what it was drawn from, by about half a nat a parameter.
    gain = (found.log_prob(points) - known.log_prob(points)).sum().item()
    assert 0 < gain < 30


def test_em_climbs_to_where_scikit_learn_does_from_the_same_start(points: Tensor) -> None:
    x = points[:1500] * torch.tensor([1.0, 3.0])
    first = maximise(x, start(x, 3, seed=1), 0.0)
    ridge = RIDGE * x.var(0, correction=0).mean().item()
    ours = climb(x, maximise(x, start(x, 3, seed=1), ridge), ridge)
    reference = Reference(
        3, tol=1e-9, max_iter=2000, reg_covar=ridge, weights_init=first.weights.numpy(), means_init=first.means.numpy(),
        precisions_init=np.linalg.inv(first.covariances.numpy()),
    ).fit(x.numpy())  # fmt: skip
    torch.testing.assert_close(
        ours.log_prob(x), torch.from_numpy(reference.score_samples(x.numpy())), rtol=0, atol=1e-3
    )
    torch.testing.assert_close(ours.weights, torch.from_numpy(reference.weights_), rtol=0, atol=1e-4)


def test_no_step_loses_likelihood(points: Tensor) -> None:
    x = points[:800]
    mixture = maximise(x, start(x, 5, seed=2), 0.0)
    likelihoods = []
    for _ in range(25):
        joint = mixture.joint(x)
        likelihoods.append(joint.logsumexp(1).mean().item())
        mixture = maximise(x, joint.softmax(1), 0.0)
    assert likelihoods == sorted(likelihoods)
    assert likelihoods[-1] > likelihoods[0] + 0.01


def test_one_component_is_the_gaussian_of_the_same_moments(points: Tensor) -> None:
    found = fit_mixture(points, 1)
    torch.testing.assert_close(found.means[0], points.mean(0))
    torch.testing.assert_close(found.covariances[0], points.T.cov(correction=0), rtol=1e-5, atol=1e-5)


def test_shrinkage_adds_points_that_are_spread_alike_in_all_directions(points: Tensor) -> None:
    x, imagined = points[:50], 0.1 * 2
    gap = x - x.mean(0)
    within = gap.square().mean()
    found = maximise(x, torch.ones(50, 1, dtype=torch.float64), 0.0, 0.1)
    expected = (gap.T @ gap + imagined * within * torch.eye(2)) / (50 + imagined)
    torch.testing.assert_close(found.covariances[0], expected)


def test_few_points_for_their_dimensions_leave_new_ones_likely() -> None:
    """Five distant clusters N(μ, I) of 30 points each, in 25 dimensions: −ln p is ½D ln 2πe + ln 5."""
    with seeded(0):
        centres = 10 * torch.randn(5, 25, dtype=torch.float64)
        x, fresh = (centres[torch.arange(n) % 5] + torch.randn(n, 25, dtype=torch.float64) for n in (150, 500))
    entropy = 12.5 * np.log(2 * np.pi * np.e) + np.log(5)
    gap = -fit_mixture(x, 5).log_prob(fresh).mean().item() - entropy
    assert 0 < gap < 30  # nats; 582 without shrinkage


def clusters(seed: int, n: int = 400, components: int = 6) -> tuple[Tensor, Tensor]:
    """Points of well separated clusters of deviation 1, and their centres."""
    with seeded(seed):
        centres = 40 * torch.rand(components, 2, dtype=torch.float64)
        while torch.pdist(centres).min() < 8:
            centres = 40 * torch.rand(components, 2, dtype=torch.float64)
        return centres[torch.arange(n) % components] + torch.randn(n, 2, dtype=torch.float64), centres


@pytest.mark.long
def test_several_starts_find_every_cluster_where_one_is_stuck_now_and_then() -> None:
    stuck = 0
    for seed in range(8):
        x, centres = clusters(seed)
        best, single = fit_mixture(x, 6), climb(x, maximise(x, start(x, 6, 0), 1e-6), 1e-6)
        assert torch.cdist(centres, best.means).amin(1).max() < 1.0
        stuck += int(torch.cdist(centres, single.means).amin(1).max() > 1.0)
    assert 0 < stuck < 8


def test_fewer_distinct_points_than_components_get_a_component_each() -> None:
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 5.0]]).repeat(20, 1)
    found = fit_mixture(x, 10)
    assert found.weights.tolist() == pytest.approx([1 / 3] * 3)
    assert sorted(found.means.round(decimals=6).tolist()) == [[0.0, 0.0], [1.0, 0.0], [5.0, 5.0]]


@pytest.mark.parametrize("value", [0.0, 1.0, 1e6, 1e-6])
def test_equal_points_are_sampled_again(value: float) -> None:
    found = fit_mixture(torch.full((30, 3), value), 4)
    with seeded(0):
        torch.testing.assert_close(found.sample(20), torch.full((20, 3), value).double(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("components", [1, 3])
def test_fewer_points_than_dimensions_leave_a_density(components: int) -> None:
    with seeded(0):
        x = torch.randn(6, 20, dtype=torch.float64)
        found = fit_mixture(x, components)
        assert torch.isfinite(found.log_prob(x)).all()
        assert torch.isfinite(found.sample(50)).all()


@pytest.mark.long
def test_the_seed_decides(points: Tensor) -> None:
    one, again, other = (fit_mixture(points[:200], 6, seed) for seed in (0, 0, 5))
    assert torch.equal(one.means, again.means)
    assert not torch.equal(one.means, other.means)


def test_dead_dimensions_and_equal_points_leave_a_density() -> None:
    """Latents that say nothing and fewer distinct points than components: singular covariances without the ridge."""
    x = torch.zeros(60, 3, dtype=torch.float64)
    x[:20, 0] = 1.0
    for components in (1, 2, 5):
        found = fit_mixture(x, components)
        assert torch.isfinite(found.log_prob(x)).all()
        with seeded(0):
            assert torch.isfinite(found.sample(50)).all()
