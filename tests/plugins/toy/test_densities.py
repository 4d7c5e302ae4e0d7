"""The densities of generated data integrate to 1, and samples follow them."""

from __future__ import annotations

import math

import pytest
import torch
from registered_data import dataset, load
from torch import Tensor

from genzoo.core.dataset import KnownDensity
from genzoo.core.errors import UsageError

PLANE = ["rings", "pinwheel"]
KNOWN = ["quadratic", *PLANE]
ENTROPY = {"quadratic": 1.5 * math.log(2 * math.pi * math.e) + math.log(0.1)}


def grid(half: float, n: int) -> tuple[Tensor, float]:
    """Return the centres of n × n cells of the square from −half to half, [n², 2] float64, and the area of a cell."""
    line = half * ((torch.arange(n, dtype=torch.float64) + 0.5) * 2 / n - 1)
    return torch.cartesian_prod(line, line), (2 * half / n) ** 2


@pytest.mark.every(3)
@pytest.mark.parametrize("noise", [0.05, 0.3])
@pytest.mark.parametrize("name", PLANE)
def test_2d_densities_integrate_to_1(name: str, noise: float) -> None:
    points, area = grid(4.5, 1200)
    assert dataset(name, noise=noise).log_density(points).exp().sum().item() * area == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_the_density_of_quadratic_integrates_to_1(noise: float) -> None:
    """The integral uses the midpoint rule, over y around the bowl and over the plane."""
    plane, area = grid(6.0, 60)
    heights = noise * 8 * ((torch.arange(100, dtype=torch.float64) + 0.5) / 50 - 1)
    y = 0.5 * plane.square().sum(1, keepdim=True) + heights
    points = torch.cat([plane[:, None].expand(-1, 100, -1), y[..., None]], 2).flatten(0, 1)
    total = dataset("quadratic", noise=noise).log_density(points).exp().sum().item() * area * noise * 16 / 100
    assert total == pytest.approx(1, abs=1e-8)


@pytest.mark.every(2)
@pytest.mark.parametrize("name", KNOWN)
def test_samples_follow_the_density(name: str) -> None:
    """The mean of −ln p over a sample is the entropy, in closed form or from the density on a grid."""
    n = 20_000
    data, x = dataset(name, train=n), load(name, train=n).train.x
    log_density = data.log_density(x.double())
    assert log_density.shape == (n,)
    torch.testing.assert_close(data.log_density(x).double(), log_density, rtol=1e-3, atol=1e-3)
    entropy = ENTROPY.get(name)
    if entropy is None:
        points, area = grid(4.5, 1200)
        log_p = data.log_density(points)
        entropy = -(log_p.exp() * log_p).nan_to_num().sum().item() * area
    error = 4 * log_density.std().item() / n**0.5
    assert -log_density.mean().item() == pytest.approx(entropy, abs=error)


def test_the_density_of_rings_at_the_centre_is_gaussian() -> None:
    """At the centre, the average over a circle is exp(−R²/2σ²) / (2πσ²), without a Bessel function."""
    data = dataset("rings", noise=0.7)
    radii = 0.5 * torch.arange(1, 5, dtype=torch.float64)
    expected = (torch.exp(-(radii**2) / (2 * 0.49)) / (2 * math.pi * 0.49)).mean().log()
    torch.testing.assert_close(data.log_density(torch.zeros(1, 2, dtype=torch.float64))[0], expected)


@pytest.mark.parametrize("name", KNOWN)
def test_zero_noise_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--noise must be more than 0"):
        dataset(name, noise=0.0)


@pytest.mark.parametrize(("noise", "half", "n"), [(0.05, 3.0, 170), (0.3, 4.2, 100)])
def test_the_density_of_moons_integrates_to_1(noise: float, half: float, n: int) -> None:
    """Between the moons and within them, whatever the width of the Gaussian that is averaged over the curves."""
    points, area = grid(half, n)
    assert dataset("moons", noise=noise).log_density(points).exp().sum().item() * area == pytest.approx(1, abs=1e-6)


def test_moons_without_noise_are_curves_and_have_no_density() -> None:
    assert isinstance(dataset("moons"), KnownDensity)
    assert not isinstance(dataset("moons", noise=0.0), KnownDensity)
