"""Noise, and two classical filters to hold a model against."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from genzoo.core.noise import keyed_normal
from genzoo.data.batching import BASELINE_BYTES, FLOAT32, at_most

BLURS = (0.5, 0.75, 1.0, 1.5, 2.0)
"""Pixels; the blur that is compared is the best of these on the images at hand, which favours it."""
MEDIANS = (3, 5)
CHUNK = 500
"""Planes that the median is taken of at a time, at most."""


def with_noise(x: Tensor, sigma: float, keys: Tensor) -> Tensor:
    """Images plus Gaussian noise of standard deviation sigma, drawn from each image's own key; not clipped.

    Args:
        x: [N, *S] in [0, 1].
        sigma: On that scale.
        keys: [N], see `genzoo.core.noise`.
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
    count = at_most(BASELINE_BYTES, FLOAT32 * size**2 * planes[0].numel(), CHUNK)
    parts = [part.unfold(2, size, 1).unfold(3, size, 1).flatten(-2).median(-1).values for part in planes.split(count)]
    return torch.cat(parts).reshape(x.shape)


def psnr(clean: Tensor, other: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, 10 log₁₀(1 / MSE) for a peak of 1: [N]; ∞ for equal ones."""
    return decibels((other - clean).double().square().flatten(1).mean(1))


def decibels(error: Tensor) -> Tensor:
    """Squared errors a pixel of images in [0, 1] as peak signal-to-noise ratios."""
    return -10 * error.log10()


class Comparison:
    """Denoised images of a model beside those of a blur and of a median filter, taken in batches.

    Args:
        shown: How many images of each method are kept.
    """

    def __init__(self, shown: int) -> None:
        self.shown = shown
        self.first: dict[str, Tensor] = {}
        """The first images of each method."""
        self.values: dict[str, list[Tensor]] = {}
        """The PSNR of each image by each method, where there are clean ones."""

    def add(self, noisy: Tensor, model: Tensor, clean: Tensor | None) -> None:
        """Take a batch: noisy images, what the model makes of them, and the clean ones if they are known."""
        methods = {"noisy": noisy, "model": model, **filtered(noisy, middling=clean is None)}
        for name, images in methods.items():
            kept = self.first.get(name, images[:0])
            self.first[name] = torch.cat([kept, images[: self.shown - len(kept)]])
            if clean is not None:
                self.values.setdefault(name, []).append(psnr(clean, images.clamp(0, 1)))

    def quality(self, name: str) -> float:
        """Return the mean PSNR in dB over all images; what lies outside [0, 1] is cut off, as a picture file would."""
        return torch.cat(self.values[name]).mean().item()

    def methods(self) -> list[str]:
        """Return what is compared: of the blurs and of the medians those that suit the images best."""
        names = list(self.first)
        if not self.values:
            return names
        kinds = [[name for name in names if name.startswith(kind)] for kind in ("blur", "median")]
        return [*names[:2], *(max(kind, key=self.quality) for kind in kinds)]


def filtered(noisy: Tensor, middling: bool) -> dict[str, Tensor]:
    """Images by every blur and every median filter, by name; if `middling`, by one of middling strength of each."""
    blurs, medians = ((1.0,), (3,)) if middling else (BLURS, MEDIANS)
    found = {name_of_blur(sigma): gaussian_blur(noisy, sigma) for sigma in blurs}
    return found | {name_of_median(size): median_filter(noisy, size) for size in medians}


def name_of_blur(sigma: float) -> str:
    """How tables call it."""
    return f"blur σ={sigma:g} px"


def name_of_median(size: int) -> str:
    """How tables call it."""
    return f"median {size}×{size}"
