"""Principal axes, and baselines of data that are wide or large."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from genzoo.core.dataset import Split
from genzoo.data.resident import Resident
from genzoo.evaluation import baselines
from genzoo.evaluation.baselines import independent_levels_nll, neighbour_distances, pca_errors, pca_mse
from genzoo.evaluation.pca import axes_of_covariance, axes_of_points, spanned
from genzoo.figures import latent_space
from genzoo.figures.latent_space import principal_axes

CPU = torch.device("cpu")


def points(n: int, size: int, seed: int = 0) -> Tensor:
    """Points whose variance falls from dimension to dimension."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, size, generator=generator, dtype=torch.float64) * 0.9 ** torch.arange(size)


@pytest.mark.parametrize(("n", "size", "most"), [(5, 40, 2), (30, 31, 10), (40, 300, 40)])
def test_the_axes_of_points_are_those_of_their_covariance(n: int, size: int, most: int) -> None:
    x = points(n, size)
    x = x - x.mean(0)
    variances, axes = axes_of_points(x, most)
    expected, others = axes_of_covariance(x.T.cov(correction=0), most)
    torch.testing.assert_close(variances[-most:][1:], expected[-most:][1:], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(axes.T @ axes, torch.eye(most, dtype=torch.float64))
    same = (axes * others).sum(0).abs()[1:]  # centred points span one dimension less than there are points
    torch.testing.assert_close(same, torch.ones_like(same), rtol=0, atol=1e-6)


def test_points_without_variance_have_axes_too() -> None:
    variances, axes = axes_of_points(torch.zeros(4, 9, dtype=torch.float64), 2)
    torch.testing.assert_close(axes.T @ axes, torch.eye(2, dtype=torch.float64))
    assert spanned(variances) == 0


@pytest.mark.parametrize(("n", "size", "components"), [(20, 60, 3), (20, 60, 19), (20, 60, 50), (60, 20, 5)])
def test_pca_is_that_of_the_singular_vectors(n: int, size: int, components: int) -> None:
    train, test = points(n, size).float(), points(15, size, seed=1).float()
    centre = train.double().mean(0)
    axes = np.linalg.svd((train.double() - centre).numpy(), full_matrices=False)[2][: min(components, n - 1)]
    gap = test.double() - centre
    rest = gap - gap @ torch.from_numpy(axes.T @ axes)
    found = pca_mse(Resident(Split(train), CPU), Resident(Split(test), CPU), components)
    assert found == pytest.approx(rest.square().mean().item(), rel=1e-6)


def test_pca_of_equal_examples_is_their_mean() -> None:
    train = Resident(Split(torch.ones(3, 10)), CPU)
    errors = pca_errors(train, Resident(Split(torch.zeros(2, 10)), CPU), 2)
    assert errors is not None
    assert errors.tolist() == [1, 1]


@pytest.mark.parametrize("n", [1, 2, 25])
def test_axes_of_wide_points_take_no_covariance(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 dimensions: their covariance would take 3.2 GB."""
    monkeypatch.setattr(latent_space, "axes_of_covariance", lambda *_: pytest.fail("a covariance was formed"))
    found = principal_axes(points(n, 20_000))
    assert found.vectors.shape == (20_000, 2)
    assert sum(found.share) <= 1 + 1e-9


def test_axes_of_many_wide_points_are_fitted_to_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_space, "FITTED", 64)
    x = points(300, 100) * (1 + 9 * (torch.arange(100) == 0))
    found = principal_axes(x)
    expected = axes_of_covariance(x.T.cov(correction=0), 2)[1][:, -1]
    assert abs(float(found.vectors[:, 0] @ expected)) > 0.9


@pytest.mark.parametrize("budget", [1, 1 << 11, 1 << 16])
def test_baselines_in_small_pieces_are_the_same(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (70, 1, 5, 5), dtype=torch.uint8, generator=generator)
    train, test = (Resident(Split(part), CPU) for part in (x[:50], x[50:]))
    names = (lambda: pca_mse(train, test, 3), lambda: independent_levels_nll(train, test))
    whole = [baseline() for baseline in names]
    distances = neighbour_distances(train, test, 4)
    near = torch.cdist(x[50:].flatten(1).double() / 255, x[:50].flatten(1).double() / 255).topk(4, largest=False)
    torch.testing.assert_close(distances, near.values.mean(1), rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(baselines, "BASELINE_BYTES", budget)
    assert [baseline() for baseline in names] == pytest.approx(whole, rel=1e-9)
    torch.testing.assert_close(neighbour_distances(train, test, 4), distances, rtol=1e-5, atol=1e-6)
    assert math.isfinite(sum(filter(None, whole)))
