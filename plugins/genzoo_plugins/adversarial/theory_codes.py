"""Theory of adversarial losses of models with codes: closed forms of linear models."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

import genzoo
from genzoo.core.theory import Case
from genzoo_plugins.adversarial.infogan import CodedGenerator, Information
from genzoo_plugins.adversarial.theory import COUNT, SHIFT, STEP, linear_of
from genzoo_plugins.adversarial.vae_gan import VAEGAN, LearnedSimilarity
from genzoo_plugins.losses.elbo import ELBO


def vae_gan() -> Iterator[Case]:
    """With f(x) = x and λ = 0 the loss is that of a VAE with N(x̂, σ²I); the answers reach the decoder alone."""
    size, batch = 3, genzoo.Batch(torch.randn(64, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    with genzoo.seeded(0):
        model = VAEGAN(
            genzoo.DataSpec((size,), "gaussian:0.5", size=1000), VAEGAN.Config(latent_dim=2, hidden=(8,))
        ).double()
    deaf, plain = similarity(model, answer_weight=0.0), ELBO(model, ELBO.Config())
    terms, of_elbo = terms_of(model, deaf, batch), terms_of(model, plain, batch)
    constant = size * (0.5 * math.log(2 * math.pi) + math.log(0.5))
    yield Case(
        "loss of f(x) = x: −ELBO − D·ln √(2π)σ, nats", terms["loss"].item(), of_elbo["loss"].item() - constant, 1e-9
    )
    yield Case.largest("its gradient", slopes(model, terms), slopes(model, of_elbo), 1e-9)
    heard = slopes(model, terms_of(model, similarity(model, answer_weight=1.0), batch)) - slopes(model, terms)
    encoder = sum(parameter.numel() for parameter in model.encoder.parameters())
    yield Case("largest gradient of the answers to the posterior", heard[:encoder].abs().max().item(), 0.0, 0.0)
    loss = similarity(model, answer_weight=1.0)
    critic = linear_of(loss.critic)
    torch.nn.init.constant_(critic.bias, -100.0)
    last = list(model.decoder.parameters())[-1]
    sure = slopes(model, terms_of(model, loss, batch))[-last.numel() :] - slopes(model, terms)[-last.numel() :]
    yield Case.largest("of a discriminator that is sure, to the decoder: −w", sure, -critic.weight[0].detach(), 1e-9)
    for parameter in loss.critic.parameters():
        torch.nn.init.zeros_(parameter)
    found = terms_of(model, loss, batch, 1)["critic"].item()
    yield Case("a discriminator at chance: 2 ln 2, nats", found, 2 * math.log(2), 1e-9)


def similarity(model: VAEGAN, answer_weight: float) -> LearnedSimilarity:
    """Return the loss with a linear critic, whose features are x."""
    with genzoo.seeded(1):
        return LearnedSimilarity(
            model, LearnedSimilarity.Config(critic=(), feature_deviation=0.5, answer_weight=answer_weight)
        ).double()


def terms_of(
    model: genzoo.Model, loss: genzoo.Loss, batch: genzoo.Batch, phase: int | None = None
) -> dict[str, Tensor]:
    """Return the terms of a loss, or of one of its phases, with seed 2."""
    with genzoo.seeded(2):
        terms: dict[str, Tensor] = loss(model, batch, STEP, *(() if phase is None else (phase,)))
    return terms


def slopes(model: genzoo.Model, terms: dict[str, Tensor]) -> Tensor:
    """Return the gradient of the loss to all weights of the model, in their order."""
    gradients = torch.autograd.grad(terms["loss"], list(model.parameters()), retain_graph=True)
    return torch.cat([gradient.flatten() for gradient in gradients])


def infogan() -> Iterator[Case]:
    """A class that moves N(0, 1) by δ, and a code that moves it: the information by quadrature and in closed form."""
    model, loss, batch = linear(classes=2, codes=0, moves=(0.0, SHIFT, 1.0))
    set_layer(loss.readout, [0.0, SHIFT], [0.0, -(SHIFT**2) / 2])
    grid = torch.linspace(-12, 14, 20_001, dtype=torch.float64)
    one, other = (torch.distributions.Normal(at, 1.0).log_prob(grid) for at in (0.0, SHIFT))
    mixed = torch.logaddexp(one, other) - math.log(2)
    truth = torch.trapezoid(0.5 * (one.exp() * (one - mixed) + other.exp() * (other - mixed)), grid).item()
    yield Case("information on the class with the best Q: by quadrature, nats", found(model, loss, batch), truth, 0.015)
    set_layer(linear_of(loss.critic), [0.0], [0.0])
    for phase, name, players in ((0, "critic", 2 * math.log(2)), (1, "generator", math.log(2))):
        both = terms_of(model, loss, batch, phase)[name].item()
        yield Case(f"{name} at chance, less the information", both, players - truth, 0.015)
    set_layer(loss.readout, [0.0, 2 * SHIFT], [0.0, -(SHIFT**2) / 2])
    yield Case("how much less another Q finds", truth - found(model, loss, batch), 0.0, 0.0, one_sided=True)
    set_layer(linear_of(model.net), [0.0, 50.0, 1.0], [0.0])
    set_layer(loss.readout, [0.0, 50.0], [0.0, -1250.0])
    yield Case("of samples far apart: H(c) = ln 2", found(model, loss, batch), math.log(2), 1e-9)
    model, loss, batch = linear(classes=0, codes=1, moves=(SHIFT, 1.0))
    share = 1 / (1 + SHIFT**2)
    set_layer(loss.readout, [SHIFT * share, 0.0], [0.0, math.log(share)])
    yield Case("on a Gaussian code: ½ ln(1 + a²), nats", found(model, loss, batch), -0.5 * math.log(share), 0.015)
    critic, weights = terms_of(model, loss, batch, 0)["critic"], list(loss.readout.parameters())
    slopes_of_q = torch.cat([slope.flatten() for slope in torch.autograd.grad(critic, weights)])
    yield Case.largest("gradient of the best Q", slopes_of_q, 0.0, 0.03)
    for parameter in (*linear_of(loss.critic).parameters(), *weights):
        torch.nn.init.zeros_(parameter)
    at_chance = terms_of(model, loss, batch, 0)["critic"].item()
    yield Case("players at chance: 2 ln 2 (squared errors: ½), no information", at_chance, 2 * math.log(2), 0.02)


def linear(classes: int, codes: int, moves: tuple[float, ...]) -> tuple[CodedGenerator, Information, genzoo.Batch]:
    """Return the generator x = moves·(c, z), and the loss with a linear critic and Q of x."""
    with genzoo.seeded(0):
        spec = genzoo.DataSpec((1,), "gaussian", size=1000)
        options = CodedGenerator.Config(latent_dim=len(moves), classes=classes, codes=codes, hidden=())
        model = CodedGenerator(spec, options).double()
        loss = Information(model, Information.Config(critic=())).double()
    set_layer(linear_of(model.net), list(moves), [0.0])
    return model, loss, genzoo.Batch(torch.zeros(COUNT, 1, dtype=torch.float64))


def set_layer(layer: torch.nn.Linear, weight: list[float], bias: list[float]) -> None:
    """Set the weights of a linear layer."""
    layer.weight.data.copy_(torch.tensor(weight, dtype=torch.float64).view_as(layer.weight))
    layer.bias.data.copy_(torch.tensor(bias, dtype=torch.float64))


def found(model: CodedGenerator, loss: Information, batch: genzoo.Batch) -> float:
    """Return the information, in nats."""
    return terms_of(model, loss, batch, 1)["information"].item()
