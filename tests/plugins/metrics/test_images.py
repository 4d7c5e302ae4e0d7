"""PSNR and SSIM against their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.metrics.images import gaussian_window, ssim
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")


def uniform(seed: int, *shape: int) -> Tensor:
    with seeded(seed):
        return torch.rand(*shape, dtype=torch.float64)


def plain_ssim(x: Tensor, y: Tensor) -> float:
    """Return the SSIM of one channel [H, W], window by window (Wang et al. 2004, eq. 13 to 16)."""
    line = [math.exp(-0.5 * ((i - 5) / 1.5) ** 2) for i in range(11)]
    weights = torch.tensor([[a * b for b in line] for a in line], dtype=torch.float64)
    weights /= weights.sum()
    values = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            one, other = (z[top : top + 11, left : left + 11].double() for z in (x, y))
            m, n = (weights * one).sum(), (weights * other).sum()
            v, w = (weights * (one - m) ** 2).sum(), (weights * (other - n) ** 2).sum()
            c = (weights * (one - m) * (other - n)).sum()
            values.append((2 * m * n + 1e-4) * (2 * c + 9e-4) / ((m**2 + n**2 + 1e-4) * (v + w + 9e-4)))
    return torch.stack(values).mean().item()


def test_ssim_equals_its_definition() -> None:
    x, y = uniform(0, 2, 3, 14, 17), uniform(1, 2, 3, 14, 17)
    expected = [sum(plain_ssim(one[c], other[c]) for c in range(3)) / 3 for one, other in zip(x, y, strict=True)]
    assert ssim(x, y).tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("side", [1, 2, 8, 10, 28])
def test_ssim_of_an_image_with_itself_is_one_at_any_size(side: int) -> None:
    x = uniform(2, 3, 1, side, side)
    assert ssim(x, x).tolist() == pytest.approx([1.0] * 3, abs=1e-6)


def test_ssim_of_flat_images_compares_their_brightness() -> None:
    dark, bright = (torch.full((1, 1, 8, 8), value, dtype=torch.float64) for value in (0.25, 0.75))
    expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert ssim(dark, bright).item() == pytest.approx(expected, abs=1e-9)


def test_the_window_sums_to_one() -> None:
    for size in (1, 7, 11):
        assert gaussian_window(size).sum().item() == pytest.approx(1.0, abs=1e-6)


def test_psnr_is_the_mean_of_the_images_decibels() -> None:
    pair = Pair.of("vae")
    model, data = pair.build().model, Resident(pair.split(20), CPU)
    evaluated = evaluate(model, data, find_metrics(registry(), ["psnr", "mse", "ssim"]))
    with torch.no_grad():
        x = data.batch(torch.arange(20)).x
        again = model.eval().reconstruct(x)
    by_image = [-10 * math.log10(value) for value in (again - x).square().flatten(1).mean(1).tolist()]
    assert evaluated["psnr"] == pytest.approx(sum(by_image) / 20, abs=1e-4)
    assert evaluated["psnr"] >= -10 * math.log10(evaluated["mse"])  # Jensen
    assert evaluated["ssim"] == pytest.approx(ssim(again, x).mean().item(), abs=1e-6)


class Copy(genzoo.LatentModel):
    """A model whose code is the image."""

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return genzoo.Delta(x, event_dims=3)

    def prior(self) -> None:
        return None

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return genzoo.DiagGaussian(z, 0.0, event_dims=3)


def test_a_perfect_reconstruction_has_a_finite_psnr() -> None:
    data = Resident(Pair.of("vae").split(3), CPU)
    evaluated = evaluate(Copy(SPECS["grey images"], None), data, find_metrics(registry(), ["psnr", "ssim"]))
    assert evaluated["psnr"] == pytest.approx(100.0, abs=1e-4)
    assert evaluated["ssim"] == pytest.approx(1.0, abs=1e-6)


def test_points_are_not_images() -> None:
    pair = Pair.of("vae", spec=SPECS["points"])
    evaluated = evaluate(pair.build().model, Resident(pair.split(5), CPU), find_metrics(registry(), ["psnr", "ssim"]))
    assert evaluated["not_available"] == {"psnr": "the data are not images", "ssim": "the data are not images"}
