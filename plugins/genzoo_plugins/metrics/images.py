"""Image quality of reconstructions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

import genzoo
from genzoo.evaluation.denoising import decibels

LEAST = 1e-10
"""Lower limit of the squared error, so that PSNR is at most 100 dB."""
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


class ReconstructedImage(genzoo.Metric):
    """A metric that compares decode(encode(x)) with x, both as images in [0, 1], in any view."""

    def refuses(self, model: genzoo.Model) -> str | None:
        if not isinstance(model, genzoo.Autoencoder):
            return "no encoder"
        return None if model.spec.is_image else "the data are not images"

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        return None if context.data.in_unit else "some pixels are outside [0, 1]"


class PSNR(ReconstructedImage):
    """Peak signal-to-noise ratio: the mean over images of 10 log₁₀(1/MSE)."""

    label = "PSNR"
    role = "quality"
    unit = "dB"
    better = "higher"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return decibels(examined.squared_error.clamp_min(LEAST))


class SSIM(ReconstructedImage):
    """Structural similarity: 1 for equal images (Wang et al. 2004, eq. 13)."""

    label = "SSIM"
    better = "higher"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        # A flat patch's variance is a difference of nearly equal numbers and needs float64, which some devices lack.
        x, again = (images.cpu().double() for images in examined.originals)
        return ssim(again, x)


def ssim(one: Tensor, other: Tensor) -> Tensor:
    """Return the structural similarity of images in [0, 1] (Wang et al. 2004, eq. 13).

    Statistics are taken in a Gaussian window of 11×11, σ 1.5, at every position where it fits. Smaller images use the
    largest odd window that fits.

    Args:
        one, other: [B, C, H, W].

    Returns:
        [B], the mean over windows and channels.
    """
    channels, height, width = one.shape[1:]
    window = gaussian_window(min(WINDOW, (min(height, width) + 1) // 2 * 2 - 1)).to(one)
    kernel = window.expand(channels, 1, -1, -1)

    def local(x: Tensor) -> Tensor:
        return conv2d(x, kernel, groups=channels)

    mean, other_mean = local(one), local(other)
    variance, other_variance = local(one * one) - mean**2, local(other * other) - other_mean**2
    covariance = local(one * other) - mean * other_mean
    c1, c2 = K1**2, K2**2
    likeness = (2 * mean * other_mean + c1) / (mean**2 + other_mean**2 + c1)
    structure = (2 * covariance + c2) / (variance + other_variance + c2)
    return (likeness * structure).flatten(1).mean(1)


def gaussian_window(size: int) -> Tensor:
    """Return a Gaussian window [size, size] that sums to 1."""
    line = torch.exp(-0.5 * ((torch.arange(size, dtype=torch.float64) - size // 2) / SIGMA) ** 2)
    return torch.outer(line, line) / line.sum() ** 2
