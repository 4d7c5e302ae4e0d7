"""The adversarial losses against closed forms: optimal critics, penalties, and what each phase trains."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from genzoo_plugins.adversarial.gan import Adversarial, Game, Generator
from genzoo_plugins.adversarial.wasserstein import Wasserstein

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.training.config import Training
from genzoo.training.phases import Piece
from genzoo.training.trainer import Trainer

STEP, SHIFT = torch.tensor(0), 1.5
SPEC = genzoo.DataSpec((1,), "gaussian", size=1000)


def shifted(loss_class: type[Game], n: int, **options: Any) -> tuple[Generator, Game, genzoo.Batch]:
    """A generator of N(δ, 1), a loss with a linear critic, and n examples of N(0, 1)."""
    with seeded(0):
        model = Generator(SPEC, Generator.Config(latent_dim=1, hidden=()))
        loss = loss_class(model, loss_class.Config(critic=(), **options))
        x = torch.randn(n, 1)
    with torch.no_grad():
        model.net[0].weight.fill_(1.0)  # type: ignore[union-attr, operator]
        model.net[0].bias.fill_(SHIFT)  # type: ignore[union-attr, operator]
    return model, loss, genzoo.Batch(x)


def trained(model: Generator, loss: Game, batch: genzoo.Batch, steps: int, lr: float) -> tuple[float, float]:
    """Train the critic alone by the trainer's step; return the slope and the offset of its answers."""
    training = Training(lr=lr, batch_size=len(batch.x), epochs=steps, schedule="cosine")
    body = Trainer(model, loss, training, Resident(Split(batch.x), torch.device("cpu"))).body
    with seeded(0):
        for number in range(steps):
            body.optimizer.lr = body.rates(number)[0]
            body.reseed(number)
            body.body((torch.arange(len(batch.x)),), Piece(0))
    layer: Any = loss.critic[1]
    return layer.weight.item(), layer.bias.item()


def test_the_best_discriminator_of_two_gaussians_is_linear() -> None:
    """ln N(x; 0, 1) − ln N(x; δ, 1) = ½δ² − δx. Its cross-entropy is compared with a numerical integral."""
    model, loss, batch = shifted(Adversarial, 20_000)
    slope, offset = trained(model, loss, batch, 80, 0.2)
    assert slope == pytest.approx(-SHIFT, abs=0.06)
    assert offset == pytest.approx(SHIFT**2 / 2, abs=0.06)
    grid = torch.linspace(-12, 14, 20_001, dtype=torch.float64)
    p, g = ((-0.5 * (grid - at).square()).exp() / math.sqrt(2 * math.pi) for at in (0.0, SHIFT))
    entropy = torch.trapezoid(-(p * (p / (p + g)).log() + g * (g / (p + g)).log()), grid).item()
    assert loss(model, batch, STEP, 0)["critic"].item() == pytest.approx(entropy, abs=0.02)
    assert 0.5 < entropy < 2 * math.log(2)


def test_the_generator_follows_the_logit_even_where_the_discriminator_is_sure() -> None:
    """Non-saturating: for a logit of −30 the gradient is that of the logit, where ln(1 − D) would have none."""
    model, loss, batch = shifted(Adversarial, 4)
    layer: Any = loss.critic[1]
    torch.nn.init.constant_(layer.weight, 2.0)
    torch.nn.init.constant_(layer.bias, -60.0)
    (to_bias,) = torch.autograd.grad(loss(model, batch, STEP, 1)["generator"], [model.net[0].bias])  # type: ignore[union-attr]
    assert to_bias.item() == pytest.approx(-2.0, rel=1e-6)


def test_the_penalty_of_a_linear_critic_is_a_closed_form_with_its_gradient() -> None:
    spec = genzoo.DataSpec((3,), "gaussian", size=1000)
    with seeded(0):
        model = Generator(spec, Generator.Config(latent_dim=2, hidden=()))
        loss = Wasserstein(model, Wasserstein.Config(critic=(), penalty=10.0))
        x = torch.randn(5, 3)
    layer: Any = loss.critic[1]
    terms = loss(model, genzoo.Batch(x), STEP, 0)
    length = layer.weight.norm()
    assert terms["penalty"].item() == pytest.approx((length.item() - 1) ** 2, rel=1e-5)
    assert terms["critic"].item() == pytest.approx(10 * terms["penalty"].item() - terms["distance"].item(), rel=1e-5)
    (found,) = torch.autograd.grad(loss.penalty(x, torch.zeros_like(x)), layer.weight)
    torch.testing.assert_close(found, (2 * (length - 1) / length * layer.weight).detach(), rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        assert loss(model, genzoo.Batch(x), STEP, 0)["penalty"].item() == pytest.approx((length.item() - 1) ** 2)


def test_the_penalty_has_a_gradient_where_the_slope_is_zero() -> None:
    _, loss, batch = shifted(Wasserstein, 4)
    assert isinstance(loss, Wasserstein)
    layer: Any = loss.critic[1]
    torch.nn.init.zeros_(layer.weight)
    (found,) = torch.autograd.grad(loss.penalty(batch.x, batch.x + 1), layer.weight)
    assert bool(found.isfinite().all())


def test_the_best_linear_critic_of_two_gaussians_gives_the_distance_and_half_the_penalty() -> None:
    """max_w wδ − λ(|w| − 1)² is δ + δ²/4λ = 1.55625, at |w| = 1 + δ/2λ."""
    model, loss, batch = shifted(Wasserstein, 20_000)
    slope, _ = trained(model, loss, batch, 80, 0.2)
    assert slope == pytest.approx(-(1 + SHIFT / 20), abs=0.01)
    terms = loss(model, batch, STEP, 0)
    assert -terms["critic"].item() == pytest.approx(SHIFT + SHIFT**2 / 40, abs=0.03)


def test_five_steps_of_the_critic_for_one_of_the_generator() -> None:
    model, _, _ = shifted(Wasserstein, 4)
    phases = Wasserstein(model, Wasserstein.Config(critic_steps=3)).phases
    assert [(phase.of, phase.every, phase.betas) for phase in phases] == [("loss", 1, (0, 0.9)), ("model", 3, (0, 0.9))]
    assert Wasserstein(model, Wasserstein.Config()).phases[1].every == 5


@pytest.mark.parametrize("loss_class", [Adversarial, Wasserstein])
def test_each_player_trains_itself_alone(loss_class: type[Game]) -> None:
    with seeded(0):
        model = Generator(SPEC, Generator.Config(latent_dim=2, hidden=(8,)))
        loss = loss_class(model, loss_class.Config(critic=(8,)))
    body = Trainer(model, loss, Training(), Resident(Split(torch.randn(16, 1)), torch.device("cpu"))).body
    for phase, own in ((0, "loss."), (1, "model.")):
        before = {name: value.clone() for name, value in body.objective.state_dict().items()}
        with seeded(0):
            body.body((torch.arange(16),), Piece(phase))
        moved = {name for name, value in body.objective.state_dict().items() if not torch.equal(value, before[name])}
        assert moved
        assert all(name.startswith(own) for name in moved)


@pytest.mark.long  # 2,000 steps
def test_a_game_finds_the_mean_and_the_deviation_of_gaussian_data() -> None:
    with seeded(0):
        model = Generator(SPEC, Generator.Config(latent_dim=1, hidden=()))
        loss = Adversarial(model, Adversarial.Config(critic=(32,)))
        x = 0.5 * torch.randn(1280, 1) + 2.0
    training = Training(epochs=200, batch_size=128, lr=3e-3, schedule="cosine", ema=0.99)
    trainer = Trainer(model, loss, training, Resident(Split(x), torch.device("cpu")))
    trainer.fit()
    with seeded(1), torch.no_grad():
        samples = trainer.trained.model.sample(20_000)
    assert samples.mean().item() == pytest.approx(x.mean().item(), abs=0.1)
    assert samples.std().item() == pytest.approx(x.std().item(), abs=0.1)
