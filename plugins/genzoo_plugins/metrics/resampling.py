"""Confidence intervals by the jackknife, and the distance between two sets of real data."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core.noise import derive_seed, keyed_bits

GROUPS, T_QUANTILE = 20, 2.093
"""Groups of a jackknife, and the 97.5 % quantile of Student's t with GROUPS − 1 degrees of freedom."""
SPLITS, SPLITS_T_QUANTILE = 40, 2.023
"""Random splits of real data, and the 97.5 % quantile of Student's t with SPLITS − 1 degrees of freedom."""

Interval = tuple[float, float]


def group_numbers(n: int) -> Tensor:
    """Return a random group for each of n points, [n]; the sizes of the groups differ by at most 1."""
    number = torch.empty(n, dtype=torch.int64)
    number[order(n, "groups")] = torch.arange(n) % GROUPS
    return number


def membership(n: int) -> Tensor:
    """Return `group_numbers` one-hot, [n, GROUPS] float64."""
    return torch.nn.functional.one_hot(group_numbers(n), GROUPS).double()


def order(n: int, *seed: str | int) -> Tensor:
    """Return a random permutation of n indices, [n]."""
    return keyed_bits(torch.tensor([derive_seed(0, *seed)]), 0, n)[0].argsort(stable=True)


def jackknife(whole: float, without: Tensor, least: float = -math.inf) -> Interval | None:
    """Return a 95 % interval of a metric by the grouped jackknife (Efron & Stein 1981).

    A bias of about 1/n is corrected: the centre is 20 times the metric of all points minus 19 times the mean of the
    metrics without a group.

    Args:
        whole: The metric of all points.
        without: [20] metrics, with each group left out in turn.
        least: The smallest possible value of the metric.

    Returns:
        The interval; None if a metric is not finite.
    """
    centre = GROUPS * whole - (GROUPS - 1) * without.mean().item()
    half = T_QUANTILE * math.sqrt((GROUPS - 1) * without.var(correction=0).item())
    if not math.isfinite(centre + half):
        return None
    return max(least, centre - half), max(least, centre + half)


def null_of_real_data(
    real: Tensor, reference: Tensor | None, distance: Callable[[Tensor, Tensor], float], power: float
) -> Interval | None:
    """Return the 95 % interval of the distance between two sets of real data, each as large as `real`.

    All real data are split at random into halves, several times. Distances of halves smaller than `real` are scaled
    with n. The logarithms of the distances are taken as normal.

    Args:
        real: [N, F].
        reference: [M, F], more real data; None: only `real` is split.
        distance: The distance of two sets.
        power: For two sets of one distribution, the distance falls as n to the power −`power`.

    Returns:
        The interval; None if a distance is 0 or there are fewer than four points.
    """
    pool = real if reference is None else torch.cat([real, reference])
    half = len(pool) // 2
    if half < 2:
        return None
    orders = [order(len(pool), "split", number) for number in range(SPLITS)]
    found = [distance(pool[index[:half]], pool[index[half : 2 * half]]) for index in orders]
    if not min(found) > 0:
        return None
    logs = torch.tensor(found, dtype=torch.float64).log() + power * math.log(half / len(real))
    middle, spread = logs.mean().item(), SPLITS_T_QUANTILE * logs.std().item()
    return math.exp(middle - spread), math.exp(middle + spread)
