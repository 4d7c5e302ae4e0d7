"""Coverage of the intervals of distances, and of the null interval from real data."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.metrics.distances import ratio
from genzoo_plugins.metrics.resampling import (
    GROUPS,
    T_QUANTILE,
    group_numbers,
    jackknife,
    membership,
    null_of_real_data,
)
from genzoo_plugins.metrics.samples import percent, percent_interval
from genzoo_plugins.metrics.two_samples import (
    coverage_of_one_distribution,
    distances_to_each_group,
    mmd,
    mmd_without_each,
    prdc,
    sliced_wasserstein,
    sliced_wasserstein_without_each,
)
from torch import Tensor

from genzoo.core.noise import seeded
from genzoo.evaluation.intervals import wilson

RUNS = 60
MOST = RUNS * (0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS))
"""Misses of 95 % intervals: 5 % and 3 standard deviations."""


def normal(seed: int, *shape: int) -> Tensor:
    with seeded(seed):
        return torch.randn(*shape, dtype=torch.float64)


def pair(seed: int, shift: float, n: int = 200, dimensions: int = 3) -> tuple[Tensor, Tensor]:
    x, y = normal(seed, n, dimensions), normal(seed + 10_000, n, dimensions)
    y[:, 0] += shift
    return x, y


def test_groups_are_even_and_the_interval_is_that_of_a_mean() -> None:
    """For a mean, the jackknife over equal groups gives Student's interval of the groups' means."""
    x = normal(0, 400)
    number = group_numbers(400)
    assert number.bincount().tolist() == [20] * GROUPS
    without = torch.stack([x[number != group].mean() for group in range(GROUPS)])
    means = torch.stack([x[number == group].mean() for group in range(GROUPS)])
    half = T_QUANTILE * (means.std() / GROUPS**0.5).item()
    found = jackknife(x.mean().item(), without)
    assert found == pytest.approx((x.mean().item() - half, x.mean().item() + half), rel=1e-9)


def test_the_jackknife_removes_the_bias_of_a_squared_mean() -> None:
    missed, members = 0, membership(400)
    for seed in range(1000):
        x = normal(seed, 400) + 0.3
        found = jackknife(x.mean().item() ** 2, ((x.sum() - members.T @ x) / 380).square())
        assert found is not None
        missed += not found[0] <= 0.09 <= found[1]
    assert 20 <= missed <= 90


@pytest.mark.parametrize("shift", [0.0, pytest.param(0.7, marks=pytest.mark.long)])
def test_intervals_of_the_frechet_distance_cover(shift: float) -> None:
    """The distance of N(0, I) and N(m, I) is ‖m‖², here in percent of the trace."""
    missed = 0
    for seed in range(RUNS):
        x, y = pair(seed, shift)
        found = percent_interval(y, x)
        assert found is not None
        trace = x.T.cov().trace().item()
        missed += not found[0] <= 100 * shift**2 / trace <= found[1]
    assert missed <= MOST


@pytest.mark.long
@pytest.mark.parametrize("reference", [True, pytest.param(False, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("distance", "power"),
    [(percent, 1.0), pytest.param("sliced", 0.5, marks=pytest.mark.long)],
    ids=["frechet", "sliced"],
)
def test_one_distribution_is_in_the_null_interval(distance: object, power: float, reference: bool) -> None:
    def sliced(x: Tensor, y: Tensor) -> float:
        return sliced_wasserstein(x, y, 10)

    measure, outside = sliced if distance == "sliced" else percent, 0
    for seed in range(RUNS):
        x, y = pair(seed, 0.0, n=100)
        found = null_of_real_data(x, normal(seed + 20_000, 100, 3) if reference else None, measure, power)
        assert found is not None
        outside += not found[0] <= measure(y, x) <= found[1]
    assert 0 < outside <= MOST


def test_the_kernel_distance_without_a_group_is_that_of_the_others() -> None:
    x, y = pair(1, 0.5, n=50)
    number = group_numbers(50)
    expected = [mmd(x[number != group], y[number != group]) for group in range(GROUPS)]
    assert mmd_without_each(x, y).tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_intervals_of_the_kernel_distance_cover(shift: float) -> None:
    """In one dimension Σ C(3, m)(E xᵐ − E yᵐ)² is 3δ² + 3δ⁴ + (3δ + δ³)²."""
    truth, missed = 3 * shift**2 + 3 * shift**4 + (3 * shift + shift**3) ** 2, 0
    for seed in range(RUNS):
        x, y = pair(seed, shift, n=300, dimensions=1)
        half = T_QUANTILE * math.sqrt((GROUPS - 1) * mmd_without_each(x, y).var(correction=0).item())
        missed += abs(mmd(x, y) - truth) > half
    assert missed <= MOST


@pytest.mark.long
def test_intervals_of_the_sliced_distance_cover() -> None:
    """In one dimension there is one direction, and the distance of N(0, 1) and N(1, 1) is 1."""
    missed = 0
    for seed in range(RUNS):
        x, y = pair(seed, 1.0, dimensions=1)
        without = sliced_wasserstein_without_each(x, y, 1).square()
        found = jackknife(sliced_wasserstein(x, y, 1) ** 2, without, least=0.0)
        assert found is not None
        missed += not found[0] <= 1.0 <= found[1]
    assert missed <= MOST


@pytest.mark.parametrize("dimensions", [2, 8])
def test_coverage_of_one_distribution_is_within_its_interval(dimensions: int) -> None:
    n, outside, runs = 200, 0, 60
    low, high = wilson(coverage_of_one_distribution(n, 5), n / 3)
    for seed in range(runs):
        x, y = pair(seed, 0.0, n, dimensions)
        outside += not low <= prdc(x, y).coverage <= high
    assert outside <= 0.09 * runs


def test_the_nearest_of_all_groups_is_the_nearest() -> None:
    x, y = pair(2, 0.0, n=90)
    torch.testing.assert_close(distances_to_each_group(x, y).amin(1), torch.cdist(x, y).amin(1))
    few = distances_to_each_group(x, y[:3])
    torch.testing.assert_close(few.amin(1), torch.cdist(x, y[:3]).amin(1))
    assert ratio(torch.zeros(3), torch.ones(3)) == 0.0
    assert ratio(torch.ones(3), torch.zeros(3)) == pytest.approx(1e9)


def test_equal_or_too_few_real_data_have_no_null_interval() -> None:
    assert null_of_real_data(torch.ones(50, 2).double(), None, sliced_wasserstein, 0.5) is None
    assert null_of_real_data(normal(0, 3, 2), None, sliced_wasserstein, 0.5) is None
