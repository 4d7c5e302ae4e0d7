"""All that the rest of a training depends on, besides its options and its data: taken between steps, put back later.

Randomness is a function of (seed, purpose, step) and the rates are functions of the step, so neither is in it.
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
from genzoo.training.nonfinite import is_finite, suggestion
from genzoo.training.yardstick import last_moving

if TYPE_CHECKING:
    from genzoo.training.trainer import Trainer

MODEL, OPTIMIZER, AVERAGE, BEST = "model", "optimizer", "average", "best"


@config
class Progress:
    """Where a training is, in numbers. Floats that may be infinite, or must come back exactly, are hexadecimal."""

    step: Natural = 0
    """Steps made."""
    epochs: Natural = 0
    """Epochs finished, validation included."""
    steps_per_epoch: Count = 1
    seconds: NonNegative = 0.0
    """Spent in the steps of the epoch that is not finished."""
    terms: tuple[str, ...] = ()
    """Names of the loss's terms, and below their sums over those steps."""
    sums: tuple[str, ...] = ()
    taken: Natural = 0
    """How many of those steps were not skipped; counted only where steps may be."""
    skipped: Natural = 0
    """Steps skipped in the whole training."""
    best: str = "inf"
    """The best validation loss, where early stopping looks for it."""
    best_epoch: Natural = 0
    judged_at: Natural = 0
    """The step of the objective that the best validation loss is of; 0: of each epoch's own, as in former versions."""


@dataclass(frozen=True)
class Snapshot:
    """A training between two steps."""

    progress: Progress
    tensors: Mapping[str, Mapping[str, Tensor]]
    """"model" (the objective's), "optimizer" and, where there are such, "average" and "best"; not copies."""
    history: list[Epoch] = field(default_factory=list)
    """The finished epochs."""
    trained: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Names of the weights, moments and averages in each part: nothing could go on from one that is not finite."""

    def require_finite(self, training: Training) -> None:
        """Refuses a training from which nothing could go on.

        Raises:
            NonFiniteError: A weight, a moment or an average is not finite.
        """
        if not all(is_finite(self.tensors[part][name]) for part, names in self.trained.items() for name in names):
            step = self.progress.step
            raise NonFiniteError(f"the weights are not finite after step {step:,}", f"try {suggestion(training)}")


class Copies:
    """Copies of one snapshot after the other in the same memory of the CPU, so that training can go on meanwhile.

    Memory that was never written to costs several times as much as a copy. Make this in a thread.

    Args:
        like: Tensors as snapshots have them. Others that come get memory of theirs.
    """

    def __init__(self, like: Mapping[str, Mapping[str, Tensor]]) -> None:
        self.tensors = {
            part: {name: room_for(tensor) for name, tensor in tensors.items()} for part, tensors in like.items()
        }

    @torch.no_grad()
    def copy(self, taken: Snapshot) -> Snapshot:
        """A copy of a snapshot, which is good until the next one is made."""
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
    """Memory of the CPU for a copy of a tensor, written to once; pinned where a GPU copies to it."""
    room = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu", pin_memory=tensor.is_cuda)
    room.view(-1).view(torch.uint8).numpy().fill(0)
    return room


def take(trainer: Trainer) -> Snapshot:
    """The training as it is now, between two steps or in a validation."""
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
    """Tensors of the names, shapes and dtypes that a snapshot of this training has."""
    model = tensors_of(trainer.objective)
    found: dict[str, Mapping[str, Tensor]] = {MODEL: model, OPTIMIZER: trainer.optimizer.tensors(), BEST: model}
    return found | ({AVERAGE: model} if trainer.training.ema else {})


def largest(trainer: Trainer) -> dict[str, Mapping[str, Tensor]]:
    """Tensors of the names, shapes and dtypes that the snapshots of this training have once it has a best epoch."""
    wanted = expected(trainer)
    return wanted if trainer.stopping.patience else {part: wanted[part] for part in wanted if part != BEST}


def refuse_other(trainer: Trainer, snapshot: Snapshot) -> None:
    """Refuses a snapshot of another training.

    Raises:
        GenzooError: Saying in what it differs.
    """
    progress = snapshot.progress
    if progress.steps_per_epoch != trainer.steps_per_epoch:
        was, now = (f"{n:,}" for n in (progress.steps_per_epoch, trainer.steps_per_epoch))
        raise GenzooError(f"an epoch had {was} steps and now has {now}: these are other training data")
    first, last = progress.epochs * trainer.steps_per_epoch, (progress.epochs + 1) * trainer.steps_per_epoch
    needed = {MODEL, OPTIMIZER} | ({AVERAGE} if trainer.training.ema else set())
    if (
        not first <= progress.step <= last
        or len(progress.sums) != len(progress.terms)
        or [record.epoch for record in snapshot.history] != list(range(1, progress.epochs + 1))
        or not needed <= snapshot.tensors.keys()
        or (BEST in snapshot.tensors) != (progress.best_epoch > 0)
    ):
        raise GenzooError("its parts do not fit each other")


@torch.no_grad()
def put_back(trainer: Trainer, snapshot: Snapshot) -> None:
    """Makes a trainer that is about to start go on from a snapshot.

    Raises:
        GenzooError: It is of another training.
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
    trainer.stopping.moving = last_moving(snapshot.history)
    body.number.fill_(progress.step)
    body.skipped.fill_(progress.skipped)
    body.taken.fill_(progress.taken)
    if progress.sums:
        sums = torch.tensor([float.fromhex(value) for value in progress.sums], dtype=torch.float64)
        body.start_sums(progress.terms, sums)
    trainer.step = progress.step
    trainer.seconds_before = progress.seconds
    trainer.outcome.epochs = list(snapshot.history)
