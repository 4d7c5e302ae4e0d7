"""The total correlation of a Gaussian: its estimate from codes, its confidence interval and its null distribution."""

from __future__ import annotations

import torch
from torch import Tensor

from genzoo_plugins.metrics.resampling import GROUPS, Interval, group_numbers, jackknife

ONE_SIDED = 1.644854
"""Φ⁻¹(0.95)"""


def covariance(z: Tensor) -> Tensor:
    """Return the covariance [D, D] of codes [N, D]."""
    found: Tensor = torch.atleast_2d(z.T.cov())
    return found


def correlations(covariance: Tensor) -> Tensor:
    """Return the correlation matrix of the latents with a positive variance."""
    varying = covariance.diagonal() > 0
    if not bool(varying.any()):
        return torch.eye(1).to(covariance)
    kept = covariance[varying][:, varying]
    deviation: Tensor = kept.diagonal().sqrt()
    return kept / deviation / deviation[:, None]


def gaussian_total_correlation(covariance: Tensor) -> float:
    """Return ½ (Σ ln C_ii − ln |C|) in nats, for the latents with a positive variance: 0 for a diagonal C."""
    return -0.5 * torch.logdet(correlations(covariance)).item()


def total_correlation_interval(z: Tensor) -> Interval | None:
    """Return the 95 % interval of the total correlation over the choice of codes [N, D]; None if there are too few."""
    number = group_numbers(len(z))
    if len(z) < 2 * max(GROUPS, z.shape[1]):
        return None
    without = [gaussian_total_correlation(covariance(z[number != left_out])) for left_out in range(GROUPS)]
    whole = gaussian_total_correlation(covariance(z))
    return jackknife(whole, torch.tensor(without, dtype=torch.float64), least=0.0)


def null_total_correlation(n: int, latents: int) -> Interval | None:
    """Return 0 and the 95 % quantile of the total correlation of n codes with independent normal latents.

    Twice the total correlation times n − 1 − (2D + 5)/6 is χ² with D(D − 1)/2 degrees of freedom (Bartlett 1950). The
    χ² quantile is approximated as by Wilson & Hilferty (1931). None without degrees of freedom or with too few codes.
    """
    degrees, factor = latents * (latents - 1) / 2, 2 * (n - 1 - (2 * latents + 5) / 6)
    if degrees == 0 or factor <= 0:
        return None
    spread = 2 / (9 * degrees)
    return 0.0, degrees * (1 - spread + ONE_SIDED * spread**0.5) ** 3 / factor
