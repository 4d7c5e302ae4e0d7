"""Compare epochs by the final objective, for early stopping when the loss changes with the step.

A loss may warm up its KL weight or raise a capacity. The validation losses of two epochs are then of different
objectives, and the smaller one need not be the better one. So they are compared by the objective of the last step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genzoo.core.errors import PluginError
from genzoo.core.listener import Epoch
from genzoo.core.noise import generators, keyed
from genzoo.system.computing import evaluating
from genzoo.training.early_stopping import fill, tensors_of
from genzoo.training.objective import GIVEN_CLASS

if TYPE_CHECKING:
    from genzoo.training.trainer import Trainer

FINAL = "final_loss"
"""Name of the validation loss under the final objective."""
SAME = 1e-3
"""Relative difference up to which an objective counts as final: some schedules only approach their end."""


def track_reads(step: Tensor) -> Tensor:
    """Return the step as a tensor of the same value that records in `was_read` whether its value was used."""

    class Tracked(Tensor):
        was_read = False

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            with torch._C.DisableTorchFunctionSubclass():
                result = func(*args, **(kwargs or {}))
            # Reading the device or the dtype does not use the value.
            cls.was_read = cls.was_read or func.__name__ != "__get__" or isinstance(result, Tensor)
            return result

    return step.as_subclass(Tracked)


def validation_terms(trainer: Trainer) -> dict[str, float]:
    """Return the terms of a validation; where early stopping needs it, also the loss under the final objective."""
    step = torch.tensor(trainer.step, device=trainer.device)
    if trainer.depends_on_step is None:
        step = track_reads(step)
    terms = trainer.terms_at(step)
    if trainer.depends_on_step is None:
        trainer.depends_on_step = type(step).was_read  # type: ignore[attr-defined]
        if trainer.depends_on_step and not is_constant_after_training(trainer):
            trainer.warn(
                f"the loss still changes with the step when training ends after {trainer.total_steps:,} steps, as with "
                "a longer warm-up; try more --epochs or a shorter warm-up"
            )
    if trainer.depends_on_step and trainer.training.patience and trainer.objective.loss.watched:
        return {**terms, FINAL: watched(trainer, trainer.terms_at(final_step(trainer)))}
    return terms


def watched(trainer: Trainer, validation: Mapping[str, float]) -> float:
    """Return the validation term that early stopping compares.

    Raises:
        PluginError: The loss has no such term.
    """
    name = trainer.objective.loss.watched
    if (value := validation.get(name, validation.get(name + GIVEN_CLASS))) is None:
        raise PluginError(f"the loss has no term {name!r} to watch", f"its terms are {', '.join(validation)}")
    return value


def final_step(trainer: Trainer, times: int = 1) -> Tensor:
    """Return the number of the last step, or `times` that number."""
    return torch.tensor(times * trainer.total_steps, device=trainer.device)


def update_early_stopping(trainer: Trainer, record: Epoch) -> None:
    """Pass an epoch's validation loss to early stopping, and warn if it is not finite."""
    stopping, validation = trainer.stopping, record.validation
    if not trainer.objective.loss.watched:
        return
    loss = watched(trainer, validation)
    if stopping.weights and stopping.judged_at != trainer.total_steps and FINAL in validation:
        stopping.best = reevaluate_best(trainer)  # a resumed training has another last step
    stopping.judged_at = trainer.total_steps
    final = validation.get(FINAL, loss)
    stopping.update(record.epoch, final, trainer.trained, is_final(loss, final))
    for value in dict.fromkeys((loss, validation.get(FINAL, 0.0))):
        if not math.isfinite(value):
            trainer.warn(f"the validation loss is {value} after epoch {record.epoch}; training goes on")


def is_final(loss: float, final: float) -> bool:
    """Return whether an epoch's validation loss is that of the final objective."""
    return not math.isfinite(final) or math.isclose(loss, final, rel_tol=SAME)


def last_not_final(trainer: Trainer, history: Sequence[Epoch]) -> int:
    """Return the last epoch whose objective was not the final one; 0 if there is none."""
    judged = ((record.epoch, record.validation) for record in history if FINAL in record.validation)
    return max((epoch for epoch, terms in judged if not is_final(watched(trainer, terms), terms[FINAL])), default=0)


def is_constant_after_training(trainer: Trainer) -> bool:
    """Return whether the objective no longer changes after the last step."""
    last, later = (loss_at(trainer, final_step(trainer, times)) for times in (1, 2))
    return not math.isfinite(last) or math.isclose(last, later, rel_tol=SAME)


@torch.no_grad()
def loss_at(trainer: Trainer, step: Tensor) -> float:
    """Return the loss of one validation batch, of all phases, under the objective of a step; buffers are restored."""
    data, objective = trainer.validation_data, trainer.trained
    assert data is not None
    before = [(buffer, buffer.clone()) for buffer in objective.buffers()]
    index = torch.arange(min(trainer.batch_size, len(data)), device=data.device)
    with generators, evaluating(objective), keyed(data.keys[index]):
        trainer.body.reseed(trainer.step, purpose="validation")
        terms = objective.terms(data.batch(index), step)
        loss = sum(float(terms[phase.term]) for phase in objective.loss.phases)
    for buffer, value in before:
        buffer.copy_(value)
    return loss


def reevaluate_best(trainer: Trainer) -> float:
    """Return the validation loss of the best weights under the final objective of this training."""
    stopping, tensors = trainer.stopping, tensors_of(trainer.trained)
    now = {name: tensor.clone() for name, tensor in tensors.items()}
    fill(tensors, stopping.weights)
    try:
        terms = trainer.terms_at(final_step(trainer), of_step=stopping.best_epoch * trainer.steps_per_epoch)
        return watched(trainer, terms)
    finally:
        fill(tensors, now)
