"""The schedule against its closed form, Adam and AdamW against torch's, the moving average against its definition."""

from __future__ import annotations

import math

import pytest
import torch
from small_trainer import make_trainer
from torch import nn

from genzoo.core.listener import Epoch
from genzoo.training.callback import Listener
from genzoo.training.config import Training
from genzoo.training.ema import MovingAverage
from genzoo.training.optimizer import make_optimizer
from genzoo.training.schedule import learning_rate

TOTAL = 100


@pytest.mark.parametrize("step", [0, 1, 50, 99, 100])
def test_a_constant_rate(step: int) -> None:
    assert learning_rate(Training(lr=0.3), step, TOTAL) == 0.3


def test_a_warm_up_rises_by_equal_steps_to_the_rate() -> None:
    training = Training(lr=0.5, lr_warmup=10)
    rates = [learning_rate(training, step, TOTAL) for step in range(12)]
    assert rates == pytest.approx([0.05 * (step + 1) for step in range(10)] + [0.5, 0.5])
    assert rates[0] > 0


@pytest.mark.parametrize("warmup", [0, 20])
def test_a_cosine_falls_from_the_rate_to_nothing(warmup: int) -> None:
    training = Training(lr=0.5, schedule="cosine", lr_warmup=warmup)
    rates = [learning_rate(training, step, TOTAL) for step in range(TOTAL + 1)]
    length = TOTAL - warmup
    for step in range(warmup, TOTAL + 1):
        assert rates[step] == pytest.approx(0.5 * math.cos(math.pi * (step - warmup) / (2 * length)) ** 2, abs=1e-15)
    assert rates[warmup] == 0.5
    assert rates[warmup + length // 2] == pytest.approx(0.25)
    assert rates[TOTAL] == pytest.approx(0, abs=1e-15)
    assert rates[TOTAL - 1] > 0
    assert learning_rate(training, TOTAL + 50, TOTAL) == rates[TOTAL]


def test_a_cosine_is_torchs() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=TOTAL)
    for step in range(TOTAL):
        assert learning_rate(Training(lr=0.5, schedule="cosine"), step, TOTAL) == pytest.approx(
            scheduler.get_last_lr()[0], rel=1e-9
        )
        optimizer.step()
        scheduler.step()


def test_a_warm_up_longer_than_the_training_is_no_division_by_zero() -> None:
    training = Training(lr=1.0, schedule="cosine", lr_warmup=1000)
    assert learning_rate(training, 99, TOTAL) == pytest.approx(0.1)
    assert learning_rate(Training(lr=1.0, schedule="cosine", lr_warmup=100), 100, 100) == 1.0


def test_every_step_is_made_with_the_rate_of_its_number() -> None:
    rates: list[float] = []

    class Heard(Listener):
        def stepped(self, done: int, terms: object) -> None:
            rates.append(trainer.optimizer.lr)

        def epoch_finished(self, record: Epoch) -> None:
            assert record.lr == rates[-1]

    trainer = make_trainer(listeners=(Heard(),), epochs=3, schedule="cosine", lr=0.01, lr_warmup=2)
    trainer.fit()
    assert rates == [learning_rate(trainer.training, step, 12) for step in range(12)]


@pytest.mark.parametrize(
    ("name", "reference"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)], ids=["adam", "adamw"]
)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_optimisers_are_torchs(name: str, reference: type[torch.optim.Adam], decay: float) -> None:
    """Of AdamW torch's own default is a decay of 0.01; here it is what the option says."""
    target = torch.linspace(-1, 1, 30)
    ours, theirs = nn.Parameter(torch.ones(30)), nn.Parameter(torch.ones(30))
    one = make_optimizer([ours], Training(optimizer=name, lr=0.05, weight_decay=decay))
    other = reference([theirs], lr=0.05, weight_decay=decay, fused=False, foreach=False)
    for _ in range(50):
        for parameter, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            (parameter - target).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_adam_couples_the_decay_to_the_gradient_and_adamw_does_not() -> None:
    """Without a gradient Adam's first step is lr in size whatever the decay, AdamW's is lr·decay·w."""
    after = {}
    for name in ("adam", "adamw"):
        parameter = nn.Parameter(torch.full((3,), 2.0))
        optimizer = make_optimizer([parameter], Training(optimizer=name, lr=0.1, weight_decay=0.5))
        parameter.grad = torch.zeros(3)
        optimizer.step()
        after[name] = parameter.detach()
    torch.testing.assert_close(after["adam"], torch.full((3,), 2.0 - 0.1))
    torch.testing.assert_close(after["adamw"], torch.full((3,), 2.0 - 0.1 * 0.5 * 2.0))


class Buffered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4))
        self.register_buffer("seen", torch.zeros(1))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


@pytest.mark.parametrize("decay", [0.1, 0.9, 0.999])
def test_the_moving_average_is_its_definition(decay: float) -> None:
    """a₀ = w₀, aₜ = dₜ aₜ₋₁ + (1 − dₜ) wₜ with dₜ = min(d, (1 + t)/(10 + t)); buffers as they are."""
    torch.manual_seed(0)
    module = Buffered()
    average = MovingAverage(module, decay)
    expected = module.weight.detach().double()
    for t in range(1, 60):
        with torch.no_grad():
            module.weight.copy_(torch.randn(4))
            module.seen.fill_(t)  # type: ignore[operator]
            module.count.add_(1)  # type: ignore[operator]
        average.update(torch.tensor(average.weight(t - 1)))
        d = min(decay, (1 + t) / (10 + t))
        expected = d * expected + (1 - d) * module.weight.detach().double()
    torch.testing.assert_close(average.average.weight, expected.float(), rtol=1e-5, atol=1e-6)
    assert torch.equal(average.average.seen, module.seen)
    assert torch.equal(average.average.count, module.count)
    assert not average.average.weight.requires_grad
