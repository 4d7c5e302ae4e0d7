"""Distances between samples against their closed forms."""

from __future__ import annotations

import math

import pytest
import scipy.linalg
import torch
from genzoo_plugins.metrics.two_samples import (
    frechet,
    kid,
    mmd,
    moments,
    prdc,
    sliced_wasserstein,
)
from torch import Tensor

from genzoo.core.noise import seeded

D = 8
EYE = torch.eye(D, dtype=torch.float64)
ZERO = torch.zeros(D, dtype=torch.float64)


def normal(seed: int, *shape: int) -> Tensor:
    with seeded(seed):
        return torch.randn(*shape, dtype=torch.float64)


def gaussian(seed: int) -> tuple[Tensor, Tensor]:
    """Return a random mean and a random, ill-conditioned covariance."""
    factor = normal(seed, D, D)
    return normal(seed + 100, D), factor @ factor.T


def test_frechet_of_a_set_with_itself_is_zero() -> None:
    one = moments(normal(0, 500, 64) @ normal(1, 64, 64))
    assert frechet(one, one) < 1e-8 * one[1].trace().item()
    few = moments(normal(0, 20, 64))  # a singular covariance
    assert frechet(few, few) < 1e-8 * few[1].trace().item()


def test_frechet_in_closed_form() -> None:
    mean = normal(2, D)
    assert frechet((ZERO, EYE), (mean, EYE)) == pytest.approx(mean.square().sum().item(), rel=1e-12)
    assert frechet((ZERO, EYE), (ZERO, 4 * EYE)) == pytest.approx(D, rel=1e-12)
    scales, others = normal(3, D).square(), normal(4, D).square()
    commuting = (scales.sqrt() - others.sqrt()).square().sum().item()
    assert frechet((ZERO, scales.diag()), (ZERO, others.diag())) == pytest.approx(commuting, rel=1e-10)


def test_frechet_is_symmetric_invariant_and_equals_the_matrix_root_formula() -> None:
    one, other = gaussian(5), gaussian(6)
    distance = frechet(one, other)
    root = scipy.linalg.sqrtm((one[1] @ other[1]).numpy()).real.trace()
    gap = (one[0] - other[0]).square().sum().item()
    assert distance == pytest.approx(gap + one[1].trace().item() + other[1].trace().item() - 2 * root, rel=1e-6)
    assert frechet(other, one) == pytest.approx(distance, rel=1e-9)
    axes = torch.linalg.qr(normal(7, D, D)).Q
    turned = [(axes @ mean, axes @ covariance @ axes.T) for mean, covariance in (one, other)]
    assert frechet(turned[0], turned[1]) == pytest.approx(distance, rel=1e-9)


def test_frechet_of_samples_approaches_that_of_their_distributions() -> None:
    x, y = normal(8, 100_000, D), 2 * normal(9, 100_000, D)
    assert frechet(moments(x), moments(y)) == pytest.approx(D, rel=0.01)


def test_mmd_equals_its_unbiased_estimate_from_moments() -> None:
    """In one dimension (xy + 1)³ = Σ C(3, m) xᵐyᵐ, so the estimate is a function of power sums."""
    x, y = normal(10, 50), normal(11, 70) + 1

    def within(z: Tensor, m: int) -> float:
        pairs = (z**m).sum() ** 2 - (z ** (2 * m)).sum()
        return (pairs / (len(z) * (len(z) - 1))).item()

    expected = sum(
        math.comb(3, m) * (within(x, m) + within(y, m) - 2 * ((x**m).mean() * (y**m).mean()).item()) for m in range(4)
    )
    assert mmd(x[:, None], y[:, None]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.long
def test_kid_of_shifted_normals_is_22() -> None:
    """Σ C(3, m) (E xᵐ − E yᵐ)² = 3·1² + 3·1² + 1·4² for N(0, 1) and N(1, 1)."""
    x, y = normal(12, 40_000, 1), normal(13, 40_000, 1) + 1
    assert kid(x, y, subsets=40).mean().item() == pytest.approx(22.0, abs=2.5)  # s.d. of one subset: 3.6
    assert kid(x, normal(14, 40_000, 1), subsets=20).mean().item() == pytest.approx(0.0, abs=0.1)
    assert kid(x[:900], y[:900]).tolist() == [mmd(x[:900], y[:900])]


def test_prdc_of_one_distribution() -> None:
    found = prdc(normal(15, 2000, 8), normal(16, 2000, 8))
    expected = 1 - math.prod((2000 - i) / (4000 - i) for i in range(1, 6))
    assert expected == pytest.approx(0.9689, abs=1e-4)
    assert found.coverage == pytest.approx(expected, abs=0.015)
    assert found.density == pytest.approx(1.0, abs=0.05)
    assert found.precision == pytest.approx(0.95, abs=0.02)
    assert found.recall == pytest.approx(0.95, abs=0.02)


def test_prdc_of_equal_and_of_distant_sets() -> None:
    x = normal(17, 1100, 4)  # more than one chunk
    same = prdc(x, x.clone())
    assert (same.precision, same.recall, same.coverage) == (1.0, 1.0, 1.0)
    assert same.density == pytest.approx(1.0, abs=0.25)
    assert prdc(x, x + 100) == (0.0, 0.0, 0.0, 0.0)


def test_prdc_of_samples_from_one_mode_of_two() -> None:
    real, fake = normal(18, 1000, 2), normal(19, 1000, 2)
    real[500:] += 100
    found = prdc(real, fake)
    assert found.precision > 0.98
    assert found.recall == pytest.approx(0.5, abs=0.02)
    assert found.coverage == pytest.approx(0.5, abs=0.02)


def test_prdc_does_not_count_a_point_as_its_own_neighbour() -> None:
    """On a line of integers with k = 2, the point 0.9 is in the balls of 0 and 1."""
    line = torch.arange(5.0, dtype=torch.float64)[:, None]
    found = prdc(line, torch.tensor([[0.9], [50.0], [60.0], [70.0]], dtype=torch.float64), k=2)
    # The radii are 2, 1, 1, 1, 2. The balls of 0 and 1 contain 0.9; that of 2 does not: the distance is 1.1.
    assert found.density == pytest.approx(2 / (2 * 4))
    assert found.precision == 0.25
    assert found.coverage == pytest.approx(2 / 5)


@pytest.mark.long
def test_sliced_wasserstein() -> None:
    x, y = normal(20, 4000, 5), normal(21, 4000, 5)
    assert sliced_wasserstein(x, 2 * y) == pytest.approx(1.0, abs=0.05)
    shift = torch.tensor([3.0, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    assert sliced_wasserstein(x, x + shift) == pytest.approx(3 / math.sqrt(5), rel=0.06)  # 4 s.e. of 1,000 directions
    same = sliced_wasserstein(x, x[torch.arange(4000).flip(0)])
    assert same == pytest.approx(0.0, abs=1e-15)  # a matrix product can round rows by position


def test_the_ball_of_equal_points_is_the_point_itself() -> None:
    """Balls of radius 0 contain the points that equal their centre, with a total weight of about k."""
    one = torch.ones(30, 3, dtype=torch.float64)
    assert prdc(one, one) == pytest.approx((1.0, 1.0, 30 / 29, 1.0))
    assert prdc(one, one + 1) == (0.0, 0.0, 0.0, 0.0)
    with seeded(22):
        coins = [(torch.rand(400, 2) < 0.5).double() for _ in range(2)]
    found = prdc(*coins)
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)
    assert found.density == pytest.approx(1.0, abs=0.2)
    assert prdc(coins[0], 3 * coins[1] - 1).coverage == 0.0
    collapsed = prdc(normal(23, 200, 2), normal(24, 1, 2).repeat(200, 1))
    assert collapsed.coverage < 0.1


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_points_far_from_zero_have_the_same_neighbours(shift: float) -> None:
    x, y = normal(25, 300, 3), normal(26, 300, 3)
    assert prdc(x + shift, y + shift) == pytest.approx(prdc(x, y), abs=1e-9)


def test_the_order_of_points_does_not_matter() -> None:
    x, y = normal(27, 300, 3), normal(28, 300, 3)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    assert sliced_wasserstein(x[order], y) == pytest.approx(sliced_wasserstein(x, y), rel=1e-12)
    assert prdc(x[order], y[order.flip(0)]) == prdc(x, y)
    assert mmd(x[order], y) == pytest.approx(mmd(x, y), rel=1e-9)
