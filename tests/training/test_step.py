"""One training step: its number, its parts, clipping, and steps that are not finite."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from small_trainer import assert_equal, make_trainer, stop_at, weights
from torch import Tensor

import genzoo
from genzoo.core.errors import NonFiniteError
from genzoo.training.callback import Listener
from genzoo.training.step import PARTS
from genzoo.training.trainer import Trainer


def test_the_span_is_entered_for_each_part_and_changes_nothing() -> None:
    entered: list[str] = []

    @contextlib.contextmanager
    def span(part: str) -> Iterator[None]:
        entered.append(f"{part} starts")
        yield
        entered.append(f"{part} ends")

    trainer, plain = make_trainer(epochs=1), make_trainer(epochs=1)
    trainer.body.span = span
    trainer.fit()
    plain.fit()
    assert entered == [f"{part} {event}" for part in PARTS for event in ("starts", "ends")] * 4
    assert_equal(weights(trainer), weights(plain))


def test_the_step_tensor_counts_the_steps_before() -> None:
    seen: list[int] = []

    class Noted(ELBO):
        def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
            seen.append(int(step)) if self.training else None
            assert (step.shape, step.dtype) == ((), torch.int64)
            return super().forward(model, batch, step)

    make_trainer(loss_class=Noted).fit()
    assert seen == list(range(8))


class Gradients(Listener):
    """Record the gradient's norm that the optimiser gets."""

    def __init__(self) -> None:
        self.norms: list[float] = []

    def watch(self, trainer: Trainer) -> None:
        step = trainer.optimizer.step

        def noted(*arguments: Any, **options: Any) -> Any:
            gradients = [parameter.grad for parameter in trainer.parameters if parameter.grad is not None]
            self.norms.append(math.sqrt(sum(g.double().square().sum().item() for g in gradients)))
            return step(*arguments, **options)

        trainer.optimizer.step = noted  # type: ignore[method-assign]


@pytest.mark.parametrize("clip", [1e-3, 0.5, 1e6])
def test_clipping_limits_the_norm_and_keeps_smaller_gradients(clip: float) -> None:
    plain, clipped = Gradients(), Gradients()
    for gradients, value in ((plain, 0.0), (clipped, clip)):
        trainer = make_trainer(grad_clip=value, lr=1e-12)  # so that both have the same weights
        gradients.watch(trainer)
        trainer.fit()
    assert clipped.norms == pytest.approx([min(norm, clip) for norm in plain.norms], rel=1e-4)
    assert max(plain.norms) > 0.5


class Poisoned(ELBO):
    """A loss that is nan in the sixth step only."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        factor = torch.where(step == 5, torch.nan, 1.0)
        return {**terms, "loss": terms["loss"] * factor} if self.training else terms


class AtTheEnd(Trainer):
    """Check the flag once per epoch, as on a GPU, where a check would wait for the device."""

    def require_finite(self) -> None:
        if self._since is None:
            super().require_finite()


@pytest.mark.parametrize("trainer_class", [Trainer, AtTheEnd], ids=["each step", "each epoch"])
@pytest.mark.parametrize("options", [{}, {"optimizer": "adamw", "weight_decay": 0.1}, {"grad_clip": 0.5}], ids=str)
def test_a_step_that_is_not_finite_changes_neither_weights_nor_moments(
    trainer_class: type[Trainer], options: dict[str, Any]
) -> None:
    healthy = make_trainer(epochs=2, **options)
    stop_at(healthy, 5)
    healthy.fit()
    assert healthy.step == 5
    trainer = make_trainer(loss_class=Poisoned, trainer_class=trainer_class, **options)
    with pytest.raises(NonFiniteError) as error:
        trainer.fit()
    where = "epoch 2, step 6 (batch 2 of 4, gradient norm nan)"
    assert error.value.message == f"the loss or its gradient is not finite at {where}"
    assert "try --lr 0.0003 or --grad-clip 1" in error.value.hint
    assert_equal(weights(trainer), weights(healthy))
    assert_equal(trainer.optimizer.tensors(), healthy.optimizer.tensors())
