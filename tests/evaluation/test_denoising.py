"""Noise, PSNR, blur and median filter against their definitions and Pillow."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from genzoo.evaluation.denoising import Comparison, gaussian_blur, median_filter, psnr, with_noise


def test_psnr_is_its_definition() -> None:
    clean = torch.zeros(3, 1, 4, 4)
    other = torch.stack([torch.full((1, 4, 4), value) for value in (0.1, 0.01, 0.0)])
    assert psnr(clean, other).tolist() == pytest.approx([20, 40, math.inf])


def test_noise_has_the_given_deviation_and_depends_on_the_image_alone() -> None:
    x = torch.full((50, 1, 20, 20), 0.5)
    keys = torch.arange(50) * 7919
    noise = with_noise(x, 0.3, keys) - x
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert torch.equal(with_noise(x[9:12], 0.3, keys[9:12]), with_noise(x, 0.3, keys)[9:12])
    mse = 0.3**2  # of unclipped noise
    assert psnr(x, x + noise).mean().item() == pytest.approx(-10 * math.log10(mse), abs=0.15)


@pytest.mark.parametrize("sigma", [0.75, 1.0, 2.0])
def test_blur_spreads_a_point_as_a_gaussian(sigma: float) -> None:
    point = torch.zeros(1, 1, 31, 31)
    point[0, 0, 15, 15] = 1
    blurred = gaussian_blur(point, sigma)[0, 0]
    assert blurred.sum().item() == pytest.approx(1, abs=1e-5)
    d = torch.arange(-15.0, 16)
    assert (blurred.sum(0) * d**2).sum().item() == pytest.approx(sigma**2, rel=0.04)
    torch.testing.assert_close(blurred, blurred.T)
    flat = torch.full((2, 3, 9, 8), 0.3)
    torch.testing.assert_close(gaussian_blur(flat, sigma), flat)


@pytest.mark.parametrize("size", [3, 5])
def test_median_filter_matches_pillow(size: int) -> None:
    pixels = np.random.Generator(np.random.Philox(1)).integers(0, 256, (12, 10), np.uint8)
    theirs = np.asarray(Image.fromarray(pixels).filter(ImageFilter.MedianFilter(size)))
    ours = median_filter(torch.from_numpy(pixels)[None, None].float(), size)[0, 0]
    np.testing.assert_array_equal(ours.numpy().astype(np.uint8), theirs)


def test_the_best_filter_of_each_kind_is_compared() -> None:
    y, x = torch.meshgrid(torch.linspace(0, 1, 24), torch.linspace(0, 1, 24), indexing="ij")
    clean = ((x + y) / 2).expand(4, 1, 24, 24)
    noisy = with_noise(clean, 0.2, torch.arange(4))
    comparison = Comparison(shown=3)
    for part in (slice(0, 1), slice(1, 4)):
        comparison.add(noisy[part], noisy[part], clean[part])
    assert comparison.methods() == ["noisy", "model", "blur σ=2 px", "median 5×5"], "strong filters suit smooth images"
    assert all(comparison.quality(name) > comparison.quality("noisy") + 5 for name in comparison.methods()[2:])
    assert torch.equal(comparison.first["noisy"], noisy[:3])


def test_quality_is_of_images_clipped_to_0_and_1() -> None:
    clean = torch.zeros(2, 1, 4, 4)
    comparison = Comparison(shown=1)
    comparison.add(clean + 0.1, clean - 1, clean)
    assert comparison.quality("noisy") == pytest.approx(20)
    assert comparison.quality("model") == math.inf, "clipped to 0 first"


def test_without_clean_images_the_filters_have_medium_strength() -> None:
    comparison = Comparison(shown=1)
    comparison.add(torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8), None)
    assert comparison.methods() == ["noisy", "model", "blur σ=1 px", "median 3×3"]
