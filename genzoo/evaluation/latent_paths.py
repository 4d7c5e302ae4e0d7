"""Paths through the latent space: from one code to another, and along single dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

PARALLEL = 1e-3
"""Sine of the angle below which codes count as parallel or opposite: float32's arc cosine resolves no finer ones."""


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Spherical interpolation (Shoemake 1985; for codes White 2016, arXiv 1609.04468, section 2.1).

    The direction turns evenly from a to b. For codes of one length it stays on their sphere; of different lengths, it
    is the same formula, as White uses it. Codes that are parallel or opposite are interpolated linearly.

    Args:
        a: [*D].
        b: [*D].
        t: [T], 0 gives a and 1 gives b.

    Returns:
        [T, *D].
    """
    t = t.view(-1, *[1] * a.dim())
    cosine = torch.dot((a / a.norm()).flatten(), (b / b.norm()).flatten()).clamp(-1, 1)
    angle = cosine.acos()
    if not angle.sin() > PARALLEL:  # also where a norm is 0, and the angle NaN
        return (1 - t) * a + t * b
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


def on_the_way(a: Tensor, b: Tensor, steps: int, mode: str = "linear") -> Tensor:
    """Codes on the way from a to b, both ends exactly among them: [steps, *D].

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
    """Copies of a code in which one dimension at a time runs from −span to span.

    Args:
        z: [*D], the code that all other dimensions keep.
        dims: Which dimensions, counted in the flattened code.
        span: The range, in units of the prior's standard deviation where that is standard normal.
        steps: How many values, evenly spaced.

    Returns:
        [len(dims), steps, *D].
    """
    codes = z.flatten().repeat(len(dims), steps, 1)
    values = torch.linspace(-span, span, steps, device=z.device, dtype=z.dtype)
    for row, dim in enumerate(dims):
        codes[row, :, dim] = values
    return codes.view(len(dims), steps, *z.shape)
