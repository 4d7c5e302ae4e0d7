"""Compiled steps against eager ones. Only two tests here compile for real: each takes ten seconds and more."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from small_trainer import assert_equal, make_trainer, weights
from torch import Tensor

import genzoo
from genzoo.training.callback import Listener
from genzoo.training.execution import Mode, in_short


class Modes(Listener):
    """Keeps what it is told about the mode."""

    def __init__(self) -> None:
        self.heard: list[Mode] = []

    def mode_chosen(self, mode: Mode) -> None:
        self.heard.append(mode)


@pytest.fixture
def compiler() -> Any:
    """torch's compiler, forgetful before and after, which then draws the random numbers of eager steps."""
    from torch._inductor import config

    torch._dynamo.reset()
    with config.patch(fallback_random=True):
        yield
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore")
def test_compiled_steps_are_eager_ones_within_rounding(compiler: Any) -> None:
    modes = Modes()
    options = {"epochs": 3, "lr": 0.01, "ema": 0.5, "grad_clip": 1.0}
    eager, compiled = make_trainer(**options), make_trainer(**options, mode="compile", listeners=(modes,))
    one, other = eager.fit(), compiled.fit()
    assert other.mode == Mode("compile", "as requested")
    assert modes.heard == [other.mode]
    for expected, found in zip(one.epochs, other.epochs, strict=True):
        assert found.train == pytest.approx(expected.train, rel=1e-4)
        assert found.validation == pytest.approx(expected.validation, rel=1e-4)
    assert compiled.step == 12


class ReadsBack(ELBO):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        return {**terms, "loss": terms["loss"] * (2.0 if terms["kl"].item() > 1e9 else 1.0)}


@pytest.mark.filterwarnings("ignore")
def test_what_does_not_compile_is_trained_eagerly_and_says_why_once(compiler: Any) -> None:
    modes = Modes()
    trainer, plain = make_trainer(loss_class=ReadsBack, mode="compile", listeners=(modes,)), make_trainer()
    outcome = trainer.fit()
    plain.fit()
    assert [mode.name for mode in modes.heard] == ["compile", "eager"]
    assert outcome.mode == modes.heard[1]
    assert outcome.mode.why.startswith("compile failed: ")
    assert "\n" not in outcome.mode.why
    assert_equal(weights(trainer), weights(plain))


@pytest.mark.parametrize("fails_at", [0, 1, 6])
def test_a_compiler_that_gives_up_leaves_the_training_as_it_would_have_been(
    fails_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, as without a C++ compiler, or in a later step, after it has drawn noise."""
    calls = iter(range(100))

    def compile(objective: Any, **options: Any) -> Any:
        def run(*arguments: Any) -> Any:
            terms = objective(*arguments)
            if next(calls) == fails_at:
                raise RuntimeError("No working C++ compiler found\n  in any of these places")
            return terms

        return run

    monkeypatch.setattr(torch, "compile", compile)
    modes = Modes()
    trainer, plain = make_trainer(mode="compile", listeners=(modes,), ema=0.5), make_trainer(ema=0.5)
    outcome = trainer.fit()
    plain.fit()
    assert_equal(weights(trainer), weights(plain))
    where = f" at step {fails_at}" if fails_at else ""
    assert outcome.mode == Mode("eager", f"compile failed{where}: RuntimeError: No working C++ compiler found")
    assert [mode.name for mode in modes.heard] == ["compile", "eager"]


def test_an_error_of_the_models_own_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ELBO):
        def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
            if int(step) == 5:
                raise ZeroDivisionError("mine")
            return super().forward(model, batch, step)

    monkeypatch.setattr(torch, "compile", lambda objective, **options: objective)
    with pytest.raises(ZeroDivisionError, match="mine"):
        make_trainer(loss_class=Broken, mode="compile").fit()


def test_a_long_error_is_told_in_a_line() -> None:
    assert in_short(ValueError("\n  first \nsecond")) == "ValueError: first"
    assert in_short(KeyError()) == "KeyError"
    assert len(in_short(ValueError("x" * 1000))) == 158


@pytest.mark.long
def test_bf16_stays_within_the_noise_of_seeds() -> None:
    """The mean over three seeds of the last epoch's validation loss, against the spread of those seeds in float32."""
    last = {
        precision: [
            make_trainer(epochs=15, lr=0.01, seed=seed, precision=precision).fit().epochs[-1].validation["loss"]
            for seed in range(3)
        ]
        for precision in ("fp32", "bf16")
    }
    spread = max(last["fp32"]) - min(last["fp32"])
    assert abs(sum(last["bf16"]) - sum(last["fp32"])) / 3 < spread
