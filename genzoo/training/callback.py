"""What the trainer tells while it trains, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from genzoo.core.listener import Epoch
from genzoo.training.execution import Mode


class Listener:
    """What the trainer tells while it trains. Override what you want to hear."""

    def mode_chosen(self, mode: Mode) -> None:
        """Steps will be run so: told before the first one, and again where that fails."""

    def epoch_started(self, epoch: int, steps: int) -> None:
        """An epoch of `steps` steps begins, or goes on."""

    def stepped(self, done: int, terms: Callable[[int], dict[str, float]]) -> None:
        """`done` steps of the epoch are through; `terms(done)` reads their means from the device."""

    def epoch_finished(self, record: Epoch) -> None:
        """An epoch is through, its validation included."""

    def ended(self) -> None:
        """The last step is made, be it for good or not; the weights are still those of that step."""

    def warned(self, text: str) -> None:
        """One line that the user should read."""


@dataclass
class Outcome:
    """How a training ended."""

    epochs: list[Epoch] = field(default_factory=list)
    stopped: str = ""
    """Why before its time: "interrupted", "no better for N epochs" or ""."""
    best_epoch: int = 0
    """The epoch whose weights were kept, where early stopping chose; else 0."""
    examples: int = 0
    """How many there are to train on."""
    examples_per_epoch: int = 0
    """How many of them an epoch sees: whole batches, so that another rest is left over in each."""
    step: int = 0
    """Steps made in all."""
    skipped: int = 0
    """How many of them were left out, because they were not finite."""
    mode: Mode = field(default=Mode("eager", ""))
    """How the steps were run in the end."""
