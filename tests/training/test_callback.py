"""The order and the arguments of the trainer's callbacks."""

from __future__ import annotations

from typing import Any

from small_trainer import POINTS, make_trainer

from genzoo.core.listener import Epoch
from genzoo.training.callback import Listener


def test_callbacks_are_called_for_every_epoch_and_step_in_order() -> None:
    heard: list[Any] = []

    class Heard(Listener):
        def epoch_started(self, epoch: int, steps: int) -> None:
            heard.append(("epoch", epoch, steps))

        def stepped(self, done: int, terms: Any) -> None:
            heard.append(done)
            assert list(terms(done)) == ["loss", "negative_elbo", "reconstruction", "kl"]

        def epoch_finished(self, record: Epoch) -> None:
            heard.append((record.epoch, record.step, record.images))

    make_trainer(listeners=(Heard(),)).fit()
    assert heard == [
        ("epoch", 1, 4), 1, 2, 3, 4, (1, 4, POINTS), ("epoch", 2, 4), 1, 2, 3, 4, (2, 8, POINTS),
    ]  # fmt: skip
