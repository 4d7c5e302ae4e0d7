"""Fitting a model in closed form, in place of training: one pass that counts as one epoch of one step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch

from genzoo.core.dataset import Batch
from genzoo.core.listener import CLOSED_FORM, Epoch
from genzoo.core.nets import lay_out
from genzoo.core.noise import derive_seed, seeded
from genzoo.data.batching import evaluation_batch
from genzoo.data.resident import Resident
from genzoo.system.computing import computing
from genzoo.system.memory import memory_explained
from genzoo.training.base import BaseTrainer
from genzoo.training.callback import Outcome
from genzoo.training.execution import Mode
from genzoo.training.objective import objective_terms
from genzoo.training.snapshot import Snapshot

MODE = Mode(CLOSED_FORM, "fitted by the model itself")


class Passes:
    """The training data as batches in their order; each iteration is one pass.

    Args:
        data: The examples.
        size: Examples in a batch.
    """

    def __init__(self, data: Resident, size: int) -> None:
        self.data = data
        self.size = size

    def __iter__(self) -> Iterator[Batch]:
        for index in torch.arange(len(self.data), device=self.data.device).split(self.size):
            yield self.data.batch(index)


class ClosedFormTrainer(BaseTrainer):
    """Fit a model by its own `fit`, in place of `Trainer`. Every process fits it to all data.

    There is no step, no optimiser and no checkpoint: a fit that was interrupted begins again.

    Args:
        inputs: Those of `BaseTrainer`.
    """

    def __init__(self, *inputs: Any) -> None:
        super().__init__(*inputs)
        self.outcome.mode = MODE
        self.objective.precision = "fp32"  # as for the fit itself

    def fit(self, start: Snapshot | None = None) -> Outcome:
        """Fit the model; the terms of the only epoch are those of the loss after it.

        Raises:
            GenzooError: As the model's `fit`.
        """
        model = self.objective.model.eval()
        for listener in self.listeners:
            listener.epoch_started(1, 1)
        since = time.perf_counter()
        explained = memory_explained("fitting the model", "use a smaller model", self.device)
        with seeded(derive_seed(self.training.seed, "fit")), computing(self.device), torch.no_grad(), explained:
            model.fit(Passes(self.train_data, evaluation_batch(model.spec)))
        lay_out(model)
        self.processes.broadcast(self.objective.state_dict().values())  # processes may round differently
        self.step = self.outcome.step = 1
        record = self._record(time.perf_counter() - since)
        self.outcome.epochs.append(record)
        self.outcome.seconds, self.outcome.images = record.seconds, record.images
        self.tell_epoch(record)  # there is nothing left to stop
        for listener in self.listeners:
            listener.ended()
        return self.outcome

    def _record(self, seconds: float) -> Epoch:
        """Return the only epoch."""
        number = torch.tensor(1, device=self.device)
        train, validation = (
            {} if data is None else objective_terms(self.objective, data, number, processes=self.processes)
            for data in (self.train_data, self.validation_data)
        )
        return Epoch(1, 1, train, validation, seconds, images=len(self.train_data), lr=0.0)
