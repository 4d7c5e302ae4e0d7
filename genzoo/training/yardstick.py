"""By what epochs are compared where the loss changes with the step: the objective as it is when training ends.

A loss may let its KL term in slowly, or raise a capacity. Then the validation loss of an early epoch is of another
objective than that of a later one, and the smaller one need not be the better one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genzoo.core.listener import Epoch
from genzoo.core.noise import generators, keyed
from genzoo.system.computing import evaluating
from genzoo.training.early_stopping import fill, tensors_of

if TYPE_CHECKING:
    from genzoo.training.trainer import Trainer

FINAL = "final_loss"
"""What the validation loss of an epoch would be at the end of the training."""
SAME = 1e-3
"""A relative difference up to which an objective counts as the final one: some schedules only approach their end."""


def watched(step: Tensor) -> Tensor:
    """The step as a tensor that notes, as `was_read`, whether anything is computed with it. Values are the same."""

    class Watched(Tensor):
        was_read = False

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            with torch._C.DisableTorchFunctionSubclass():
                result = func(*args, **(kwargs or {}))
            # Where it lies and of what dtype it is says nothing of its value.
            cls.was_read = cls.was_read or func.__name__ != "__get__" or isinstance(result, Tensor)
            return result

    return step.as_subclass(Watched)


def validated(trainer: Trainer) -> dict[str, float]:
    """The terms of a validation, and what their loss will be when training ends, where early stopping has to know."""
    step = torch.tensor(trainer.step, device=trainer.device)
    if trainer.moves is None:
        step = watched(step)
    terms = trainer.terms_at(step)
    if trainer.moves is None:
        trainer.moves = type(step).was_read  # type: ignore[attr-defined]
        if trainer.moves and not settled(trainer):
            trainer.warn(
                f"the loss still changes with the step when training ends after {trainer.total_steps:,} steps, as with "
                "a warm-up that is longer; try more --epochs or a shorter one"
            )
    if trainer.moves and trainer.training.patience:
        return {**terms, FINAL: trainer.terms_at(end_of(trainer))["loss"]}
    return terms


def end_of(trainer: Trainer, times: int = 1) -> Tensor:
    """The step at which the training ends, or so many times as late."""
    return torch.tensor(times * trainer.total_steps, device=trainer.device)


def judge(trainer: Trainer, record: Epoch) -> None:
    """Lets early stopping hear of an epoch. One in which the objective is not the final one yet ends nothing."""
    stopping, validation = trainer.stopping, record.validation
    if stopping.weights and stopping.judged_at != trainer.total_steps and FINAL in validation:
        stopping.best = best_again(trainer)  # it was held against another end of the training
    stopping.judged_at = trainer.total_steps
    stopping.hear(record.epoch, validation.get(FINAL, validation["loss"]), trainer.trained, is_final(validation))
    for loss in dict.fromkeys((validation["loss"], validation.get(FINAL, 0.0))):
        if not math.isfinite(loss):
            trainer.warn(f"the validation loss is {loss} after epoch {record.epoch}; training goes on")


def is_final(validation: Mapping[str, float]) -> bool:
    """Whether an epoch's validation loss is that of the final objective."""
    final = validation.get(FINAL)
    return final is None or not math.isfinite(final) or math.isclose(validation["loss"], final, rel_tol=SAME)


def last_moving(history: Sequence[Epoch]) -> int:
    """The last epoch whose objective was not the final one; 0 where all were."""
    return max((record.epoch for record in history if record.validation and not is_final(record.validation)), default=0)


def settled(trainer: Trainer) -> bool:
    """Whether the objective does not change any more after the last step."""
    last, later = (tried(trainer, end_of(trainer, times)) for times in (1, 2))
    return not math.isfinite(last) or math.isclose(last, later, rel_tol=SAME)


@torch.no_grad()
def tried(trainer: Trainer, number: Tensor) -> float:
    """The loss of some validation data by the objective of a step. Nothing is different afterwards."""
    data, objective = trainer.validation_data, trainer.trained
    assert data is not None
    before = [(buffer, buffer.clone()) for buffer in objective.buffers()]
    index = torch.arange(min(trainer.batch_size, len(data)), device=data.device)
    with generators, evaluating(objective), keyed(data.keys[index]):
        trainer.body.reseed(trainer.step, "validation")
        loss = float(objective(data.batch(index), number)["loss"])
    for buffer, value in before:
        buffer.copy_(value)
    return loss


def best_again(trainer: Trainer) -> float:
    """The validation loss of the best weights so far, by the final objective of this training."""
    stopping, tensors = trainer.stopping, tensors_of(trainer.trained)
    now = {name: tensor.clone() for name, tensor in tensors.items()}
    fill(tensors, stopping.weights)
    try:
        return trainer.terms_at(end_of(trainer), of_step=stopping.best_epoch * trainer.steps_per_epoch)["loss"]
    finally:
        fill(tensors, now)
