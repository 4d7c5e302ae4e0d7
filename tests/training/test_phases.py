"""Steps of several phases: against a plain loop, and where they stop, resume, are captured or not finite."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from replay import record
from small_game import Game, Line, everything, make_game
from small_trainer import assert_equal, in_two, stop_at
from torch import Tensor, nn

import genzoo
from genzoo.core.errors import NonFiniteError, PluginError, UsageError
from genzoo.core.noise import derive_seed, seeded
from genzoo.testing import SPECS, Pair
from genzoo.training.cuda_graph import GraphStep
from genzoo.training.objective import Objective
from genzoo.training.phases import Piece, cycle, minimised, trained_by
from genzoo.training.trainer import Trainer

EVERYTHING: dict[str, Any] = {
    "ema": 0.9,
    "schedule": "cosine",
    "lr_warmup": 3,
    "patience": 9,
    "grad_clip": 0.3,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "save_every": 1e9,
}
PHASE = genzoo.Phase


def by_hand(trainer: Trainer, steps: int) -> tuple[dict[str, Tensor], list[list[dict[str, float]]]]:
    """Return weights after a loop in plain torch with an optimiser for each phase, and the terms of each phase."""
    model, loss, x = trainer.objective.model, trainer.objective.loss, trainer.train_data.x
    critic = torch.optim.Adam(loss.parameters(), lr=0.02, betas=(0.5, 0.9), fused=True)
    generator = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    terms: list[list[dict[str, float]]] = [[], []]
    batches = [
        index
        for epoch in range(1, steps // 5 + 1)
        for index in torch.randperm(40, generator=torch.Generator().manual_seed(derive_seed(0, "order", epoch))).split(
            8
        )
    ]
    for step, index in enumerate(batches):
        for phase, optimizer, every in ((0, critic, 1), (1, generator, 3)):
            if (step + 1) % every == 0:
                torch.manual_seed(derive_seed(0, "step", step, *((phase,) if phase else ())))
                optimizer.zero_grad()
                found = loss(model, genzoo.Batch(x[index]), torch.tensor(step), phase)
                found["model" if phase else "critic"].backward()
                optimizer.step()
                terms[phase].append({name: term.item() for name, term in found.items()})
        with torch.no_grad():
            loss.after_step(model, genzoo.Batch(x[index]), torch.tensor(step))
    return {name: value.clone() for name, value in trainer.objective.state_dict().items()}, terms


def test_two_phases_are_the_plain_loop_with_two_optimisers_bit_for_bit() -> None:
    trainer = make_game(epochs=4)
    outcome = trainer.fit()
    weights, (critic, model) = by_hand(make_game(), 20)
    assert_equal(dict(trainer.objective.state_dict()), weights)
    assert len(model) == 6
    for epoch, parts in zip(outcome.epochs, ((0, 1), (1, 3), (3, 5), (5, 6)), strict=True):
        own = critic[5 * epoch.epoch - 5 : 5 * epoch.epoch], model[slice(*parts)]
        means = {name: sum(row[name] for row in rows) / len(rows) for rows in own for name in rows[0]}
        assert epoch.train == pytest.approx(means, rel=1e-6), "means over the steps in which the phase was active"
        assert list(epoch.train) == list(epoch.validation) == ["critic", "gap", "model", "length"]


def test_validation_has_the_terms_of_all_phases_and_patience_looks_at_the_watched_one() -> None:
    trainer = make_game(epochs=6, patience=2)
    outcome = trainer.fit()
    gaps = [epoch.validation["gap"] for epoch in outcome.epochs]
    assert outcome.best_epoch == gaps.index(min(gaps)) + 1
    assert trainer.stopping.best == min(gaps)


def test_an_epoch_without_a_step_of_a_phase_has_none_of_its_terms() -> None:
    epochs = make_game(batch_size=20).fit().epochs
    assert [list(epoch.train) for epoch in epochs] == [["critic", "gap"], *[["critic", "gap", "model", "length"]] * 2]


class Bilinear(genzoo.Loss):
    """min over x, max over y of xy."""

    phases = (PHASE("x", of="model"), PHASE("y", of="loss"))

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.y = nn.Parameter(torch.tensor(1.0))

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        return {"y": -model.x * self.y} if phase else {"x": model.x * self.y}  # type: ignore[operator]


class Simultaneous(Bilinear):
    """The same gradients, by one phase."""

    phases = (PHASE(),)

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        x = model.x
        return {"loss": x * self.y.detach() - x.detach() * self.y}  # type: ignore[operator, union-attr]


def played(loss_class: type[Bilinear], steps: int = 100) -> list[float]:
    """The distance of (x, y) from the equilibrium after each step of gradient descent at rate 0.1, from (1, 1)."""
    trainer = make_game()
    model: Any = Line(trainer.objective.model.spec, Line.Config())
    del model.net
    model.x = nn.Parameter(torch.tensor(1.0))
    game = make_game(epochs=steps // 5, optimizer="sgd", lr=0.1)
    game = Trainer(model, loss_class(model, None), game.training, game.train_data)
    distances = []
    for number in range(steps):
        game.body(number, (torch.arange(8),))
        distances.append(math.hypot(model.x.item(), game.objective.loss.y.item()))  # type: ignore[operator]
    return distances


def test_alternating_steps_of_a_bilinear_game_stay_bounded_and_simultaneous_ones_leave_it() -> None:
    """Simultaneous steps multiply the distance by √(1 + η²); alternating ones keep x² + y² − ηxy."""
    apart = played(Simultaneous)
    assert apart[-1] == pytest.approx(math.sqrt(2) * 1.01**50, rel=1e-5)
    assert apart[-1] == pytest.approx(2.326, abs=1e-3)
    assert max(played(Bilinear)) <= 1.4143
    assert played(Bilinear)[-1] == pytest.approx(1.394, abs=1e-3)


@pytest.mark.parametrize(("phase", "own", "others"), [(0, "loss.critic.", "model"), (1, "model.net.", "loss")])
def test_the_gradient_of_a_phase_reaches_its_own_parameters_alone(phase: int, own: str, others: str) -> None:
    """The critic is in the term of both; the other gets no gradient, and its weights and moments stay bit for bit."""
    trainer = make_game()
    before, update, other = everything(trainer), trainer.optimizer.step, getattr(trainer.objective, others)

    def checked(*arguments: Any, **options: Any) -> None:
        assert all(parameter.grad is None for parameter in other.parameters())
        update(*arguments, **options)

    trainer.optimizer.step = checked  # type: ignore[method-assign]
    with seeded(0):
        trainer.body.body((torch.arange(8),), Piece(phase, last=False))
    changed = {name for name, value in everything(trainer).items() if not torch.equal(value, before[name])}
    assert {name.removeprefix("trained.").removeprefix("objective.")[: len(own)] for name in changed} == {own}
    assert all(parameter.grad is None for parameter in trainer.parameters)


@pytest.mark.every(4)
@pytest.mark.parametrize("options", [{}, EVERYTHING, {"on_nan": "skip"}], ids=["plain", "everything", "skip"])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 11])
def test_a_training_resumed_after_any_step_is_one_that_never_stopped(
    step: int, options: dict[str, Any], tmp_path: Path
) -> None:
    whole = make_game(**options)
    whole.fit()
    second = in_two(lambda: make_game(**options), tmp_path, step)
    assert_equal(everything(second), everything(whole))
    for one, other in zip(second.outcome.epochs, whole.outcome.epochs, strict=True):
        assert (one.train, one.validation) == (other.train, other.validation)


class PoisonedModel(Game):
    """The second phase is nan in the sixth step, after the first one has changed the critic."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step, phase)
        factor = torch.where(step == 5, torch.nan, 1.0)
        return {**terms, "model": terms["model"] * factor} if phase and self.training else terms


class PoisonedCritic(Game):
    """The first phase is nan in the sixth step."""

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step, phase)
        factor = torch.where(step == 5, torch.nan, 1.0)
        return {**terms, "critic": terms["critic"] * factor} if not phase and self.training else terms


class PoisonedHook(Game):
    """The hook makes its buffer nan in the sixth step."""

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        super().after_step(model, batch, step)
        self.seen.mul_(torch.where(step == 5, torch.nan, 1.0))  # type: ignore[operator]


class Hookless(Game):
    """Without a hook, so that only what the first phase changes has to be restored."""

    after_step = genzoo.Loss.after_step


class HooklessPoisonedModel(PoisonedModel):
    after_step = genzoo.Loss.after_step


class HooklessPoisonedCritic(PoisonedCritic):
    after_step = genzoo.Loss.after_step


POISONED = [PoisonedCritic, PoisonedModel, PoisonedHook]


@pytest.mark.parametrize("loss_class", [*POISONED, HooklessPoisonedModel, HooklessPoisonedCritic])
def test_a_step_that_is_not_finite_in_any_phase_changes_nothing(loss_class: type[Game]) -> None:
    hookless = loss_class.after_step is genzoo.Loss.after_step
    healthy, trainer = make_game(Hookless if hookless else Game, ema=0.9), make_game(loss_class, ema=0.9)
    stop_at(healthy, 5)
    healthy.fit()
    with pytest.raises(NonFiniteError) as error:
        trainer.fit()
    assert "at epoch 2, step 6 (batch 1 of 5" in error.value.message
    assert ("norm nan" in error.value.message) == (loss_class is not PoisonedHook)
    assert_equal(everything(trainer), everything(healthy))


@pytest.mark.parametrize("loss_class", POISONED)
def test_a_skipped_step_leaves_no_trace(loss_class: type[Game]) -> None:
    trainer = make_game(loss_class, on_nan="skip", epochs=2, ema=0.9)
    taken: list[dict[str, Tensor]] = []
    make = trainer._train_step

    def noted(*inputs: Tensor) -> None:
        make(*inputs)
        taken.append(everything(trainer))

    trainer._train_step = noted  # type: ignore[method-assign]
    outcome = trainer.fit()
    assert outcome.skipped == 1
    assert_equal(taken[5], taken[4])
    assert not torch.equal(taken[6]["objective.loss.seen"], taken[5]["objective.loss.seen"])
    assert all(math.isfinite(value) for value in outcome.epochs[1].train.values())
    plain = make_game(epochs=1, ema=0.9).fit()
    assert outcome.epochs[0].train == plain.epochs[0].train


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "everything"])
def test_replays_of_every_pattern_are_eager_steps_bit_for_bit(options: dict[str, Any]) -> None:
    eager, graph = make_game(**options), make_game(**options)
    with seeded(0):
        for trainer in (eager, graph):
            trainer._prepare()
        inputs = list(graph.train_data.inputs(graph._batches(1)))
        captured = GraphStep(graph.body, inputs, record)
        assert [len(replays) for replays in captured.replays.values()] == [1, 2]
        assert int(graph.body.number) == 0
        for number in range(13):
            eager.body(number, inputs[number % 5])
            captured(number, inputs[number % 5])
    assert_equal(everything(graph), everything(eager))
    assert graph.body.means(13) == eager.body.means(13)


class Quiet(Game):
    """Compiled steps draw other random numbers."""

    def noise(self, like: Tensor) -> Tensor:
        return like.flip(0)


@pytest.mark.long  # it compiles
def test_compiled_phases_train_as_eager_ones() -> None:
    eager, compiled = make_game(Quiet, mode="eager"), make_game(Quiet, mode="compile")
    eager.fit()
    assert compiled.fit().mode.name == "compile"
    torch.testing.assert_close(everything(compiled), everything(eager), rtol=1e-3, atol=1e-5)


class SecondOrder(Game):
    second_order = True


def test_a_loss_that_differentiates_is_not_compiled() -> None:
    trainer, plain = make_game(SecondOrder, mode="compile"), make_game()
    plain.fit()
    assert str(trainer.fit().mode) == "eager steps (torch.compile cannot differentiate twice, as this loss does)"
    assert_equal(everything(trainer), everything(plain))


def test_each_step_has_its_phases() -> None:
    steps = cycle((PHASE(), PHASE(every=2), PHASE(every=3)))
    assert [[piece.phase for piece in pieces] for pieces in steps] == [[0], [0, 1], [0, 2], [0, 1], [0], [0, 1, 2]]
    assert [(piece.first, piece.last) for piece in steps[5]] == [(True, False), (False, False), (False, True)]
    assert cycle((PHASE(),)) == [(Piece(),)]


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        (
            (PHASE("critic", of="loss.critc"), PHASE("model", of="model")),
            r"phase 0 .*trains 'loss.critc', and no train",
        ),
        ((PHASE("critic", of="loss"), PHASE("model")), r"phases 0 and 1 both train loss\.critic\.0\.bias"),
        ((PHASE("critic", of="loss.critic.0"), PHASE("model", of="model")), r"no phase trains loss\.critic\.2\.bias"),
        ((PHASE("critic", of="loss.crit"), PHASE("model", of="model")), r"trains 'loss.crit', and no trainable"),
        ((PHASE("critic", of="loss", every=2), PHASE("model", of="model", every=3)), r"active every 2, 3 steps"),
        ((PHASE("critic", of="loss"), PHASE("model", of="model", every=0)), r"active every 1, 0 steps"),
        ((), r"active every  steps"),
    ],
)
def test_phases_that_do_not_fit_the_parameters_are_refused(phases: tuple[genzoo.Phase, ...], message: str) -> None:
    loss_class = type("Wrong", (Game,), {"phases": phases, "Config": Game.Config})
    with pytest.raises(PluginError, match=message) as error:
        make_game(loss_class)
    if "critc" in message:
        assert error.value.hint.endswith("Did you mean 'loss.critic'?")


class SameName(Game):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor, phase: int = 0) -> dict[str, Tensor]:
        return {**super().forward(model, batch, step, phase), "gap": torch.zeros(())}


def test_phases_that_return_terms_of_one_name_are_refused() -> None:
    with pytest.raises(PluginError, match="two phases of the loss return 'gap'"):
        make_game(SameName).fit()


class Unwatched(Game):
    watched = ""


class Missing(Game):
    watched = "distance"


def test_what_patience_cannot_look_at_is_refused() -> None:
    with pytest.raises(UsageError, match="no term of this loss tells which epoch is better"):
        make_game(Unwatched, patience=1)
    assert len(make_game(Unwatched).fit().epochs) == 3
    with pytest.raises(PluginError, match="has no term 'distance' to watch"):
        make_game(Missing).fit()


class Long(Game):
    """Keeps what the hook is told."""

    def begin(self, model: genzoo.Model, total_steps: int) -> None:
        assert not torch.is_grad_enabled()
        self.total_steps = total_steps
        self.seen.fill_(1.0)  # type: ignore[operator]


def test_begin_is_called_before_the_first_step_and_what_it_sets_is_restored_on_resume() -> None:
    from genzoo.training import snapshot

    whole, first, second = (make_game(Long, ema=0.9) for _ in range(3))
    whole.fit()
    assert whole.objective.loss.total_steps == 15
    stop_at(first, 7)
    first.fit()
    second.fit(snapshot.take(first))
    assert_equal(everything(second), everything(whole))
    assert not torch.equal(whole.objective.loss.seen, make_game().objective.loss.seen)  # type: ignore[arg-type]


class WithoutPhase(genzoo.Loss):
    phases = (PHASE("loss", of="model"), PHASE("critic", of="loss"))

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        return {"loss": batch.x.mean()}


def test_a_loss_of_phases_that_takes_none_and_a_term_that_is_not_returned_are_one_line() -> None:
    model = Pair.of("vae", spec=SPECS["points"]).build().model
    with pytest.raises(PluginError, match="WithoutPhase has 2 phases, and its forward takes none"):
        trained_by(Objective(model, WithoutPhase(model, None)))
    loss = WithoutPhase(model, None)
    with pytest.raises(PluginError, match="WithoutPhase returns other in phase 1, and not 'critic'"):
        minimised(loss, {"other": torch.zeros(())}, 1)
