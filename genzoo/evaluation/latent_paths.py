"""Paths through the latent space: from one code to another, and along single dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

PARALLEL = 1e-3
"""Sine of the angle below which codes count as parallel or opposite: float32's arc cosine is no more precise."""


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Return the spherical interpolation of two codes (Shoemake 1985; White 2016, arXiv 1609.04468, section 2.1).

    The direction turns evenly from a to b. Codes of equal length stay on their sphere; codes of different lengths use
    the same formula, as in White. Parallel and opposite codes are interpolated linearly.

    Args:
        a: [*D].
        b: [*D].
        t: [T]; 0 gives a and 1 gives b.

    Returns:
        [T, *D].
    """
    t = t.view(-1, *[1] * a.dim())
    cosine = torch.dot((a / a.norm()).flatten(), (b / b.norm()).flatten()).clamp(-1, 1)
    angle = cosine.acos()
    if not angle.sin() > PARALLEL:  # also if a norm is 0, where the angle is NaN
        return (1 - t) * a + t * b
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


def interpolate(a: Tensor, b: Tensor, steps: int, mode: str = "linear") -> Tensor:
    """Return evenly spaced codes from a to b, both included exactly: [steps, *D].

    Args:
        a: [*D].
        b: [*D].
        steps: At least 2.
        mode: "linear" or "spherical".
    """
    t = torch.linspace(0, 1, steps, device=a.device, dtype=a.dtype)
    shaped = t.view(-1, *[1] * a.dim())
    codes = slerp(a, b, t) if mode == "spherical" else (1 - shaped) * a + shaped * b
    codes[0], codes[-1] = a, b
    return codes


def traversal_codes(z: Tensor, dims: Sequence[int], span: float, steps: int) -> Tensor:
    """Return copies of a code in which one dimension at a time runs from −span to span.

    Args:
        z: [*D], the code; all other dimensions keep its values.
        dims: The dimensions, as indices of the flattened code.
        span: Half of the range; for a standard normal prior, in standard deviations.
        steps: Number of evenly spaced values.

    Returns:
        [len(dims), steps, *D].
    """
    codes = z.flatten().repeat(len(dims), steps, 1)
    values = torch.linspace(-span, span, steps, device=z.device, dtype=z.dtype)
    for row, dim in enumerate(dims):
        codes[row, :, dim] = values
    return codes.view(len(dims), steps, *z.shape)
