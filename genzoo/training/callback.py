"""Callbacks of the trainer, and the outcome of a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from genzoo.core.listener import Epoch
from genzoo.training.execution import Mode


class Listener:
    """Callbacks of the trainer, called in every training step and epoch. Override the ones you need."""

    def mode_chosen(self, mode: Mode) -> None:
        """Execution mode chosen; called again after a fallback."""

    def epoch_started(self, epoch: int, steps: int) -> None:
        """Called before an epoch of `steps` steps starts or continues."""

    def stepped(self, done: int, terms: Callable[[int], dict[str, float]]) -> None:
        """Called after step number `done` of the epoch; `terms(done)` reads the mean terms from the device."""

    def epoch_finished(self, record: Epoch) -> None:
        """Called after an epoch and its validation."""

    def ended(self) -> None:
        """Called after the last step, whether training completed or was interrupted; the weights are of that step."""

    def warned(self, text: str) -> None:
        """Called with a warning of one line for the user."""


@dataclass
class Outcome:
    """How a training ended."""

    epochs: list[Epoch] = field(default_factory=list)
    stopped: str = ""
    """Why training stopped early: "interrupted", "time limit", "no better for N epochs", "stopped: " and a
    listener's reason, or ""."""
    best_epoch: int = 0
    """The epoch whose weights early stopping kept; 0 without early stopping."""
    examples: int = 0
    """Number of training examples."""
    examples_per_epoch: int = 0
    """Examples that an epoch sees: whole batches only; each epoch leaves out other examples."""
    step: int = 0
    """Number of steps."""
    seconds: float = 0.0
    """Time spent in steps, also in those of an epoch that did not end."""
    images: int = 0
    """Training examples in these steps."""
    skipped: int = 0
    """Steps that were skipped because they were not finite."""
    mode: Mode = field(default=Mode("eager", ""))
    """The execution mode of the last step."""
