"""How far a figure of two sets of points may be from what it estimates, and what two sets of real data give."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core.noise import derive_seed, keyed_bits

GROUPS, T_QUANTILE = 20, 2.093
"""Of a jackknife; the 97.5 % quantile of Student's t with one degree of freedom less."""
SPLITS, SPLITS_T_QUANTILE = 40, 2.023
"""Of real data; the same quantile."""

Interval = tuple[float, float]


def group_numbers(n: int) -> Tensor:
    """Which of the groups each of n points belongs to, at random and as evenly as can be: [n]."""
    number = torch.empty(n, dtype=torch.int64)
    number[order(n, "groups")] = torch.arange(n) % GROUPS
    return number


def membership(n: int) -> Tensor:
    """The same as zeros and ones, [n, GROUPS] float64."""
    return torch.nn.functional.one_hot(group_numbers(n), GROUPS).double()


def order(n: int, *seed: str | int) -> Tensor:
    """A permutation of n."""
    return keyed_bits(torch.tensor([derive_seed(0, *seed)]), 0, n)[0].argsort(stable=True)


def jackknife(whole: float, without: Tensor, least: float = -math.inf) -> Interval | None:
    """A 95 % interval from a figure of all points and those without each group in turn [20] (Efron & Stein 1981).

    Of a figure with a bias of about 1/n, this is an interval for what it would be without it: 20 times the whole less
    19 times the mean of the others.

    Args:
        whole: The figure of all points.
        without: [20] figures.
        least: The figure cannot be below.

    Returns:
        None where a figure is not finite.
    """
    centre = GROUPS * whole - (GROUPS - 1) * without.mean().item()
    half = T_QUANTILE * math.sqrt((GROUPS - 1) * without.var(correction=0).item())
    if not math.isfinite(centre + half):
        return None
    return max(least, centre - half), max(least, centre + half)


def null_of_real_data(
    real: Tensor, reference: Tensor | None, distance: Callable[[Tensor, Tensor], float], power: float
) -> Interval | None:
    """Between which distances 95 % of pairs of sets of real data lie that are as large as `real`.

    The real data are divided in two at random. Where the parts are smaller than `real`, distances are scaled as they
    fall with n. They are positive, and normal on a scale of logarithms.

    Args:
        real: [N, F].
        reference: [M, F] other real data; None: there are none, and halves of `real` are compared.
        distance: Of two sets.
        power: It falls as n to the power −`power` where both sets are of one distribution.

    Returns:
        None where some of the distances are 0, or there are fewer than four points.
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
