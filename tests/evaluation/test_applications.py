"""The applications' functions against theory and other people's code."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from sklearn.metrics import average_precision_score, roc_auc_score

from genzoo.evaluation.anomaly import (
    auroc,
    auroc_interval,
    average_precision,
    average_precision_interval,
    one_against_rest,
)
from genzoo.evaluation.compression import bits, png_bits
from genzoo.evaluation.denoising import Comparison, gaussian_blur, median_filter, psnr, with_noise
from genzoo.evaluation.latent_paths import on_the_way, slerp, traversal_codes

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


# AUROC


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0, -1.0])
def test_auroc_of_shifted_normals_is_that_of_theory(shift: float) -> None:
    """Scores N(0, 1) and N(δ, 1): the AUROC is Φ(δ/√2)."""
    n = 20_000
    anomalous = torch.arange(2 * n) >= n
    found = auroc(normal(2 * n) + shift * anomalous, anomalous)
    assert found == pytest.approx(0.5 * (1 + math.erf(shift / 2)), abs=4 * math.sqrt(1 / (12 * n) * 2))


def test_auroc_of_cases_that_are_counted_by_hand() -> None:
    yes = torch.tensor([True, True, False, False])
    assert auroc(torch.tensor([3.0, 4.0, 1.0, 2.0]), yes) == 1
    assert auroc(torch.tensor([1.0, 2.0, 3.0, 4.0]), yes) == 0
    assert auroc(torch.tensor([5.0, 5.0, 5.0, 5.0]), yes) == 0.5
    assert auroc(torch.tensor([2.0, 3.0, 1.0, 2.0]), yes) == (0.5 + 3) / 4, "one pair of four is a tie"


@pytest.mark.parametrize("levels", [3, 50, 10**9])
def test_auroc_is_that_of_scikit_learn_and_inverts(levels: int) -> None:
    scores = (normal(500) * levels).round()
    anomalous = normal(500) > 1
    found = auroc(scores, anomalous)
    assert found == pytest.approx(roc_auc_score(anomalous.numpy(), scores.numpy()), abs=1e-12)
    assert auroc(-scores, anomalous) == pytest.approx(1 - found, abs=1e-12)


@pytest.mark.parametrize("levels", [1, 3, 10**9])
def test_average_precision_is_that_of_scikit_learn(levels: int) -> None:
    scores, anomalous = (normal(500) * levels).round(), normal(500) > 1
    expected = average_precision_score(anomalous.numpy(), scores.numpy())
    assert average_precision(scores, anomalous) == pytest.approx(expected, abs=1e-12)
    assert average_precision(torch.zeros(500), anomalous) == pytest.approx(anomalous.double().mean().item())
    assert average_precision(anomalous.double(), anomalous) == 1.0


def test_auroc_of_many_examples_loses_no_digit() -> None:
    """Ranks beyond 2^24 do not fit float32."""
    n = 1_000_000
    assert auroc(torch.arange(2 * n), torch.arange(2 * n) >= n) == 1


def test_each_class_against_the_rest() -> None:
    y = torch.tensor([0, 0, 4, 4, 7])
    assert one_against_rest(torch.tensor([1.0, 2, 3, 4, 0]), y) == {0: 2 / 6, 4: 1.0, 7: 0.0}
    with pytest.raises(ValueError, match="needs anomalies and normal examples"):
        auroc(torch.zeros(3), torch.zeros(3, dtype=torch.bool))


@pytest.mark.parametrize(
    ("anomalies", "rest", "shift", "spread"), [(37, 323, 0, 1), (37, 323, 1, 3), (20, 500, 2, 1), (10, 90, 3, 1)]
)
def test_intervals_of_the_auroc_cover(anomalies: int, rest: int, shift: float, spread: float) -> None:
    """Of scores N(δ, σ²) and N(0, 1) it is Φ(δ/√(1 + σ²))."""
    truth = 0.5 * (1 + math.erf(shift / math.sqrt(2 + 2 * spread**2)))
    anomalous, generator = torch.arange(anomalies + rest) < anomalies, torch.Generator().manual_seed(1)
    missed = 0
    for _ in range(200):
        scores = torch.randn(anomalies + rest, generator=generator, dtype=torch.float64)
        scores[:anomalies] = shift + spread * scores[:anomalies]
        low, high = auroc_interval(scores, anomalous)
        missed += not low <= truth <= high
    assert missed <= 0.09 * 200


@pytest.mark.parametrize("figure", [auroc_interval, average_precision_interval])
def test_intervals_are_no_points(figure: Callable[..., tuple[float, float]]) -> None:
    """Where all scores are equal, all anomalies are found, or there is one of a kind."""
    first = torch.arange(20) < 5
    for scores in (torch.zeros(20), first.float(), (~first).float(), -torch.arange(20)):
        for anomalous in (first, torch.arange(20) < 1, torch.arange(20) < 19):
            low, high = figure(scores, anomalous)
            assert 0 <= low < high <= 1
    low, high = figure(first.float(), first)
    assert low < 1 == pytest.approx(high)


# codes


def test_slerp_turns_evenly_on_the_sphere() -> None:
    a, b = normal(6), normal(6)
    a, b = a / a.norm(), b / b.norm()
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    path = slerp(a, b, t)
    torch.testing.assert_close(path.norm(dim=1), torch.ones(7, dtype=torch.float64))
    angle = (a @ b).acos()
    torch.testing.assert_close((path @ a).acos()[1:], t[1:] * angle)
    quarter = slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), torch.tensor([0.5]))
    torch.testing.assert_close(quarter, torch.tensor([[math.sqrt(2), math.sqrt(2)]]))


@pytest.mark.parametrize("b", [[2.0, 4.0], [-1.0, -2.0], [0.0, 0.0], [1.0, 2.0]])
def test_slerp_without_an_arc_is_a_straight_line(b: list[float]) -> None:
    a, end = torch.tensor([1.0, 2.0]), torch.tensor(b)
    torch.testing.assert_close(slerp(a, end, torch.tensor([0.25])), (0.75 * a + 0.25 * end)[None])


@pytest.mark.parametrize("mode", ["linear", "spherical"])
def test_interpolation_ends_exactly_at_both_codes(mode: str) -> None:
    a, b = normal(2, 3), normal(2, 3)
    codes = on_the_way(a, b, 5, mode)
    assert codes.shape == (5, 2, 3)
    assert torch.equal(codes[0], a)
    assert torch.equal(codes[-1], b)
    middle = (a + b) / 2 if mode == "linear" else slerp(a, b, torch.tensor([0.5], dtype=a.dtype))[0]
    torch.testing.assert_close(codes[2], middle)


def test_traversal_changes_one_dimension() -> None:
    z = normal(2, 3)
    codes = traversal_codes(z, [4, 0], 3.0, 5)
    assert codes.shape == (2, 5, 2, 3)
    for row, dim in enumerate((4, 0)):
        flat = codes[row].flatten(1)
        assert flat[:, dim].tolist() == [-3, -1.5, 0, 1.5, 3]
        others = [other for other in range(6) if other != dim]
        assert torch.equal(flat[:, others], z.flatten()[others].expand(5, 5))


# denoising


def test_psnr_is_its_definition() -> None:
    clean = torch.zeros(3, 1, 4, 4)
    other = torch.stack([torch.full((1, 4, 4), value) for value in (0.1, 0.01, 0.0)])
    assert psnr(clean, other).tolist() == pytest.approx([20, 40, math.inf])


def test_noise_has_the_deviation_asked_for_and_belongs_to_its_image() -> None:
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
def test_median_filter_is_that_of_pillow(size: int) -> None:
    pixels = np.random.Generator(np.random.Philox(1)).integers(0, 256, (12, 10), np.uint8)
    theirs = np.asarray(Image.fromarray(pixels).filter(ImageFilter.MedianFilter(size)))
    ours = median_filter(torch.from_numpy(pixels)[None, None].float(), size)[0, 0]
    np.testing.assert_array_equal(ours.numpy().astype(np.uint8), theirs)


def test_the_classical_filters_are_the_best_of_their_kind() -> None:
    y, x = torch.meshgrid(torch.linspace(0, 1, 24), torch.linspace(0, 1, 24), indexing="ij")
    clean = ((x + y) / 2).expand(4, 1, 24, 24)
    noisy = with_noise(clean, 0.2, torch.arange(4))
    found = Comparison(shown=3)
    for part in (slice(0, 1), slice(1, 4)):
        found.add(noisy[part], noisy[part], clean[part])
    assert found.methods() == ["noisy", "model", "blur σ=2 px", "median 5×5"], "smooth images bear strong filters"
    assert all(found.quality(name) > found.quality("noisy") + 5 for name in found.methods()[2:])
    assert torch.equal(found.first["noisy"], noisy[:3])


def test_quality_is_of_what_a_picture_file_would_hold() -> None:
    clean = torch.zeros(2, 1, 4, 4)
    found = Comparison(shown=1)
    found.add(clean + 0.1, clean - 1, clean)
    assert found.quality("noisy") == pytest.approx(20)
    assert found.quality("model") == math.inf, "cut off at 0 first"


def test_without_clean_images_the_filters_are_of_middling_strength() -> None:
    found = Comparison(shown=1)
    found.add(torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8), None)
    assert found.methods() == ["noisy", "model", "blur σ=1 px", "median 3×3"]


# compression


def test_sizes_in_bits() -> None:
    assert bits(math.log(2) * 5) == pytest.approx(5)
    grey = torch.rand(1, 40, 40, generator=GENERATOR)
    assert png_bits(grey) > 40 * 40 * 8, "noise cannot be compressed"
    black_and_white = (grey > 0.5).float()
    assert 40 * 40 < png_bits(black_and_white) < 2 * 40 * 40, "one bit a pixel, and the header"
    buffer = io.BytesIO()
    colour = torch.zeros(3, 10, 10)
    Image.new("RGB", (10, 10)).save(buffer, "PNG", optimize=True)
    assert png_bits(colour) == 8 * len(buffer.getvalue())
