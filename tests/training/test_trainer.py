"""The trainer against a plain training loop, and the effect of its options."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.vae import VAE
from small_trainer import POINTS, assert_equal, make_trainer, weights
from torch import Tensor, nn

import genzoo
from genzoo.core.noise import derive_seed
from genzoo.training.callback import Listener
from genzoo.training.objective import objective_terms
from genzoo.training.trainer import Trainer


def by_hand(trainer: Trainer, epochs: int, fused: bool = True) -> tuple[dict[str, Tensor], list[float]]:
    """Return the final weights and the mean loss of each epoch, trained by a loop in plain torch."""
    model, loss, x = trainer.objective.model, trainer.objective.loss, trainer.train_data.x
    optimizer = torch.optim.Adam(model.parameters(), lr=trainer.training.lr, fused=fused)
    means, step = [], 0
    for epoch in range(1, epochs + 1):
        generator = torch.Generator().manual_seed(derive_seed(0, "order", epoch))
        losses = []
        for index in torch.randperm(len(x), generator=generator).split(50):
            torch.manual_seed(derive_seed(0, "step", step))
            optimizer.zero_grad()
            value = loss(model, genzoo.Batch(x[index]), torch.tensor(step))["loss"]
            value.backward()
            optimizer.step()
            losses.append(value.item())
            step += 1
        means.append(sum(losses) / len(losses))
    return {name: value.clone() for name, value in model.state_dict().items()}, means


def test_the_trainer_is_the_plain_loop_bit_for_bit() -> None:
    trainer = make_trainer(epochs=3)
    outcome = trainer.fit()
    reference, means = by_hand(make_trainer(), epochs=3)
    assert_equal(weights(trainer), reference)
    assert [epoch.train["loss"] for epoch in outcome.epochs] == pytest.approx(means, rel=1e-6)
    unfused, _ = by_hand(make_trainer(), epochs=3, fused=False)
    for name, value in weights(trainer).items():
        torch.testing.assert_close(value, unfused[name], rtol=1e-4, atol=1e-5)


def test_training_does_not_change_torchs_generator() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    make_trainer().fit()
    assert torch.equal(torch.get_rng_state(), before)


def test_an_epoch_is_a_fresh_permutation_in_batches_of_one_size() -> None:
    trainer = make_trainer(batch_size=60)
    assert trainer.steps_per_epoch == 3
    orders = [list(trainer._batches(epoch)) for epoch in (1, 2, 3)]
    for batches in orders:
        assert [len(batch) for batch in batches] == [60, 60, 60]
        index = torch.cat(batches)
        assert len(index.unique()) == 180
        assert index.min() >= 0
        assert index.max() < POINTS
    assert not torch.equal(torch.cat(orders[0]), torch.cat(orders[1]))
    left_out = [set(range(POINTS)) - set(torch.cat(batches).tolist()) for batches in orders]
    assert left_out[0] != left_out[1] != left_out[2], "each epoch leaves out other examples"
    again = list(make_trainer(batch_size=60)._batches(1))
    assert torch.equal(torch.cat(again), torch.cat(orders[0]))
    other = list(make_trainer(batch_size=60, seed=1)._batches(1))
    assert not torch.equal(torch.cat(other), torch.cat(orders[0]))


def test_batches_that_divide_the_data_use_every_example() -> None:
    assert sorted(torch.cat(list(make_trainer()._batches(1))).tolist()) == list(range(POINTS))


@pytest.mark.parametrize("size", [POINTS, POINTS + 1, 10_000])
def test_a_batch_has_at_most_all_examples(size: int) -> None:
    trainer = make_trainer(batch_size=size, epochs=1)
    outcome = trainer.fit()
    assert (trainer.batch_size, trainer.step) == (POINTS, 1)
    assert outcome.epochs[0].images == POINTS


def test_validation_is_the_training_objective() -> None:
    """With β = 5 the loss is not the bound, in validation as in training."""

    class Heavy(ELBO):
        @genzoo.config
        class Config(ELBO.Config):
            beta: float = 5.0

    outcome = make_trainer(loss_class=Heavy).fit()
    for record in outcome.epochs:
        for terms in (record.train, record.validation):
            assert terms["loss"] == pytest.approx(terms["reconstruction"] + 5 * terms["kl"], rel=1e-5)


def test_validation_does_not_change_the_training() -> None:
    one, other = make_trainer(), make_trainer()
    other.validation_data = None
    first, second = one.fit(), other.fit()
    assert_equal(weights(one), weights(other))
    assert [epoch.validation for epoch in second.epochs] == [{}, {}]
    assert [epoch.train for epoch in first.epochs] == [epoch.train for epoch in second.epochs]


def test_the_moving_average_is_validated_and_saved() -> None:
    """Compare with an average computed from the weights of every step."""
    path: list[dict[str, Tensor]] = []

    class Path(Listener):
        def stepped(self, done: int, terms: object) -> None:
            path.append({name: value.clone() for name, value in trainer.objective.state_dict().items()})

    trainer = make_trainer(listeners=(Path(),), ema=0.7)
    start = {name: value.clone() for name, value in trainer.objective.state_dict().items()}
    outcome = trainer.fit()
    average = start
    for t, now in enumerate(path, start=1):
        d = min(0.7, (1 + t) / (10 + t))
        average = {name: d * average[name] + (1 - d) * value for name, value in now.items()}
    for name, value in trainer.trained.state_dict().items():
        torch.testing.assert_close(value, average[name], rtol=1e-5, atol=1e-6)
    assert trainer.trained is not trainer.objective
    assert trainer.validation_data is not None
    kept = objective_terms(trainer.trained, trainer.validation_data, torch.tensor(8))
    raw = objective_terms(trainer.objective, trainer.validation_data, torch.tensor(8))
    assert outcome.epochs[-1].validation == kept != raw
    plain = make_trainer()
    plain.fit()
    assert_equal(dict(trainer.objective.model.state_dict()), weights(plain))


def test_prepare_is_called_once_with_a_batch_and_before_the_average_starts() -> None:
    calls: list[tuple[int, ...]] = []

    class Prepared(VAE):
        def prepare(self, batch: genzoo.Batch) -> None:
            calls.append(tuple(batch.x.shape))
            for parameter in self.parameters():
                parameter.fill_(0.05)

    trainer = make_trainer(Prepared, epochs=1, batch_size=POINTS, ema=0.99, lr=1e-12)
    trainer.fit()
    assert calls == [(POINTS, 2)]
    for value in weights(trainer).values():
        torch.testing.assert_close(value, torch.full_like(value, 0.05))


def test_parameters_of_the_loss_are_trained_too() -> None:
    class Scaled(ELBO):
        def __init__(self, model: genzoo.Model, config: Any) -> None:
            super().__init__(model, config)
            self.offset = nn.Parameter(torch.tensor(3.0))

        def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
            terms = super().forward(model, batch, step)
            return {**terms, "loss": terms["loss"] + self.offset.square(), "offset": self.offset}

    trainer, plain = make_trainer(loss_class=Scaled, lr=0.01), make_trainer(lr=0.01)
    outcome = trainer.fit()
    plain.fit()
    offset = trainer.objective.loss.offset
    assert offset.item() == pytest.approx(
        3.0 - 8 * 0.01, abs=1e-3
    )  # a gradient of constant sign: Adam moves by lr per step
    assert outcome.epochs[-1].train["offset"] < 3.0
    assert_equal(weights(trainer), weights(plain))


def test_training_and_evaluation_modes() -> None:
    modes: list[tuple[bool, bool]] = []

    class Noted(ELBO):
        def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
            modes.append((model.training, torch.is_grad_enabled()))
            return super().forward(model, batch, step)

    make_trainer(loss_class=Noted, epochs=2).fit()
    assert modes == ([(True, True)] * 4 + [(False, False)]) * 2
