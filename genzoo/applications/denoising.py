"""Noise, and two classical filters to hold a model against."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from genzoo.noise import keyed_normal

BLURS = (0.5, 0.75, 1.0, 1.5, 2.0)
"""Pixels; the blur that is compared is the best of these on the images at hand, which favours it."""
MEDIANS = (3, 5)
CHUNK = 500


def with_noise(x: Tensor, sigma: float, keys: Tensor) -> Tensor:
    """Images plus Gaussian noise of standard deviation sigma, drawn from each image's own key; not clipped.

    Args:
        x: [N, *S] in [0, 1].
        sigma: On that scale.
        keys: [N], see `genzoo.noise`.
    """
    noisy: Tensor = x + sigma * keyed_normal(keys, 0, x[0].numel()).view_as(x)
    return noisy


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """Images [N, C, H, W] convolved with a Gaussian cut off at 3σ; edges are repeated."""
    radius = max(1, math.ceil(3 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=x.device) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(x.dtype)
    planes = F.pad(x.flatten(0, 1)[:, None], [radius] * 4, mode="replicate")
    planes = F.conv2d(F.conv2d(planes, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return planes.view_as(x)


def median_filter(x: Tensor, size: int = 3) -> Tensor:
    """The median of the size × size window around each pixel of images [N, C, H, W]; edges are repeated."""
    planes = F.pad(x.flatten(0, 1)[:, None], [size // 2] * 4, mode="replicate")
    # In parts: the windows of all pixels take size² times the memory of the images.
    parts = [part.unfold(2, size, 1).unfold(3, size, 1).flatten(-2).median(-1).values for part in planes.split(CHUNK)]
    return torch.cat(parts).reshape(x.shape)


def psnr(clean: Tensor, other: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, 10 log₁₀(1 / MSE) for a peak of 1: [N]; ∞ for equal ones."""
    return decibels((other - clean).double().square().flatten(1).mean(1))


def decibels(error: Tensor) -> Tensor:
    """Squared errors a pixel of images in [0, 1] as peak signal-to-noise ratios."""
    return -10 * error.log10()


def classical(noisy: Tensor, clean: Tensor | None) -> dict[str, Tensor]:
    """The blur and the median filter that suit the images best, by name; without clean ones, of middling strength."""
    if clean is None:
        return {name_of_blur(1.0): gaussian_blur(noisy, 1.0), name_of_median(3): median_filter(noisy, 3)}
    blurs = {name_of_blur(sigma): gaussian_blur(noisy, sigma) for sigma in BLURS}
    medians = {name_of_median(size): median_filter(noisy, size) for size in MEDIANS}
    best = [max(kind.items(), key=lambda item: quality(clean, item[1])) for kind in (blurs, medians)]
    return dict(best)


def name_of_blur(sigma: float) -> str:
    """How tables call it."""
    return f"blur σ={sigma:g} px"


def name_of_median(size: int) -> str:
    """How tables call it."""
    return f"median {size}×{size}"


def quality(clean: Tensor, other: Tensor) -> float:
    """Mean PSNR in dB over images; what lies outside [0, 1] is cut off first, as a picture file would."""
    return psnr(clean, other.clamp(0, 1)).mean().item()
