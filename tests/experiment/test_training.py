"""Training to the end, to a signal, and to a step that is not finite."""

from __future__ import annotations

import gc
import signal
from pathlib import Path

import pytest
import torch
from small_trainer import assert_equal, make_trainer, weights

import genzoo
from genzoo.core.listener import INTERRUPTED
from genzoo.experiment.training import fit
from genzoo.training.base import BaseTrainer
from genzoo.training.callback import Listener


def test_the_result_is_that_of_the_trainer() -> None:
    alone, trainer = make_trainer(), make_trainer()
    outcome = alone.fit(None)
    trained = fit(trainer, None)
    assert trained.outcome.epochs[-1].train == outcome.epochs[-1].train
    assert (trained.outcome.step, trained.stopped_by, trained.outcome.stopped) == (8, 0, "")
    assert_equal(dict(trained.model.state_dict()), weights(alone))


def test_with_an_average_of_the_weights_the_average_is_the_model() -> None:
    trainer = make_trainer(ema=0.9)
    trained = fit(trainer, None)
    assert trained.model is not trainer.objective.model
    pairs = zip(trained.model.parameters(), trainer.objective.model.parameters(), strict=True)
    assert not all(torch.equal(average, last) for average, last in pairs)


def test_a_signal_ends_the_step_at_hand_and_is_named() -> None:
    class Terminating(Listener):
        def stepped(self, done: int, terms: object) -> None:
            if done == 2:
                signal.raise_signal(signal.SIGINT)

    trained = fit(make_trainer(listeners=(Terminating(),)), None)
    assert (trained.outcome.stopped, trained.stopped_by) == (INTERRUPTED, signal.SIGINT)
    assert trained.outcome.step in (2, 3)


def test_what_a_run_needed_is_free_when_it_ends(tmp_path: Path) -> None:
    """Nothing keeps the trainer but the run: a benchmark of many runs does not wait for Python to look for circles."""
    gc.disable()
    try:
        before = {id(owner) for owner in gc.get_objects() if issubclass(type(owner), BaseTrainer)}
        genzoo.run("vae", "moons", epochs=1, hidden=(8,), data={"train": 64}, out=tmp_path / "run", quiet=True)
        assert not [
            owner for owner in gc.get_objects() if issubclass(type(owner), BaseTrainer) and id(owner) not in before
        ]
    finally:
        gc.enable()


def test_parameters_without_a_gradient_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`l1` has no prior in it: the pseudo-inputs of `vamp-vae` stay as they were at the start."""
    options = {"hidden": (8,), "data": {"train": 64}, "batch_size": 64, "epochs": 1, "quiet": True}
    genzoo.run("vamp-vae", "moons", loss="l1", out=tmp_path / "l1", **options)
    assert capsys.readouterr().err == (
        "genzoo: the loss l1 trains no prior_part.inputs of vamp-vae: what has no gradient keeps its first values; its "
        "own loss, elbo, trains all\n"
    )
    genzoo.resume(tmp_path / "l1", epochs=2)
    assert "the loss l1 trains no prior_part.inputs" in capsys.readouterr().err
    genzoo.run("vamp-vae", "moons", out=tmp_path / "elbo", **options)
    genzoo.run("aae", "moons", out=tmp_path / "phases", **options)
    assert not capsys.readouterr().err
