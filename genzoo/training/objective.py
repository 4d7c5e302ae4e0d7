"""Model and loss as one module: what is differentiated, compiled and captured."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genzoo.core.dataset import Batch
from genzoo.core.loss import Loss
from genzoo.core.model import Model
from genzoo.data.resident import Resident


class Objective(nn.Module):
    """(batch, step) → the loss's named scalars.

    Args:
        model: Any model.
        loss: A loss built for it.
        precision: "bf16" runs the nets under autocast.
    """

    def __init__(self, model: Model, loss: Loss, precision: str = "fp32") -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.precision = precision

    def forward(self, batch: Batch, step: Tensor) -> dict[str, Tensor]:
        with self.autocast(batch.x.device.type):
            terms: dict[str, Tensor] = self.loss(self.model, batch, step)
        return terms

    def autocast(self, device_type: str) -> contextlib.AbstractContextManager[object]:
        """bfloat16 for the nets where it was asked for; otherwise nothing."""
        if self.precision == "bf16":
            return torch.autocast(device_type, torch.bfloat16)
        return contextlib.nullcontext()


GIVEN_CLASS = "_given_y"
"""Ends the name of a term that a conditional model was told the classes for."""


def told_apart(terms: Mapping[str, float], model: Model, data: Resident) -> dict[str, float]:
    """A loss's terms by names that say what they are of: of p(x|y) where a conditional model is told the classes.

    Results are always of p(x), so that what bounds the one must not have the name of what bounds the other.
    """
    if not model.conditional or data.y is None:
        return dict(terms)
    return {name if name == "loss" else name + GIVEN_CLASS: value for name, value in terms.items()}


def set_memory_format(module: nn.Module, memory_format: torch.memory_format) -> None:
    """Puts the kernels of those nets that say `channels_last = True` into a memory format.

    On a CPU channels_last makes convolutions 1.04 times as fast in float32 and 1.3 times in bf16.
    """
    for net in module.modules():
        if getattr(net, "channels_last", False):
            net.to(memory_format=memory_format)
