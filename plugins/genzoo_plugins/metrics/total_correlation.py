"""The total correlation of a Gaussian: its estimate from codes, what that is unsure of, and what chance gives."""

from __future__ import annotations

import torch
from torch import Tensor

from genzoo_plugins.metrics.resampling import GROUPS, Interval, group_numbers, jackknife

ONE_SIDED = 1.644854
"""Φ⁻¹(0.95)"""


def covariance(z: Tensor) -> Tensor:
    """Of codes [N, D]: [D, D]."""
    found: Tensor = torch.atleast_2d(z.T.cov())
    return found


def correlations(covariance: Tensor) -> Tensor:
    """The correlation matrix of the latents that vary."""
    varying = covariance.diagonal() > 0
    if not bool(varying.any()):
        return torch.eye(1).to(covariance)
    kept = covariance[varying][:, varying]
    deviation: Tensor = kept.diagonal().sqrt()
    return kept / deviation / deviation[:, None]


def gaussian_total_correlation(covariance: Tensor) -> float:
    """½ (Σ ln C_ii − ln |C|) in nats of the latents that vary: 0 for a diagonal C."""
    return -0.5 * torch.logdet(correlations(covariance)).item()


def total_correlation_interval(z: Tensor) -> Interval | None:
    """95 % interval of the same over the choice of codes [N, D]; None for a few of them."""
    number = group_numbers(len(z))
    if len(z) < 2 * max(GROUPS, z.shape[1]):
        return None
    without = [gaussian_total_correlation(covariance(z[number != left_out])) for left_out in range(GROUPS)]
    whole = gaussian_total_correlation(covariance(z))
    return jackknife(whole, torch.tensor(without, dtype=torch.float64), least=0.0)


def null_total_correlation(n: int, latents: int) -> Interval | None:
    """0, and what 95 % of the figures of n codes of independent normal latents are below (Bartlett 1950).

    Twice the figure times n − 1 − (2D + 5)/6 is χ² with D(D − 1)/2 degrees of freedom, whose quantile is Wilson &
    Hilferty's (1931).
    """
    degrees, factor = latents * (latents - 1) / 2, 2 * (n - 1 - (2 * latents + 5) / 6)
    if degrees == 0 or factor <= 0:
        return None
    spread = 2 / (9 * degrees)
    return 0.0, degrees * (1 - spread + ONE_SIDED * spread**0.5) ** 3 / factor
