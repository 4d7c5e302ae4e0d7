"""The size of a net's Jacobian, estimated from random directions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core.distributions import full_precision
from genzoo.core.noise import standard_normal


def squared_norm(function: Callable[[Tensor], Tensor], x: Tensor, directions: int = 1) -> Tensor:
    """Return an unbiased estimate of ‖∂f/∂x‖²_F at each row of x [B, *S], [B]: the mean of ‖vᵀJ‖² for v ~ N(0, I).

    Its variance over one direction is 2‖JJᵀ‖²_F. It is differentiable, and defined without gradient too.

    Args:
        function: f, which maps each row of x by itself.
        x: Where.
        directions: The number of v for each row.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        values = full_precision(function(x))
        noise = standard_normal((directions,), values)
        slopes = [torch.autograd.grad(values, x, v, create_graph=again, retain_graph=True)[0] for v in noise]
    return torch.stack([full_precision(slope).flatten(1).square().sum(1) for slope in slopes]).mean(0)
