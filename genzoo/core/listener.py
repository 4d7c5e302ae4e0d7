"""The interface of a run listener, and the record of an epoch that it gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from genzoo.runs.run import Run

INTERRUPTED = "interrupted"
"""The status of a run that was stopped before its last epoch."""
UNLIMITED = 1_000_000
"""The number of epochs of a training that only its time ends; no text says "of 1000000"."""
OUT_OF_TIME = "time limit"
"""Why a training ended that `--max-time` ended before its last epoch."""
STOPPED = "stopped"
"""The beginning of the status of a run that a listener ended by `StopRun`; its reason follows."""
CLOSED_FORM = "closed form"
"""The execution mode of a model that was fitted in one pass, however many epochs were asked for."""


@dataclass(frozen=True)
class Epoch:
    """The results of one epoch. Loss terms are means over examples, in the loss's units."""

    epoch: int
    """The number of the epoch."""
    step: int
    """The number of training steps so far."""
    train: dict[str, float]
    """Loss terms on the training data."""
    validation: dict[str, float]
    """Loss terms on the validation data."""
    seconds: float
    """Time spent in training steps."""
    images: int
    """The number of training examples in this epoch."""
    lr: float
    """The learning rate of the last step."""


class StopRun(Exception):
    """Is raised by a listener in `epoch_finished` to end the run there. All other listeners are still called.

    The run is saved and not evaluated, its status becomes "stopped: " and the reason, and `genzoo resume` goes on.

    Args:
        reason: Why, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(" ".join(reason.split()))


class RunListener:
    """Is called during a run, `genzoo run … --listeners NAME`. Override the methods you need.

    Each run creates its own listener before it writes anything: a constructor that raises `UsageError` refuses the run.
    An error in a method never ends the run, but for `StopRun`: it disables the listener with one line of warning. With
    several processes, only the first one calls it.
    """

    words: ClassVar[tuple[str, ...]] = ()
    """What a user may ask of it after a colon: `--listeners NAME:WORD`."""
    asked: tuple[str, ...] = ()
    """What the user asked of it."""

    def run_started(self, run: Run) -> None:
        """Called when training starts or is resumed. `run.history` then has the epochs so far.

        Args:
            run: `run.path` is its folder, `run.plain_config` has all options, `run.record` versions and hardware.
        """

    def epoch_finished(self, run: Run, epoch: Epoch) -> None:
        """Called after each epoch and its validation.

        Raises:
            StopRun: The run ends here.
        """

    def run_finished(self, run: Run, status: str) -> None:
        """Called at the end, after everything is written to the run.

        Args:
            run: If the run is finished, `run.results` has the metrics and `run.path / "figures"` the figures.
            status: "finished", "interrupted", or "failed: " or "stopped: " and the reason.
        """
