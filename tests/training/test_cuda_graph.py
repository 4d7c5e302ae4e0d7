"""The captured step, with a recorder on the CPU in place of the CUDA graph: see replay.py."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.vae import VAE
from replay import Recorder, record
from small_trainer import assert_equal, make_trainer, weights
from torch import Tensor, nn

import genzoo
from genzoo.core.errors import UsageError
from genzoo.core.noise import seeded
from genzoo.testing.graph_safety import OperatorTape
from genzoo.training import execution
from genzoo.training.config import Training
from genzoo.training.cuda_graph import CaptureError, GraphStep, check_generator
from genzoo.training.trainer import Trainer

CPU = torch.device("cpu")
OPTIONS: list[dict[str, Any]] = [
    {},
    {"optimizer": "adamw", "weight_decay": 0.1, "grad_clip": 0.5},
    {"schedule": "cosine", "lr_warmup": 3, "ema": 0.7},
]


class Normed(VAE):
    """A model with buffers that every step changes."""

    def make_encoder(self, outputs: int) -> nn.Module:
        return nn.Sequential(super().make_encoder(outputs), nn.BatchNorm1d(outputs))


def prepared(**options: Any) -> Trainer:
    """A trainer that is ready for its first step."""
    trainer = make_trainer(**{"model_class": Normed, "epochs": 10, **options})
    with seeded(0):
        trainer._prepare()
    return trainer


def inputs_of(trainer: Trainer, epoch: int = 1) -> list[tuple[Tensor, ...]]:
    return list(trainer.train_data.inputs(trainer._batches(epoch)))


def everything(trainer: Trainer) -> dict[str, Tensor]:
    """All that a step changes, by name; copies."""
    return {str(i): tensor.detach().clone() for i, tensor in enumerate(trainer.body.state())}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_replays_are_eager_steps_bit_for_bit(options: dict[str, Any]) -> None:
    """30 steps over 8 epochs: other batches, other noise, another rate each time; the same numbers."""
    eager, graph = prepared(**options), prepared(**options)
    with seeded(0):
        captured = GraphStep(graph.body, inputs_of(graph), record)
        batches = [inputs for epoch in range(1, 9) for inputs in inputs_of(eager, epoch)][:30]
        for number, inputs in enumerate(batches):
            eager.body(number, inputs)
            captured(number, inputs)
    assert_equal(everything(graph), everything(eager))
    assert eager.body.means(30) == graph.body.means(30)
    assert int(graph.body.number) == 30


def test_warm_up_capture_and_check_consume_no_step() -> None:
    trainer = prepared(ema=0.9)
    before = everything(trainer)
    with seeded(0):
        GraphStep(trainer.body, inputs_of(trainer), record)
    after = everything(trainer)
    assert_equal(before, {name: after[name] for name in before})  # the sums, which are 0, came in between
    assert not any(trainer.body.means(1).values())
    assert all(parameter.grad is None for parameter in trainer.parameters)


def test_the_whole_step_is_the_same_operators_for_every_batch_and_step_and_reads_nothing_back() -> None:
    trainer = prepared(ema=0.9, grad_clip=1.0, schedule="cosine")
    step = trainer.body
    batches = inputs_of(trainer)
    rate = torch.tensor(0.0, dtype=torch.float64)
    with seeded(0):
        step(0, batches[0])
        tapes = []
        for inputs, number in itertools.product(batches[:2], (1, 10_000)):
            step.optimizer.lr = rate.fill_(step.rates(number)[0])
            step.number.fill_(number)
            with OperatorTape() as tape:
                step.body(inputs)
            tapes.append(tape)
    assert [tape.faults for tape in tapes] == [[], [], [], []]
    assert len(tapes[0].operators) > 100
    assert all(tape.operators == tapes[0].operators for tape in tapes)


def test_inputs_rates_sums_and_gradients_keep_their_addresses() -> None:
    trainer = prepared(ema=0.9, schedule="cosine")
    with seeded(0):
        captured = GraphStep(trainer.body, inputs_of(trainer), record)
        step = trainer.body

        def addresses() -> list[int]:
            tensors = [*captured.inputs, captured.rate, step.share, *step.state()]
            return [tensor.data_ptr() for tensor in tensors]

        before = addresses()
        rates = []
        for epoch in (1, 2):
            step.clear_sums()
            for number, inputs in enumerate(inputs_of(trainer, epoch), start=4 * (epoch - 1)):
                captured(number, inputs)
                rates.append(float(captured.rate))
        assert addresses() == before
    assert rates == [step.rates(number)[0] for number in range(8)]


def test_another_shape_is_refused_by_name() -> None:
    trainer = prepared()
    with seeded(0):
        captured = GraphStep(trainer.body, inputs_of(trainer), record)
    with pytest.raises(ValueError, match=r"takes torch.int64 \(50,\), not torch.int64 \(49,\)"):
        captured(0, (torch.arange(49),))
    with pytest.raises(ValueError, match=r"not torch.float32 \(50,\)"):
        captured(0, (torch.zeros(50),))


class ReadsBack(ELBO):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        return {**terms, "loss": terms["loss"] * (2.0 if terms["kl"].item() > 1e9 else 1.0)}


class Counts(ELBO):
    """Python decides by a number of its own: at a capture it is what it was then, for ever."""

    calls = 0

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        self.calls += 1
        return {**terms, "loss": terms["loss"] * self.calls}


def recorded_without(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """A capture that loses the operators of some kind."""

    def capture(work: Callable[[], None]) -> Callable[[], None]:
        replay = record(work)
        recorder: Recorder = replay.__self__  # type: ignore[attr-defined]
        recorder.calls = [call for call in recorder.calls if name not in str(call[0])]
        return replay

    return capture


@pytest.mark.parametrize("lost", ["_fused_adam_", "rand", "index_select", "add_.Tensor", "backward"])
def test_a_capture_that_does_something_else_is_not_used(lost: str) -> None:
    trainer = prepared()
    before = everything(trainer)
    with seeded(0), pytest.raises(CaptureError, match="a repla"):
        GraphStep(trainer.body, inputs_of(trainer), recorded_without(lost))
    after = everything(trainer)
    assert_equal(before, {name: after[name] for name in before})


def test_the_generator_is_checked_by_itself() -> None:
    with seeded(0):
        check_generator(CPU, record)
        with pytest.raises(CaptureError, match="random numbers of its seed"):
            check_generator(CPU, recorded_without("rand"))


def on_a_gpu(monkeypatch: pytest.MonkeyPatch, capture: Any = record) -> None:
    """Lets a trainer on the CPU believe that it can capture."""
    monkeypatch.setattr(execution, "cuda_capture", capture)
    monkeypatch.setattr("genzoo.training.trainer.refuse_mode", lambda training, device: None)


def test_a_training_by_replays_is_the_eager_training(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_gpu(monkeypatch)
    one, other = (make_trainer(Normed, epochs=3, mode=mode, ema=0.5) for mode in ("eager", "graph"))
    first, second = one.fit(), other.fit()
    assert second.mode.name == "graph"
    assert_equal(weights(other), weights(one))
    assert [epoch.train for epoch in second.epochs] == [epoch.train for epoch in first.epochs]
    assert [epoch.validation for epoch in second.epochs] == [epoch.validation for epoch in first.epochs]


@pytest.mark.parametrize(
    ("loss_class", "reason"), [(ReadsBack, "not permitted when stream is capturing"), (Counts, "a different loss")]
)
def test_what_cannot_be_captured_is_trained_eagerly(
    loss_class: type[ELBO], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_gpu(monkeypatch)
    trainer = make_trainer(loss_class=loss_class, mode="graph")
    outcome = trainer.fit()
    assert outcome.mode.name == "eager"
    assert outcome.mode.why.startswith("graph failed: ")
    assert reason in outcome.mode.why
    if loss_class is ReadsBack:
        plain = make_trainer()
        plain.fit()
        assert_equal(weights(trainer), weights(plain))


def test_graph_without_cuda_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError) as error:
        make_trainer(mode="graph")
    assert error.value.message == "--mode=graph captures steps for a CUDA device, and this run is on cpu"
    assert error.value.hint == "use --mode auto"


@pytest.mark.parametrize(
    ("device", "steps", "name"),
    [("cpu", 10**9, "eager"), ("cuda", 10**9, "graph"), ("cuda", 10, "eager"), ("mps", 10**9, "eager")],
)
def test_what_auto_chooses(device: str, steps: int, name: str) -> None:
    mode = execution.choose_mode(Training(), torch.device(device), steps)
    assert mode.name == name
    assert mode.why.startswith("auto")
    assert execution.choose_mode(Training(mode="compile"), torch.device(device), steps).name == "compile"
