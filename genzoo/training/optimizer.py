"""The optimiser of a training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from genzoo.core.optimizer import Optimizer, ParameterGroup
from genzoo.registry.parts import make_part
from genzoo.training.config import Optimisation
from genzoo.training.schedule import learning_rate


def make_optimizer(
    parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]],
    training: Optimisation,
    groups: Sequence[ParameterGroup] = (),
) -> Optimizer:
    """Return the optimiser that the options name.

    Raises:
        UsageError: There is no such optimiser, or its argument is invalid.
    """
    made: Optimizer = make_part("optimizer", training.optimizer, parameters, training.lr, training.weight_decay, groups)
    return made


def refuse_unknown(training: Optimisation) -> None:
    """Refuse an optimiser or a schedule that cannot be made, before data are read.

    Raises:
        UsageError: The reason.
    """
    make_optimizer([nn.Parameter(torch.zeros(1))], training)
    learning_rate(training, total=1)
