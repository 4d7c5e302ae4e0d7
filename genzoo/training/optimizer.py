"""The optimiser of a training."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from genzoo.training.adam import Adam
from genzoo.training.config import Training


def make_optimizer(parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]], training: Training) -> Adam:
    """Return fused Adam or AdamW, which changes nothing in a step marked as not finite."""
    return Adam(parameters, training.lr, training.weight_decay, decoupled=training.optimizer == "adamw")
