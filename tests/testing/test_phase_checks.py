"""The checks of phases and of `after_step` find the faults that they are for, and none in a sound game."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_game import SPEC, Game, Line
from torch import Tensor

import genzoo
from genzoo.core.errors import PluginError
from genzoo.registry.current import HERE, Entry
from genzoo.testing import CHECKS, Pair, assert_fullgraph, assert_graph_safe


def pair(loss_class: type[genzoo.Loss]) -> Pair:
    return Pair(Entry("model", "line", Line, "", HERE, loss="game"), Entry("loss", "game", loss_class, "", HERE), SPEC)


@pytest.mark.parametrize("check", ["phases", "after-step", "loss", "edges", "gradients", "learns", "graph-safe"])
def test_a_sound_game_passes(check: str) -> None:
    CHECKS[check](pair(Game))


def test_a_loss_of_one_phase_has_nothing_to_check() -> None:
    vae = Pair.of("vae")
    assert CHECKS["phases"](vae) == "one phase that trains everything"
    assert CHECKS["after-step"](vae) == "the loss has no after_step"


class Overlapping(Game):
    phases = (genzoo.Phase("critic", of="loss"), genzoo.Phase("model"))


class Clipping(Game):
    """Changes weights in the forward pass instead of in `after_step`."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        with torch.no_grad():
            self.critic[0].weight.clamp_(-0.1, 0.1)  # type: ignore[operator, union-attr]
        return super().forward(model, batch, step, phase)


class Unreached(Game):
    """The model's phase detaches its samples."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        if not phase:
            return super().forward(model, batch, step, phase)
        fakes = model.net(batch.x).detach()  # type: ignore[operator]
        return {"model": -self.critic(fakes).mean()}


class TwoOfOneName(Game):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        return {**super().forward(model, batch, step, phase), "gap": torch.zeros(())}


class Unwatched(Game):
    watched = "loss"


@pytest.mark.parametrize(
    ("loss_class", "found"),
    [
        (Overlapping, "phases 0 and 1 both train loss.critic.0.bias"),
        (Clipping, "the forward pass of phase 0 changes loss.critic.0.weight"),
        (Unreached, "the 'model' of phase 1 reaches none of its parameters"),
        (TwoOfOneName, "phases 0 and 1 both return 'gap'"),
        (Unwatched, "the watched term 'loss' is not one of"),
    ],
)
def test_phases_that_do_not_hold(loss_class: type[Game], found: str) -> None:
    with pytest.raises((AssertionError, PluginError), match=found):
        CHECKS["phases"](pair(loss_class))


class WrongName(Game):
    phases = (genzoo.Phase("critic", of="loss"), genzoo.Phase("generator", of="model"))


def test_a_phase_without_its_term() -> None:
    with pytest.raises(AssertionError, match='without "generator"'):
        CHECKS["loss"](pair(WrongName))


class Replacing(Game):
    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        self.seen = self.seen * 0.9  # type: ignore[operator]


class Reading(Game):
    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        self.seen.fill_(batch.x.mean().item())  # type: ignore[operator]


class Spoiling(Game):
    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        model.net.bias.grad = None  # type: ignore[union-attr]


class NotFinite(Game):
    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        self.seen.div_(0.0)  # type: ignore[operator]


class Outside(Game):
    """Keeps a weight that no checkpoint has."""

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.weight = torch.ones(())

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        return {name: self.weight * term for name, term in super().forward(model, batch, step, phase).items()}

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        self.weight.mul_(0.9)


@pytest.mark.parametrize(
    ("loss_class", "found"),
    [
        (Outside, "after_step changes what is in no buffer"),
        (Replacing, "after_step replaces loss.seen"),
        (Reading, "reads a value back to the host"),
        (Spoiling, "after_step changes the gradient of model.net.bias"),
        (NotFinite, "after_step makes loss.seen not finite"),
    ],
)
def test_hooks_that_do_not_hold(loss_class: type[Game], found: str) -> None:
    with pytest.raises(AssertionError, match=found):
        CHECKS["after-step"](pair(loss_class))


class ReadsInItsSecondPhase(Game):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step, phase)
        return {**terms, "model": 2 * terms["model"]} if phase and terms["length"] > 1e9 else terms


def test_every_phase_must_be_graph_safe_and_one_graph() -> None:
    faulty = pair(ReadsInItsSecondPhase)
    batches = [faulty.batch(4), faulty.batch(4)]
    with pytest.raises(AssertionError, match="reads a value back"):
        assert_graph_safe(faulty.build(), batches, [0, 5])
    with pytest.raises(AssertionError, match="not one graph"):
        assert_fullgraph(faulty.build(), batches[0])
    assert_fullgraph(pair(Game).build(), batches[0], steps=(0, 5))
