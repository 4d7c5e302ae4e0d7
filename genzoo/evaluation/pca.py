"""Principal axes, from the covariance or from inner products, whichever is smaller."""

from __future__ import annotations

import torch
from torch import Tensor

NO_VARIANCE = 1e-12
"""Share of the largest variance below which a variance is rounding error."""


def axes_of_covariance(covariance: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the variances [F] and the `most` axes of largest variance, [F, most], of a covariance [F, F].

    Both are in ascending order of variance.
    """
    values, vectors = torch.linalg.eigh(covariance)
    return values, vectors[:, -most:]


def axes_of_points(centred: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the variances [N] and the `most` axes, [F, most], of centred points [N, F] with most ≤ N ≤ F.

    XᵀX and XXᵀ have the same non-zero eigenvalues, and if XXᵀu = λu, then Xᵀu is an axis. The covariance is never
    formed: with 5,000 dimensions it takes 200 MB and minutes.
    """
    values, weights = torch.linalg.eigh(centred @ centred.T / len(centred))
    # QR makes the axes orthonormal even without variance; the axes of large variance come first, which stay exact.
    axes = torch.linalg.qr(centred.T @ weights[:, -most:].flip(1)).Q
    return values, axes.flip(1)


def spanned(variances: Tensor) -> int:
    """Return the number of axes with non-zero variance."""
    return int((variances > NO_VARIANCE * variances[-1]).sum())
