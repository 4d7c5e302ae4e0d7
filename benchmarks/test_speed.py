"""Speed of every registered model: training steps, epochs, the first step, encoding, decoding, sampling."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from measuring import Calibration, Rounds, Stopwatch, hand_over, measure, replayed
from subjects import Case, build, examples, make_trainer, prepared

from genzoo.core.dataset import Split
from genzoo.data.resident import Resident
from genzoo.training.callback import Listener

pytestmark = pytest.mark.benchmark(timer=replayed)


@pytest.fixture
def watch(training_case: Case, scope: Any) -> Stopwatch:
    return Stopwatch(torch.device(training_case.device), scope.seconds, scope.rounds)


def trained(case: Case, scope: Any, watch: Stopwatch, n: int, validation: int = 0) -> None:
    """Train until there are enough rounds."""
    trainer = make_trainer(case, scope.dataset, n, validation, (watch,), scope.slowed)
    watch.stop = lambda: setattr(trainer, "stop_requested", True)
    scope.count(trainer.objective.model)
    trainer.fit()


def test_step(benchmark: Any, training_case: Case, watch: Stopwatch, scope: Any, record: Callable[..., None]) -> None:
    """One step in the middle of training."""
    steps = scope.steps
    trained(training_case, scope, watch, steps * training_case.batch_size)
    hand_over(benchmark, watch.rounds, parts=steps)
    record("step", training_case, images=training_case.batch_size, mode=watch.mode)


def test_epoch(benchmark: Any, training_case: Case, watch: Stopwatch, scope: Any, record: Callable[..., None]) -> None:
    """One epoch, with its permutation, sums and validation on a tenth of the images."""
    images = max(scope.images // training_case.batch_size, 1) * training_case.batch_size
    trained(training_case, scope, watch, images, images // 10)
    hand_over(benchmark, watch.rounds)
    record("epoch", training_case, images=images, mode=watch.mode)


class First(Listener):
    """Record when the first step has finished, and stop."""

    def __init__(self) -> None:
        self.at = 0.0
        self.trainer: Any = None

    def stepped(self, done: int, terms: Callable[[int], dict[str, float]]) -> None:
        if not self.at:
            terms(done)  # waits for the device
            self.at = time.perf_counter()
        self.trainer.stop_requested = True


def test_first_step(benchmark: Any, training_case: Case, scope: Any, record: Callable[..., None]) -> None:
    """From the options to the end of the first step: building, compiling, capturing."""
    rounds = Rounds()
    calibrate = Calibration(torch.device(training_case.device))
    rounds.calibrations.append(calibrate())
    for _ in range(2 if scope.quick else 3):
        torch._dynamo.reset()
        first, start = First(), time.perf_counter()
        first.trainer = make_trainer(training_case, scope.dataset, 4 * training_case.batch_size, 0, (first,), False)
        scope.count(first.trainer.objective.model)
        first.trainer.fit()
        rounds.seconds.append(first.at - start)
        rounds.calibrations.append(calibrate())
    hand_over(benchmark, rounds)
    record("first step", training_case, images=training_case.batch_size)


def test_inference(benchmark: Any, inference_case: tuple[str, Case], scope: Any, record: Callable[..., None]) -> None:
    """Codes of a batch, images of codes, new images."""
    kind, case = inference_case
    model, *_, spec = build(case, scope.dataset)
    device = model.anchor.device
    scope.count(model)
    index = torch.arange(case.batch_size, device=device)
    x = Resident(Split(examples(spec, case.batch_size)), device).batch(index).x
    with torch.no_grad():
        work = prepared(kind, model.eval(), x)
        rounds, parts = measure(work, device, scope.seconds / 2, scope.rounds)
    hand_over(benchmark, rounds, parts)
    record(kind, case, images=case.batch_size)
