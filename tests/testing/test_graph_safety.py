"""The graph-safety checks find and describe what breaks a captured or compiled step."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import genzoo
from genzoo.testing import SPECS, Pair, assert_fullgraph, assert_graph_safe
from genzoo.training.objective import Objective

NOISE = genzoo.Batch(torch.rand(8, 5, generator=torch.Generator().manual_seed(0)))
ZEROS = genzoo.Batch(torch.zeros(8, 5))
STEPS = (0, 10_000)


class Plain(genzoo.Model):
    """One linear map, and a count of the calls."""

    def __init__(self) -> None:
        super().__init__(SPECS["vectors"], None)
        self.map = nn.Linear(5, 5)
        self.calls = 0


class Written(genzoo.Loss):
    """A loss from a function of (model, error [B], step)."""

    def __init__(self, model: Plain, term: Callable[[Any, Tensor, Tensor], Tensor]) -> None:
        super().__init__(model, None)
        self.term = term

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        error = (model.map(batch.x) - batch.x).square().sum(1)
        return {"loss": self.term(model, error, step)}


def objective(term: Callable[[Any, Tensor, Tensor], Tensor]) -> Objective:
    torch.manual_seed(0)
    model = Plain()
    return Objective(model, Written(model, term))


def count(model: Any) -> int:
    model.calls += 1
    return int(model.calls)


def item(model: Any, error: Tensor, step: Tensor) -> Tensor:
    return error.mean() * max(error.max().item(), 0.0)


def branch(model: Any, error: Tensor, step: Tensor) -> Tensor:
    if error.mean() > 1e9:
        return error.sum()
    return error.mean()


def branch_on_step(model: Any, error: Tensor, step: Tensor) -> Tensor:
    return error.mean() * min(float(step) / 100, 1.0)


def mask(model: Any, error: Tensor, step: Tensor) -> Tensor:
    return error[error >= 0].mean()


def selected(model: Any, error: Tensor, step: Tensor) -> Tensor:
    return torch.masked_select(error, error >= 0).mean()


def counter(model: Any, error: Tensor, step: Tensor) -> Tensor:
    return error.mean() * min(1.0, count(model) / 100)


def counter_in_a_tensor(model: Any, error: Tensor, step: Tensor) -> Tensor:
    return error.mean() * torch.tensor(count(model) / 100)


def late_counter(model: Any, error: Tensor, step: Tensor) -> Tensor:
    return error.mean() if count(model) < 1000 else error.sum()


def python_noise(model: Any, error: Tensor, step: Tensor) -> Tensor:
    return error.mean() * random.random()


def warm_up(model: Any, error: Tensor, step: Tensor) -> Tensor:
    noise = torch.randn_like(error) + torch.tensor(0.5)
    return (torch.where(error > 0.5, error, 0.0) + noise).mean() * (step / 100).clamp(max=1.0)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (
            item,
            r"test_graph_safety.py:\d+ `return .*item\(\).*` reads a value back .* \(aten._local_scalar_dense\)",
        ),
        (branch, r"test_graph_safety.py:\d+ `if error.mean\(\) > 1e9:` reads a value back to the host"),
        (branch_on_step, r"`return .*float\(step\).*` reads a value back to the host"),
        (mask, r"`return error\[error >= 0\].mean\(\)` indexes with a boolean mask .*torch.where"),
        (selected, r"`return torch.masked_select.*` reads a value back to the host \(aten.masked_select\)"),
        (counter, r"differ at operator \d+: aten.mul.Tensor\(.*0\.02.* / aten.mul.Tensor\(.*0\.03"),
        (counter_in_a_tensor, r"differ at operator \d+: aten.lift_fresh.* = 0\.01999.* / .* = 0\.02999"),
        (late_counter, r"changes Python state, model.calls: 1 → 5"),
        (python_noise, r"batch 0, step 0 and batch 0, step 10,000 differ at operator \d+: aten.mul.Tensor"),
    ],
)
def test_graph_safe_names_what_it_found(fault: Callable[[Any, Tensor, Tensor], Tensor], found: str) -> None:
    with pytest.raises(AssertionError, match=found):
        assert_graph_safe(objective(fault), [ZEROS, NOISE], STEPS)


def test_a_read_in_the_backward_pass_is_found() -> None:
    class Reader(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            return gradient * float(gradient.isfinite().all())

    with pytest.raises(AssertionError, match=r"`return gradient \* float.*` reads a value back"):
        assert_graph_safe(objective(lambda model, error, step: Reader.apply(error).mean()), [ZEROS, NOISE], STEPS)


def test_batches_that_take_different_ways_are_told_apart() -> None:
    def shape(model: Any, error: Tensor, step: Tensor) -> Tensor:
        return error.mean() * len(error)

    with pytest.raises(AssertionError, match="batch 0, step 0 and batch 1, step 0 differ"):
        assert_graph_safe(objective(shape), [ZEROS, genzoo.Batch(NOISE.x[:4])], STEPS)


def test_noise_constants_and_tensor_steps_are_safe() -> None:
    assert_graph_safe(objective(warm_up), [ZEROS, NOISE], STEPS)


def test_a_graph_break_is_named() -> None:
    with pytest.raises(AssertionError, match="not one graph: Data-dependent branching"):
        assert_fullgraph(objective(branch), NOISE)


def test_a_recompilation_is_counted() -> None:
    with pytest.raises(AssertionError, match=r"compiled [23] times for steps 0, 1, 2"):
        assert_fullgraph(objective(counter_by_number), NOISE, steps=(0, 1, 2))


def counter_by_number(model: Any, error: Tensor, step: Tensor) -> Tensor:
    model.calls += 1
    return error.sum() if model.calls > 4 else error.mean()


@torch._dynamo.assume_constant_result
def drawn() -> float:
    """Draw a number that the compiler keeps from the first step on."""
    return random.random()


def test_a_constant_frozen_into_the_graph_shows_in_the_values() -> None:
    with pytest.raises(AssertionError, match="loss: "):
        assert_fullgraph(objective(lambda model, error, step: error.mean() * drawn()), NOISE)


def test_python_noise_is_a_fault_whatever_the_compiler_does_with_it() -> None:
    """Torch 2.11 warns that it cannot trace it, 2.14 makes a float64 of it, 2.15 keeps the first number."""
    with pytest.raises(AssertionError, match=r"loss: |not one graph: "):
        assert_fullgraph(objective(python_noise), NOISE)


@pytest.mark.long
def test_the_step_checks_leave_the_generators_as_they_were() -> None:
    pair = Pair.of("vae", spec=SPECS["points"])
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert_graph_safe(pair.build(), [pair.batch(4)], STEPS)
    assert_fullgraph(pair.build(), pair.batch(4))
    assert torch.equal(torch.get_rng_state(), before)
