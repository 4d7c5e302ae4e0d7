"""The learning rate against its closed form."""

from __future__ import annotations

import math

import pytest
import torch
from small_trainer import make_trainer
from torch import nn

from genzoo.core.listener import Epoch
from genzoo.training.callback import Listener
from genzoo.training.config import Training
from genzoo.training.schedule import learning_rate

TOTAL = 100


@pytest.mark.parametrize("step", [0, 1, 50, 99, 100])
def test_a_constant_rate(step: int) -> None:
    assert learning_rate(Training(lr=0.3), TOTAL)(step) == 0.3


def test_a_warm_up_rises_by_equal_steps_to_the_rate() -> None:
    training = Training(lr=0.5, lr_warmup=10)
    rates = [learning_rate(training, TOTAL)(step) for step in range(12)]
    assert rates == pytest.approx([0.05 * (step + 1) for step in range(10)] + [0.5, 0.5])
    assert rates[0] > 0


@pytest.mark.parametrize("warmup", [0, 20])
def test_a_cosine_falls_from_the_rate_to_nothing(warmup: int) -> None:
    training = Training(lr=0.5, schedule="cosine", lr_warmup=warmup)
    rates = [learning_rate(training, TOTAL)(step) for step in range(TOTAL + 1)]
    length = TOTAL - warmup
    for step in range(warmup, TOTAL + 1):
        assert rates[step] == pytest.approx(0.5 * math.cos(math.pi * (step - warmup) / (2 * length)) ** 2, abs=1e-15)
    assert rates[warmup] == 0.5
    assert rates[warmup + length // 2] == pytest.approx(0.25)
    assert rates[TOTAL] == pytest.approx(0, abs=1e-15)
    assert rates[TOTAL - 1] > 0
    assert learning_rate(training, TOTAL)(TOTAL + 50) == rates[TOTAL]


def test_a_cosine_is_torchs() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=TOTAL)
    for step in range(TOTAL):
        assert learning_rate(Training(lr=0.5, schedule="cosine"), TOTAL)(step) == pytest.approx(
            scheduler.get_last_lr()[0], rel=1e-9
        )
        optimizer.step()
        scheduler.step()


def test_a_warm_up_longer_than_the_training_is_no_division_by_zero() -> None:
    training = Training(lr=1.0, schedule="cosine", lr_warmup=1000)
    assert learning_rate(training, TOTAL)(99) == pytest.approx(0.1)
    assert learning_rate(Training(lr=1.0, schedule="cosine", lr_warmup=100), 100)(100) == 1.0


def test_every_step_is_made_with_the_rate_of_its_number() -> None:
    rates: list[float] = []

    class Heard(Listener):
        def stepped(self, done: int, terms: object) -> None:
            rates.append(trainer.optimizer.lr)

        def epoch_finished(self, record: Epoch) -> None:
            assert record.lr == rates[-1]

    trainer = make_trainer(listeners=(Heard(),), epochs=3, schedule="cosine", lr=0.01, lr_warmup=2)
    trainer.fit()
    assert rates == list(map(learning_rate(trainer.training, 12), range(12)))
