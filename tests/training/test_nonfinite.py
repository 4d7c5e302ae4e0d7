"""A nan or an infinity, wherever it comes from: stopped before the weights change, or left out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.vae import VAE
from small_trainer import assert_equal, make_trainer, stop_at, weights
from torch import Tensor, nn

import genzoo
from genzoo.core.dataset import DataSpec
from genzoo.core.errors import NonFiniteError
from genzoo.experiment.checkpointing import Checkpointer
from genzoo.experiment.epoch_log import Log
from genzoo.runs import checkpoints
from genzoo.runs.checkpoint_format import to_snapshot
from genzoo.runs.run import CHECKPOINTS, Run
from genzoo.training.callback import Listener
from genzoo.training.config import Training
from genzoo.training.nonfinite import smaller_rate
from genzoo.training.trainer import Trainer

BAD = 5
"""The number of the step that goes wrong, from 0: the second one of the second epoch."""
VALUES = (torch.nan, torch.inf, -torch.inf)
CASES = [
    pytest.param(where, value, marks=[] if one == other else pytest.mark.long)
    for one, where in enumerate(("loss", "gradient", "buffer"))
    for other, value in enumerate(VALUES)
]
"""Every value at every place; in the quick suite each once."""
OPTIONS: dict[str, Any] = {"epochs": 3, "ema": 0.9, "save_every": 1e9, "grad_clip": 1.0}


class Backwards(torch.autograd.Function):
    """Changes nothing but the gradient."""

    @staticmethod
    def forward(context: Any, x: Tensor, offset: Tensor) -> Tensor:
        context.offset = offset
        return x.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] + context.offset, None


class Kept(VAE):
    """Has a running mean, and a mask that is infinite by right."""

    def __init__(self, spec: DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("mask", torch.tensor([-torch.inf, torch.inf]))
        self.norm = nn.BatchNorm1d(2)

    def posterior(self, x: Tensor) -> Any:
        return super().posterior(self.norm(x))


def poisoned(where: str, value: float) -> type[ELBO]:
    """A loss that goes wrong in one place at one step."""

    class Poisoned(ELBO):
        def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
            terms = super().forward(model, batch, step)
            offset = torch.where(step == BAD, value, 0.0)
            loss = terms["loss"]
            if self.training and where == "loss":
                loss = loss + offset
            if self.training and where == "gradient":
                loss = Backwards.apply(loss, offset)  # type: ignore[no-untyped-call]
            if self.training and where == "buffer":
                model.mean.copy_(batch.x.mean(0) + offset)  # type: ignore[operator, union-attr]
            if not self.training and where == "validation":
                loss = loss + torch.where(step == 8, value, 0.0)
            return {**terms, "loss": loss}

    return Poisoned


def trainer_for(where: str, value: float, **options: Any) -> Trainer:
    return make_trainer(Kept, poisoned(where, value), **{**OPTIONS, **options})


@pytest.mark.parametrize(
    ("lr", "usual", "text"),
    [
        (1e-3, 1e-3, "0.0003"),
        (0.01, 1e-3, "0.001"),
        (100.0, 2.5e-4, "0.00025"),
        (90.0, 100.0, "30"),
        (1e-5, 1e-3, "3e-6"),
    ],
)
def test_the_rate_to_try_is_smaller_and_at_most_the_usual_one(lr: float, usual: float, text: str) -> None:
    assert smaller_rate(Training(lr=lr), usual) == text


@pytest.mark.parametrize(("where", "value"), CASES)
def test_it_stops_before_anything_changes_and_can_be_gone_on_with(where: str, value: float, tmp_path: Path) -> None:
    trainer = trainer_for(where, value)
    checkpointer = Checkpointer(Run(tmp_path), trainer, dict)
    with pytest.raises(NonFiniteError) as error:
        trainer.fit()
    assert "at epoch 2, step 6 (batch 2 of 4, gradient norm" in error.value.message
    assert trainer.step == BAD
    healthy = trainer_for("nowhere", 0.0)
    stop_at(healthy, BAD)
    healthy.fit()
    assert_equal(weights(trainer), weights(healthy)) if where != "buffer" else None
    assert_equal(trainer.optimizer.tensors(), healthy.optimizer.tensors())
    if where == "buffer":
        assert bool(trainer.objective.model.mean.isfinite().all())  # type: ignore[union-attr, operator]

    assert checkpointer.write()
    again, whole = trainer_for("nowhere" if where != "buffer" else "buffer", 0.0), trainer_for("nowhere", 0.0)
    start, problems = checkpoints.newest(tmp_path / CHECKPOINTS, lambda checkpoint: to_snapshot(checkpoint, again))
    assert start
    assert not problems
    again.fit(start)
    whole.fit()
    parameters = [dict(each.trained.named_parameters()) for each in (again, whole)]
    assert_equal(*({name: value.detach() for name, value in each.items()} for each in parameters))
    assert [vars(one) | {"seconds": 0} for one in again.outcome.epochs] == [
        vars(one) | {"seconds": 0} for one in whole.outcome.epochs
    ]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_one_in_validation_alone_is_one_line_and_never_the_best(value: float, tmp_path: Path) -> None:
    warned: list[str] = []

    class Heard(Listener):
        def warned(self, text: str) -> None:
            warned.append(text)

    trainer = trainer_for("validation", value, patience=3)
    log = Log(Run(tmp_path), [], warned.append)
    trainer.listeners += [Heard(), log]
    outcome = trainer.fit()
    assert warned == [f"the validation loss is {value} after epoch 2; training goes on"]
    assert len(outcome.epochs) == 3
    assert outcome.best_epoch == 3, "by the objective of the last step, which is finite"
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert Run(tmp_path).history[1]["validation"]["loss"] == str(value)


@pytest.mark.parametrize(("where", "value"), CASES)
def test_a_step_that_is_skipped_leaves_nothing_behind(where: str, value: float) -> None:
    """As if that step had made no update: the next ones have the numbers, rates and noise that they would have had."""
    trainer = trainer_for(where, value, on_nan="skip")
    outcome = trainer.fit()
    assert (trainer.step, outcome.step, outcome.skipped) == (12, 12, 1)

    class Without(Trainer):
        def _train_step(self, *inputs: Tensor) -> None:
            if self.step == BAD:
                self.body.number += 1
                self.step += 1
            else:
                super()._train_step(*inputs)

    reference = make_trainer(Kept, poisoned("nowhere", 0.0), trainer_class=Without, **OPTIONS)
    epochs = reference.fit().epochs
    found, expected = (dict(each.objective.named_parameters()) for each in (trainer, reference))
    assert_equal({n: v.detach() for n, v in found.items()}, {n: v.detach() for n, v in expected.items()})
    means = [epoch.train["loss"] for epoch in outcome.epochs]
    assert means == pytest.approx([epochs[0].train["loss"], epochs[1].train["loss"] * 4 / 3, epochs[2].train["loss"]])
    assert all(math.isfinite(epoch.validation["loss"]) for epoch in outcome.epochs)


class Always(ELBO):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        return {**terms, "loss": terms["loss"] * torch.where(step >= BAD, torch.nan, 1.0)}


@pytest.mark.parametrize("cap", [0, 1, 4])
def test_there_is_an_end_to_skipping(cap: int) -> None:
    trainer = make_trainer(loss_class=Always, on_nan="skip", max_skips=cap, epochs=3)
    with pytest.raises(NonFiniteError) as error:
        trainer.fit()
    what = f"{cap + 1} steps were not finite, more than --max-skips {cap}"
    assert error.value.message == f"{what}, by step {BAD + cap + 1}"
    assert error.value.exit_code == 3
    healthy = make_trainer(epochs=3)
    stop_at(healthy, BAD)
    healthy.fit()
    assert_equal(weights(trainer), weights(healthy))
