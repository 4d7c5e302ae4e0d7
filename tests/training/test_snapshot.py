"""A training that stops after any step and goes on from its checkpoint is the one that never stopped, bit for bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.vae import VAE
from small_trainer import in_two, make_trainer
from torch import Tensor, nn

import genzoo
from genzoo.core.dataset import DataSpec
from genzoo.core.errors import GenzooError
from genzoo.core.listener import Epoch
from genzoo.data.resident import Resident
from genzoo.experiment.checkpointing import Checkpointer
from genzoo.registry.configs import field_names
from genzoo.registry.current import registry
from genzoo.runs import checkpoints
from genzoo.runs.checkpoint_format import to_snapshot
from genzoo.runs.run import CHECKPOINTS, Run
from genzoo.testing.pair import CPU, SPARE, SPECS, Pair
from genzoo.training.callback import Listener
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer

EVERYTHING: dict[str, Any] = {
    "epochs": 4,
    "ema": 0.9,
    "schedule": "cosine",
    "lr_warmup": 3,
    "patience": 2,
    "grad_clip": 1.0,
    "lr": 3e-3,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "save_every": 1e9,
}
BUILT_IN = [
    entry.name
    for entry in registry().matching("model")
    if entry.origin.distribution == "genzoo" and not entry.load().in_closed_form()
]
Make = Callable[[], Trainer]


def everything(trainer: Trainer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """All tensors of a training that has ended, and its history without what the clock decides."""
    tensors = {f"trained.{name}": value for name, value in trainer.trained.state_dict().items()}
    tensors |= {f"objective.{name}": value for name, value in trainer.objective.state_dict().items()}
    tensors |= trainer.optimizer.tensors()
    history = [{**vars(record), "seconds": 0} for record in trainer.outcome.epochs]
    return {name: value.clone() for name, value in tensors.items()}, history


def assert_same(trainer: Trainer, other: Trainer) -> None:
    (tensors, history), (others, other_history) = everything(trainer), everything(other)
    assert tensors.keys() == others.keys()
    assert [name for name, value in tensors.items() if not torch.equal(value, others[name])] == []
    assert history == other_history
    assert (trainer.outcome.stopped, trainer.outcome.best_epoch) == (other.outcome.stopped, other.outcome.best_epoch)


def of_40(name: str) -> Trainer:
    """A built-in model on 40 noisy images, or else on the first form of data that it takes; five steps an epoch."""
    forms = [DataSpec((1, 16, 16), "bernoulli", classes=10, size=40), *SPECS.values(), *SPARE.values()]
    spec = next(spec for spec in forms if Pair.of(name, spec=spec).refusal() is None)
    pair = Pair.of(name, spec=spec)
    if "kl_warmup" in field_names(pair.loss.load().Config):
        pair = Pair.of(name, spec=spec, kl_warmup=15)  # so that the loss depends on the step
    objective = pair.build()
    data = Resident(pair.split(40), CPU), Resident(pair.split(12), CPU)
    patience = EVERYTHING["patience"] if objective.loss.watched else 0  # no epoch of a game is better
    training = Training(**{**EVERYTHING, "batch_size": 8, "patience": patience})
    return Trainer(objective.model, objective.loss, training, *data)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in ("vae", "factor-vae") else pytest.mark.long) for name in BUILT_IN]
)
def test_every_step_of_every_model(name: str, tmp_path: Path, long: bool) -> None:
    """The quick suite has two steps, one in an epoch and one between two, of a model and of a loss with a net."""
    whole = of_40(name)
    whole.fit()
    assert whole.step in (15, 20)  # a noisy validation loss stops flow matching an epoch early
    for step in range(1, whole.step) if long else (7, 10):
        assert_same(in_two(lambda: of_40(name), tmp_path, step), whole)


class Drawing(ELBO):
    """Draws noise that is nobody's, in training and in validation, and looks at the step."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        return {**terms, "loss": terms["loss"] * (1 + 0.1 * torch.randn(()) + 0.02 * step)}


class Odd(VAE):
    """Carries what state there may be: running statistics, a counter, weights of two names, a buffer nobody saves."""

    def __init__(self, spec: DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.norm = nn.BatchNorm1d(2)
        self.again = self.encoder
        self.register_buffer("seen", torch.zeros(()), persistent=False)
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))

    def posterior(self, x: Tensor) -> Any:
        if self.training:
            self.seen += 1
        return super().posterior(self.norm(x) + self.seen * 1e-3)


MAKERS: dict[str, Make] = {
    "bare noise": lambda: make_trainer(loss_class=Drawing, **EVERYTHING),
    "odd state": lambda: make_trainer(Odd, **EVERYTHING),
    "odd state without average": lambda: make_trainer(Odd, **{**EVERYTHING, "ema": 0.0, "patience": 0}),
    "short batches": lambda: make_trainer(batch_size=70, **EVERYTHING),
}


@pytest.mark.every(3)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("step", [1, 3, 4, 7])
def test_whatever_state_a_plugin_has(make: Make, step: int, tmp_path: Path) -> None:
    whole = make()
    whole.fit()
    assert_same(in_two(make, tmp_path, step), whole)


def test_weights_of_two_names_are_saved_once_and_stay_one(tmp_path: Path) -> None:
    trainer = in_two(MAKERS["odd state"], tmp_path, 5)
    (path,) = checkpoints.published(tmp_path / CHECKPOINTS)
    checkpoint = checkpoints.open_checkpoint(path)
    names = to_snapshot(checkpoint, trainer).tensors["model"]
    assert "model.encoder.1.weight" in names
    assert not [name for name in names if "again" in name]
    assert checkpoint.facts["aliases"]["model.again.1.weight"] == "model.encoder.1.weight"
    model: Any = trainer.objective.model
    assert model.again is model.encoder


def test_stopped_in_a_validation(tmp_path: Path) -> None:
    """The epoch's steps are made, its validation is not."""
    options = {**EVERYTHING, "patience": 0}
    whole, first, second = (make_trainer(**options) for _ in range(3))
    whole.fit()
    validate = first.validate

    def stopping() -> dict[str, float]:
        first.stop_requested = first.step == 8
        return validate()

    first.validate = stopping  # type: ignore[method-assign]
    first.listeners.append(Checkpointer(Run(tmp_path), first, dict))
    first.fit()
    assert (first.step, len(first.outcome.epochs)) == (8, 1)
    start, _ = checkpoints.newest(tmp_path / CHECKPOINTS, lambda checkpoint: to_snapshot(checkpoint, second))
    assert second.fit(start).epochs[1].seconds >= first.seconds_before > 0
    assert_same(second, whole)


def test_more_epochs_than_were_meant(tmp_path: Path) -> None:
    """The learning rate being level, that makes no difference to the first ones."""
    options = {**EVERYTHING, "schedule": "constant", "patience": 0}
    whole, short, longer = (make_trainer(**{**options, "epochs": epochs}) for epochs in (5, 2, 5))
    whole.fit()
    short.listeners.append(Checkpointer(Run(tmp_path), short, dict))
    short.fit()
    start, _ = checkpoints.newest(tmp_path / CHECKPOINTS, lambda checkpoint: to_snapshot(checkpoint, longer))
    longer.fit(start)
    assert_same(longer, whole)


def test_the_best_weights_are_saved_along_with_the_last_ones(tmp_path: Path) -> None:
    """What early stopping gave back at the end of the first part must not be what the second part goes on from."""

    def make(epochs: int) -> Trainer:
        return make_trainer(epochs=epochs, lr=0.5, patience=4, save_every=1e9)

    whole, first, second = make(30), make(5), make(30)
    whole.fit()
    assert 0 < whole.outcome.best_epoch < len(whole.outcome.epochs) - 1
    first.listeners.append(Checkpointer(Run(tmp_path), first, dict))
    first.fit()
    assert first.outcome.best_epoch < 5
    start, _ = checkpoints.newest(tmp_path / CHECKPOINTS, lambda checkpoint: to_snapshot(checkpoint, second))
    second.fit(start)
    assert_same(second, whole)


def test_it_is_saved_by_the_clock_that_only_goes_forward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("genzoo.experiment.checkpointing.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("time.time", lambda: -1e9)
    saved: list[int] = []

    class Noted(Checkpointer):
        def write(self) -> bool:
            saved.append(self.trainer.step)
            return super().write()

    class Tick(Listener):
        def stepped(self, done: int, terms: object) -> None:
            clock[0] += 3.0

        def epoch_finished(self, record: Epoch) -> None:
            clock[0] += 0.0 if record.epoch < 4 else 1.0

    def saves(every: float) -> list[int]:
        saved.clear()
        trainer = make_trainer(epochs=4, save_every=every)  # four steps an epoch
        trainer.listeners += [Tick(), Noted(Run(tmp_path / str(every)), trainer, dict)]
        (tmp_path / str(every)).mkdir()
        trainer.fit()
        return list(saved)

    assert saves(1000.0) == [4, 8, 12, 16, 16], "at the end of epochs of twelve seconds, and at the end"
    assert saves(6.0) == [2, 4, 6, 8, 10, 12, 14, 16, 16]
    assert saves(0.0) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 40}, "an epoch had 4 steps and now has 5: the training data differ"),
        ({"ema": 0.0}, ""),
        ({"model_class": Odd}, "does not fit the model: model.norm.weight is missing"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    trainer = make_trainer(**EVERYTHING)
    trainer.listeners.append(Checkpointer(Run(tmp_path), trainer, dict))
    trainer.fit()
    other = make_trainer(**{**EVERYTHING, **options})
    start, problems = checkpoints.newest(tmp_path / CHECKPOINTS, lambda checkpoint: to_snapshot(checkpoint, other))
    if not message:  # an average that is no longer wanted is left alone
        assert start
        return
    assert start is None
    assert all(isinstance(problem, GenzooError) for problem in problems)
    assert message in problems[0].message


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    trainer = make_trainer(**EVERYTHING)
    trainer.listeners.append(Checkpointer(Run(tmp_path), trainer, dict))
    before = copy.deepcopy(trainer.objective.state_dict())
    with torch.no_grad():
        trainer.parameters[0].fill_(torch.inf)
    with pytest.raises(genzoo.core.errors.NonFiniteError, match="not finite"):
        trainer.listeners[-1].ended()
    assert not checkpoints.published(tmp_path / CHECKPOINTS)
    trainer.objective.load_state_dict(before)
    trainer.listeners[-1].ended()
    assert len(checkpoints.published(tmp_path / CHECKPOINTS)) == 1
