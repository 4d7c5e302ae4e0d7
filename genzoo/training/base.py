"""What every way of fitting a model to data has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from genzoo.core.listener import STOPPED, Epoch, StopRun
from genzoo.core.loss import Loss
from genzoo.core.model import Model
from genzoo.data.resident import Resident
from genzoo.system.distributed import ALONE, Processes
from genzoo.training.callback import Listener, Outcome
from genzoo.training.config import Training
from genzoo.training.objective import Objective
from genzoo.training.snapshot import Snapshot


class BaseTrainer(ABC):
    """A model, its loss and their data; `fit` trains the model.

    Args:
        model: A model on its device.
        loss: A loss built for the model; its own parameters are trained too.
        training: Options.
        train: Training examples.
        validation: Validation examples, or None.
        listeners: Callbacks for epochs and steps.
        processes: The processes that share each batch.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        training: Training,
        train: Resident,
        validation: Resident | None = None,
        listeners: Sequence[Listener] = (),
        processes: Processes = ALONE,
    ) -> None:
        self.training = training
        self.train_data = train
        self.validation_data = validation
        self.listeners = list(listeners)
        self.processes = processes
        self.device = train.device
        self.objective = Objective(model, loss, training.precision)
        self.usual_lr = Training().lr
        """The learning rate of the model where none is asked for, which a hint may go back to."""
        self.step = 0
        """Steps so far."""
        self.epochs = 1
        """Epochs of the whole training."""
        self.outcome = Outcome(examples=len(train), examples_per_epoch=len(train))
        self.stop_requested = False

    @property
    def trained(self) -> Objective:
        """The objective with the weights to evaluate and save."""
        return self.objective

    @abstractmethod
    def fit(self, start: Snapshot | None = None) -> Outcome:
        """Train to the end, or until `stop_requested`.

        Args:
            start: A snapshot to resume from.
        """

    def tell_epoch(self, record: Epoch) -> str:
        """Pass an epoch to the listeners; return "stopped: " and the reason if one of them ends the run, or ""."""
        stopped = ""
        for listener in self.listeners:
            try:
                listener.epoch_finished(record)
            except StopRun as stop:
                stopped = f"{STOPPED}: {stop}"
        return stopped

    def warn(self, text: str) -> None:
        """Pass a warning for the user to the listeners."""
        for listener in self.listeners:
            listener.warned(text)
