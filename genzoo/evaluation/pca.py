"""Principal axes of points, at the cost of the smaller of their number and their dimension."""

from __future__ import annotations

import torch
from torch import Tensor

NO_VARIANCE = 1e-12
"""Part of the largest variance up to which a smaller one is rounding."""


def axes_of_covariance(covariance: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the variances [F] and the `most` axes of largest variance, [F, most], of a covariance [F, F].

    Variances ascend, and so does the order of the axes.
    """
    values, vectors = torch.linalg.eigh(covariance)
    return values, vectors[:, -most:]


def axes_of_points(centred: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the same of centred points [N, F] with most ≤ N ≤ F, from their inner products: the variances are [N].

    XᵀX and XXᵀ have the same eigenvalues but for zeros, and if XXᵀu = λu, then Xᵀu is the axis. The covariance, of
    which 5,000 columns take 200 MB and minutes, is never formed.
    """
    values, weights = torch.linalg.eigh(centred @ centred.T / len(centred))
    # Orthonormal even where there is no variance; the axes of large variance, which are exact, come first.
    axes = torch.linalg.qr(centred.T @ weights[:, -most:].flip(1)).Q
    return values, axes.flip(1)


def spanned(variances: Tensor) -> int:
    """Return along how many axes there is any variance."""
    return int((variances > NO_VARIANCE * variances[-1]).sum())
