"""Gaussian noise, PSNR, and two classical filters as baselines for denoising."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from genzoo.core.noise import keyed_normal
from genzoo.data.batching import BASELINE_BYTES, FLOAT32, at_most

BLURS = (0.5, 0.75, 1.0, 1.5, 2.0)
"""Standard deviations in pixels. The best one for the images is compared, which favours the baseline."""
MEDIANS = (3, 5)
CHUNK = 500
"""Largest number of image planes that are median-filtered at a time."""


def with_noise(x: Tensor, sigma: float, keys: Tensor) -> Tensor:
    """Return images plus Gaussian noise of standard deviation sigma, drawn from each image's own key; not clipped.

    Args:
        x: [N, *S] in [0, 1].
        sigma: Standard deviation, on the same scale.
        keys: [N], see `genzoo.core.noise`.
    """
    noisy: Tensor = x + sigma * keyed_normal(keys, 0, x[0].numel()).view_as(x)
    return noisy


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """Return images [N, C, H, W] convolved with a Gaussian cut off at 3σ; edges are repeated."""
    radius = max(1, math.ceil(3 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=x.device) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(x.dtype)
    planes = F.pad(x.flatten(0, 1)[:, None], [radius] * 4, mode="replicate")
    planes = F.conv2d(F.conv2d(planes, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return planes.view_as(x)


def median_filter(x: Tensor, size: int = 3) -> Tensor:
    """Return the median of the size × size window around each pixel of images [N, C, H, W]; edges are repeated."""
    planes = F.pad(x.flatten(0, 1)[:, None], [size // 2] * 4, mode="replicate")
    # In chunks: the windows of all pixels take size² times the memory of the images.
    count = at_most(BASELINE_BYTES, FLOAT32 * size**2 * planes[0].numel(), CHUNK)
    parts = [part.unfold(2, size, 1).unfold(3, size, 1).flatten(-2).median(-1).values for part in planes.split(count)]
    return torch.cat(parts).reshape(x.shape)


def psnr(clean: Tensor, other: Tensor) -> Tensor:
    """Return each image's peak signal-to-noise ratio in dB, 10 log₁₀(1 / MSE) for a peak of 1: [N]; ∞ if equal."""
    return decibels((other - clean).double().square().flatten(1).mean(1))


def decibels(error: Tensor) -> Tensor:
    """Convert mean squared errors of images in [0, 1] to peak signal-to-noise ratios in dB."""
    return -10 * error.log10()


class Comparison:
    """A comparison of a model's denoised images with those of blurs and median filters, built up in batches.

    Args:
        shown: Number of images of each method to keep.
    """

    def __init__(self, shown: int) -> None:
        self.shown = shown
        self.first: dict[str, Tensor] = {}
        """The first images of each method."""
        self.values: dict[str, list[Tensor]] = {}
        """The PSNR of each image by method; empty without clean images."""

    def add(self, noisy: Tensor, model: Tensor, clean: Tensor | None) -> None:
        """Add a batch of noisy images, the model's denoised images and, if known, the clean images."""
        methods = {"noisy": noisy, "model": model, **filtered(noisy, medium_only=clean is None)}
        for name, images in methods.items():
            first = self.first.get(name, images[:0])
            self.first[name] = torch.cat([first, images[: self.shown - len(first)]])
            if clean is not None:
                self.values.setdefault(name, []).append(psnr(clean, images.clamp(0, 1)))

    def quality(self, name: str) -> float:
        """Return the mean PSNR in dB over all images, clipped to [0, 1] as in an image file."""
        return torch.cat(self.values[name]).mean().item()

    def methods(self) -> list[str]:
        """Return the names of the compared methods: the best blur and the best median filter only."""
        names = list(self.first)
        if not self.values:
            return names
        kinds = [[name for name in names if name.startswith(kind)] for kind in ("blur", "median")]
        return [*names[:2], *(max(kind, key=self.quality) for kind in kinds)]


def filtered(noisy: Tensor, medium_only: bool) -> dict[str, Tensor]:
    """Return the images by every blur and median filter, by name; if `medium_only`, by one of medium strength each."""
    blurs, medians = ((1.0,), (3,)) if medium_only else (BLURS, MEDIANS)
    blurred = {name_of_blur(sigma): gaussian_blur(noisy, sigma) for sigma in blurs}
    return blurred | {name_of_median(size): median_filter(noisy, size) for size in medians}


def name_of_blur(sigma: float) -> str:
    """Return a blur's name in tables."""
    return f"blur σ={sigma:g} px"


def name_of_median(size: int) -> str:
    """Return a median filter's name in tables."""
    return f"median {size}×{size}"
