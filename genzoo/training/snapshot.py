"""Snapshot: the training state between two steps, from which a training resumes bit for bit.

It excludes options and data. Randomness is a function of (seed, purpose, step) and the rates are functions of the step,
so it holds neither.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genzoo.core.errors import GenzooError, NonFiniteError
from genzoo.core.listener import Epoch
from genzoo.core.options import Count, Natural, NonNegative, config
from genzoo.training.config import Training
from genzoo.training.early_stopping import fill, tensors_of
from genzoo.training.final_objective import last_not_final
from genzoo.training.nonfinite import is_finite, suggestion

if TYPE_CHECKING:
    from genzoo.training.trainer import Trainer

MODEL, OPTIMIZER, AVERAGE, BEST = "model", "optimizer", "average", "best"


@config
class Progress:
    """The progress of a training. Floats that may be infinite, or must be restored exactly, are hexadecimal text."""

    step: Natural = 0
    """Number of steps."""
    epochs: Natural = 0
    """Number of finished epochs, validation included."""
    steps_per_epoch: Count = 1
    seconds: NonNegative = 0.0
    """Time spent in the steps of the unfinished epoch."""
    terms: tuple[str, ...] = ()
    """Names of the loss's terms."""
    sums: tuple[str, ...] = ()
    """Sums of the terms over the steps of the unfinished epoch."""
    taken: Natural = 0
    """Number of those steps that were not skipped; 0 unless skipping is on."""
    skipped: Natural = 0
    """Steps skipped in the whole training."""
    best: str = "inf"
    """The best validation loss for early stopping."""
    best_epoch: Natural = 0
    judged_at: Natural = 0
    """The step whose objective gave the best validation loss; 0: each epoch's own, as in former versions."""


@dataclass(frozen=True)
class Snapshot:
    """The state of a training between two steps."""

    progress: Progress
    tensors: Mapping[str, Mapping[str, Tensor]]
    """"model" (the objective's), "optimizer" and, if in use, "average" and "best". The tensors are not copies."""
    history: list[Epoch] = field(default_factory=list)
    """The finished epochs."""
    trained: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Names of the weights, moments and averages in each part, all of which must be finite."""

    def require_finite(self, training: Training, usual_lr: float) -> None:
        """Refuse a state that training cannot continue from.

        Args:
            training: Its options.
            usual_lr: The learning rate of the model where none is asked for.

        Raises:
            NonFiniteError: A weight, a moment or an average is not finite.
        """
        if not all(is_finite(self.tensors[part][name]) for part, names in self.trained.items() for name in names):
            step = self.progress.step
            hint = f"try {suggestion(training, usual_lr)}"
            raise NonFiniteError(f"the weights are not finite after step {step:,}", hint)


class Copies:
    """Reusable host memory for copies of snapshots, so that training can continue while one is written.

    The first write to new memory costs several times as much as a copy, so construct this in a thread.

    Args:
        like: Tensors of the shapes and dtypes of the snapshots. Memory for any other tensor is allocated when needed.
    """

    def __init__(self, like: Mapping[str, Mapping[str, Tensor]]) -> None:
        self.tensors = {
            part: {name: room_for(tensor) for name, tensor in tensors.items()} for part, tensors in like.items()
        }

    @torch.no_grad()
    def copy(self, taken: Snapshot) -> Snapshot:
        """Return a copy of a snapshot, which is valid until the next call."""
        copied = {
            part: {name: self._copied(part, name, tensor) for name, tensor in tensors.items()}
            for part, tensors in taken.tensors.items()
        }
        for device in {tensor.device for tensors in taken.tensors.values() for tensor in tensors.values()}:
            if device.type == "cuda":
                torch.cuda.synchronize(device)
        return replace(taken, tensors=copied)

    def _copied(self, part: str, name: str, tensor: Tensor) -> Tensor:
        room = self.tensors.get(part, {}).get(name)
        if room is None or (room.shape, room.dtype) != (tensor.shape, tensor.dtype):  # a buffer that a plugin replaced
            room = self.tensors.setdefault(part, {})[name] = room_for(tensor)
        return room.copy_(tensor, non_blocking=tensor.is_cuda)


def room_for(tensor: Tensor) -> Tensor:
    """Return host memory for a copy of a tensor, written to once; pinned if the tensor is on a GPU."""
    room = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu", pin_memory=tensor.is_cuda)
    room.view(-1).view(torch.uint8).numpy().fill(0)
    return room


def take(trainer: Trainer) -> Snapshot:
    """Return the current state of a training, between two steps or during a validation."""
    body, stopping, finished = trainer.body, trainer.stopping, trainer.outcome.epochs
    tensors = {MODEL: tensors_of(trainer.objective), OPTIMIZER: body.optimizer.tensors()}
    trained = {MODEL: list(trainer.optimizer.names), OPTIMIZER: list(tensors[OPTIMIZER])}
    if trainer.average:
        tensors[AVERAGE] = tensors_of(trainer.average.average)
        trained[AVERAGE] = [name for name, _ in trainer.average.average.named_parameters()]
    if stopping.weights:
        tensors[BEST] = stopping.weights
    inside = trainer.step > len(finished) * trainer.steps_per_epoch and body.sums is not None
    progress = Progress(
        step=trainer.step,
        epochs=len(finished),
        steps_per_epoch=trainer.steps_per_epoch,
        seconds=trainer.seconds() if inside else 0.0,
        terms=body.names if inside else (),
        sums=tuple(map(float.hex, body.sums.tolist())) if inside and body.sums is not None else (),
        taken=int(body.taken) if inside else 0,
        skipped=int(body.skipped),
        best=float(stopping.best).hex(),
        best_epoch=stopping.best_epoch,
        judged_at=stopping.judged_at,
    )
    return Snapshot(progress, tensors, list(finished), trained)


def expected(trainer: Trainer) -> dict[str, Mapping[str, Tensor]]:
    """Return tensors with the names, shapes and dtypes that a snapshot of this training may have."""
    model = tensors_of(trainer.objective)
    parts: dict[str, Mapping[str, Tensor]] = {MODEL: model, OPTIMIZER: trainer.optimizer.tensors(), BEST: model}
    return parts | ({AVERAGE: model} if trainer.training.ema else {})


def largest(trainer: Trainer) -> dict[str, Mapping[str, Tensor]]:
    """Return tensors with the names, shapes and dtypes of this training's snapshots once it has a best epoch."""
    parts = expected(trainer)
    return parts if trainer.stopping.patience else {name: parts[name] for name in parts if name != BEST}


def refuse_other(trainer: Trainer, snapshot: Snapshot) -> None:
    """Refuse a snapshot of another training.

    Raises:
        GenzooError: The snapshot differs; the message says in what.
    """
    progress = snapshot.progress
    if progress.steps_per_epoch != trainer.steps_per_epoch:
        was, now = (f"{n:,}" for n in (progress.steps_per_epoch, trainer.steps_per_epoch))
        raise GenzooError(f"an epoch had {was} steps and now has {now}: the training data differ")
    first, last = progress.epochs * trainer.steps_per_epoch, (progress.epochs + 1) * trainer.steps_per_epoch
    needed = {MODEL, OPTIMIZER} | ({AVERAGE} if trainer.training.ema else set())
    if (
        not first <= progress.step <= last
        or len(progress.sums) != len(progress.terms)
        or [record.epoch for record in snapshot.history] != list(range(1, progress.epochs + 1))
        or not needed <= snapshot.tensors.keys()
        or (BEST in snapshot.tensors) != (progress.best_epoch > 0)
    ):
        raise GenzooError("its parts contradict each other")


@torch.no_grad()
def restore(trainer: Trainer, snapshot: Snapshot) -> None:
    """Load a snapshot into a trainer that has not started.

    Raises:
        GenzooError: The snapshot is of another training.
    """
    refuse_other(trainer, snapshot)
    body, progress, tensors = trainer.body, snapshot.progress, snapshot.tensors
    fill(tensors_of(trainer.objective), tensors[MODEL])
    body.optimizer.load(tensors[OPTIMIZER])
    if trainer.average:
        fill(tensors_of(trainer.average.average), tensors[AVERAGE])
    if trainer.stopping.patience and BEST in tensors:
        device = trainer.device
        trainer.stopping.best = float.fromhex(progress.best)
        trainer.stopping.best_epoch = progress.best_epoch
        trainer.stopping.judged_at = progress.judged_at
        trainer.stopping.weights = {name: tensor.to(device) for name, tensor in tensors[BEST].items()}
    trainer.stopping.last_not_final = last_not_final(trainer, snapshot.history)
    body.number.fill_(progress.step)
    body.skipped.fill_(progress.skipped)
    body.taken.fill_(progress.taken)
    if progress.sums:
        sums = torch.tensor([float.fromhex(value) for value in progress.sums], dtype=torch.float64)
        body.start_sums(progress.terms, sums)
    trainer.step = progress.step
    trainer.seconds_before = progress.seconds
    trainer.outcome.epochs = list(snapshot.history)
