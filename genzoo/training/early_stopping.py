"""Early stopping: when to stop, and which weights to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class EarlyStopping:
    """Keeps the weights of the epoch with the best validation loss; nan is never the best.

    Args:
        patience: Stop after so many epochs without a better one; 0: never, and keep nothing.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = math.inf
        self.best_epoch = 0
        self.judged_at = 0
        """The step of the objective by which epochs were compared."""
        self.moving = 0
        """The last epoch in which the objective was not the final one yet."""
        self.weights: dict[str, Tensor] = {}
        """The tensors of the best epoch's module, by name."""

    def hear(self, epoch: int, loss: float, module: nn.Module, final: bool = True) -> None:
        """Takes an epoch's validation loss; keeps the weights if it is the best one.

        Args:
            epoch: Its number, from 1.
            loss: By the final objective of the training.
            module: What the weights are of.
            final: Whether that was the objective of this epoch too: if not, patience is not counted yet.
        """
        self.moving = self.moving if final else epoch
        if self.patience and loss < self.best:
            self.best, self.best_epoch = loss, epoch
            self.weights = {name: tensor.clone() for name, tensor in tensors_of(module).items()}

    def reason(self, epoch: int) -> str:
        """Why to stop after this epoch, or ""."""
        if self.patience and epoch - max(self.best_epoch, self.moving) >= self.patience:
            return f"no better for {self.patience} epochs"
        return ""

    @torch.no_grad()
    def give_back(self, module: nn.Module) -> None:
        """Puts the best weights into the module, if there are any."""
        if self.weights:
            fill(tensors_of(module), self.weights)


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers by name, also those that no state dict has; each once, however many names it has."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.detach() for name, tensor in named}


@torch.no_grad()
def fill(tensors: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copies values into tensors of the same names, in place."""
    for name, tensor in tensors.items():
        tensor.copy_(values[name])
