"""The interface of a run listener; `tests/experiment/test_listeners.py` tests how a run calls it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import genzoo


def test_a_listener_needs_only_the_methods_it_overrides() -> None:
    losses: list[float] = []

    class Losses(genzoo.RunListener):
        def epoch_finished(self, run: Any, epoch: genzoo.Epoch) -> None:
            losses.append(epoch.train["loss"])

    listener = Losses()
    listener.run_started(None)  # type: ignore[arg-type]
    for number in (1, 2):
        listener.epoch_finished(None, genzoo.Epoch(number, 10 * number, {"loss": 1 / number}, {}, 0.5, 100, 1e-3))
    listener.run_finished(None, "finished")  # type: ignore[arg-type]
    assert losses == [1.0, 0.5]


def test_an_epoch_cannot_be_changed_by_a_listener() -> None:
    epoch = genzoo.Epoch(1, 10, {"loss": 2.0}, {}, 0.5, 100, 1e-3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        epoch.step = 0  # type: ignore[misc]
