"""The interface of a run listener, and what it is told of an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genzoo.runs.run import Run

INTERRUPTED = "interrupted"
"""The status of a run that was told to stop before its end."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. Terms are means over images, in the loss's units."""

    epoch: int
    step: int
    train: dict[str, float]
    validation: dict[str, float]
    seconds: float
    """Time spent in training steps."""
    images: int
    lr: float


class RunListener:
    """Hears of a run, `genzoo run … --listeners NAME`: of its start, of each epoch and of its end. Override what you
    want to hear.

    One is made for each run, before anything is written: a constructor that raises `UsageError` refuses the run. An
    error in a method ends the listening, with one line of warning, and never the run. Of several processes the first
    one is heard alone.
    """

    def run_started(self, run: Run) -> None:
        """Training begins, or goes on: then `run.history` holds the epochs so far.

        Args:
            run: `run.path` is its folder, `run.plain_config` all options, `run.record` versions and hardware.
        """

    def epoch_finished(self, run: Run, epoch: Epoch) -> None:
        """An epoch is through, its validation included."""

    def run_finished(self, run: Run, status: str) -> None:
        """Nothing more is written to the run.

        Args:
            run: Where finished, `run.results` holds the figures and `run.path / "figures"` the pictures.
            status: "finished", "interrupted", or "failed: " and why.
        """
