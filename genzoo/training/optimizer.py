"""The optimiser of a training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from genzoo.training.adam import Adam
from genzoo.training.config import Training
from genzoo.training.gradient_descent import GradientDescent, Group


def make_optimizer(
    parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
    training: Training,
    groups: Sequence[Group] = (),
) -> GradientDescent:
    """Return the optimiser, whose fused kernels change nothing in a step marked as not finite."""
    if training.optimizer == "sgd":
        return GradientDescent(parameters, training.lr, training.weight_decay, groups)
    return Adam(parameters, training.lr, training.weight_decay, training.optimizer == "adamw", groups)
