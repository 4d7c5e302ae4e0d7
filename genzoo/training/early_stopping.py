"""Early stopping: decide when to stop, and keep the best weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class EarlyStopping:
    """Keep the weights of the epoch with the best validation loss; nan is never the best.

    Args:
        patience: Stop after this many epochs without a better one; 0: never stop, and keep no weights.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = math.inf
        self.best_epoch = 0
        self.judged_at = 0
        """The step whose objective epochs were compared by."""
        self.last_not_final = 0
        """The last epoch whose objective was not yet the final one."""
        self.weights: dict[str, Tensor] = {}
        """The tensors of the module at the best epoch, by name."""

    def update(self, epoch: int, loss: float, module: nn.Module, final: bool = True) -> None:
        """Record an epoch's validation loss; keep the weights if it is the best so far.

        Args:
            epoch: Its number, from 1.
            loss: The validation loss under the final objective.
            module: The module whose weights are kept.
            final: Whether this epoch was trained with the final objective; if not, it does not count for `patience`.
        """
        self.last_not_final = self.last_not_final if final else epoch
        if self.patience and loss < self.best:
            self.best, self.best_epoch = loss, epoch
            self.weights = {name: tensor.clone() for name, tensor in tensors_of(module).items()}

    def reason(self, epoch: int) -> str:
        """Return why to stop after this epoch, or ""."""
        if self.patience and epoch - max(self.best_epoch, self.last_not_final) >= self.patience:
            return f"no better for {self.patience} epochs"
        return ""

    @torch.no_grad()
    def restore_best(self, module: nn.Module) -> None:
        """Load the best weights into the module, if there are any."""
        if self.weights:
            fill(tensors_of(module), self.weights)


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return all parameters and buffers by name, also non-persistent ones; a shared tensor is listed once."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.detach() for name, tensor in named}


@torch.no_grad()
def fill(tensors: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copy values into the tensors of the same names, in place."""
    for name, tensor in tensors.items():
        tensor.copy_(values[name])
