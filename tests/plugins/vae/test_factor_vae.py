"""The factor loss against theory: what its discriminator learns, and what reaches model and discriminator."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.factor_vae import Factor
from genzoo_plugins.vae.vae import VAE
from torch import Tensor

import genzoo
from genzoo.core.observation import Laplace
from genzoo.testing import SPECS, Pair, assert_fullgraph

STEP = torch.tensor(0)
SMALL = (64, 64)
POINTS = SPECS["points"]


def factor(model: genzoo.Model, gamma: float = 10.0) -> Factor:
    torch.manual_seed(1)
    return Factor(model, Factor.Config(gamma=gamma, discriminator=SMALL))


def gradients(loss: genzoo.Loss, model: genzoo.Model, batch: genzoo.Batch) -> tuple[list[Tensor], list[Tensor]]:
    """Of the model's parameters in the first phase and of the loss's own in the second, under one seed."""
    found = []
    for phase, parameters in zip(loss.phases, (model.parameters(), loss.parameters()), strict=False):
        torch.manual_seed(2)
        number = () if len(loss.phases) == 1 else (loss.phases.index(phase),)
        found.append(list(torch.autograd.grad(loss(model, batch, STEP, *number)[phase.term], list(parameters))))
    return found[0], found[-1]


def exact(one: list[Tensor], other: list[Tensor]) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def correlated(n: int, correlations: Tensor) -> Tensor:
    """n codes of a Gaussian with unit variances."""
    return torch.randn(n, len(correlations)) @ torch.linalg.cholesky(correlations).T


def gaussian_tc(correlations: Tensor) -> float:
    """−½ ln |R| nats."""
    return -0.5 * torch.logdet(correlations).item()


R2 = torch.tensor([[1.0, 0.8], [0.8, 1.0]])
R3 = torch.tensor([[1.0, 0.6, 0.0], [0.6, 1.0, -0.5], [0.0, -0.5, 1.0]])


def test_the_discriminator_leaks_nothing_to_the_model(model: VAE, batch: genzoo.Batch) -> None:
    """Of the reverse the trainer takes care: the first phase trains the model alone."""
    loss = factor(model)
    found = torch.autograd.grad(
        loss(model, batch, STEP, 1)["discriminator"], list(model.parameters()), allow_unused=True
    )
    assert found == (None,) * len(found)
    assert [(phase.term, phase.of, phase.betas) for phase in loss.phases] == [
        ("loss", "model", None),
        ("discriminator", "loss", (0.5, 0.9)),
    ]


def test_gamma_moves_the_model_and_never_the_discriminator(model: VAE, batch: genzoo.Batch) -> None:
    """The model's gradient is that of −ELBO + γ·TC with D held still; D's is that of its cross-entropy, bit for bit."""
    of_model, of_d = zip(*(gradients(factor(model, gamma), model, batch) for gamma in (0.0, 35.0)), strict=True)
    exact(of_d[0], of_d[1])
    exact(of_model[0], gradients(ELBO(model, ELBO.Config()), model, batch)[0])

    loss = factor(model).requires_grad_(False)
    torch.manual_seed(2)
    inference = model.infer(batch)
    bound = inference.kl().mean() - inference.px.log_prob(batch.x).mean()
    tc = loss.discriminator(inference.z[0]).mean()
    wanted = torch.autograd.grad(bound + 35 * tc, list(model.parameters()))
    torch.testing.assert_close(of_model[1], list(wanted))


@pytest.mark.parametrize(("n", "half"), [(1, 1), (2, 1), (7, 4), (64, 32)])
def test_the_discriminator_sees_codes_and_others_shuffled(model: VAE, n: int, half: int) -> None:
    loss, z, seen = factor(model), torch.randn(n, 3), []
    loss.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    found = loss.discrimination(z)
    real, shuffled = seen[0][:half], seen[0][half:]
    assert torch.equal(real, z[:half])
    assert torch.equal(shuffled.sort(0).values, z[n - half :].sort(0).values)  # each latent has the same values …
    if n == 64:  # … and goes its own way
        places = (shuffled[:, None] == z[half:][None]).int().argmax(1)
        assert len({tuple(place.tolist()) for place in places.T}) == 3
    logits = loss.discriminator(seen[0]).squeeze(1)
    truth = (torch.arange(2 * half) < half).float()
    torch.testing.assert_close(found, torch.nn.functional.binary_cross_entropy_with_logits(logits, truth))


@pytest.mark.long
@pytest.mark.parametrize(
    "correlations",
    [*(pytest.param(r, marks=pytest.mark.long) for r in (torch.eye(2), R2)), R3],
    ids=["none", "two", "three"],
)
def test_a_trained_discriminator_knows_the_total_correlation(correlations: Tensor) -> None:
    torch.manual_seed(0)
    loss = factor(VAE(POINTS, VAE.Config(latent_dim=len(correlations))))
    optimizer = torch.optim.Adam(loss.parameters(), lr=3e-3)
    for step in range(400):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / 400)
        optimizer.zero_grad()
        loss.discrimination(correlated(1024, correlations)).backward()
        optimizer.step()
    found = loss.total_correlation(correlated(50_000, correlations)).item()
    assert found == pytest.approx(gaussian_tc(correlations), abs=0.03)


@pytest.mark.long
def test_codes_trained_against_the_discriminator_become_independent(model: VAE) -> None:
    """z = (x₁, x₁ cos φ + x₂ sin φ) with φ free, by the two steps of Adam of each phase: TC = −ln |sin φ|."""
    torch.manual_seed(0)
    loss = factor(VAE(POINTS, VAE.Config(latent_dim=2)))
    angle = torch.nn.Parameter(torch.tensor(0.6))
    mine = torch.optim.Adam([angle], lr=3e-3)
    own = torch.optim.Adam(loss.parameters(), lr=3e-3, betas=(0.5, 0.9))
    for _ in range(500):
        x = torch.randn(256, 2)
        z = torch.stack([x[:, 0], x[:, 0] * angle.cos() + x[:, 1] * angle.sin()], 1)
        for optimizer, term in ((mine, loss.total_correlation(z)), (own, loss.discrimination(z.detach()))):
            optimizer.zero_grad()
            term.backward()
            optimizer.step()
    assert -angle.sin().abs().log().item() < 0.01 < 0.5 < -math.log(math.sin(0.6))


@pytest.mark.long  # test_contract.py compiles it with its defaults
def test_the_step_is_one_graph() -> None:
    pair = Pair.of("factor-vae", spec=POINTS, discriminator=SMALL)
    assert_fullgraph(pair.build(), pair.batch(8), steps=(0, 10_000))


class Laplacian(VAE):
    def posterior(self, x: Tensor) -> Any:
        return Laplace(self.encoder(x)[:, :3], 0.0)


def test_what_cannot_be_trained_is_refused(model: VAE) -> None:
    assert Factor.refuses(model) is None
    assert "it needs a prior p(z)" in str(Pair.of("ae", "factor").refusal())
    assert Factor.refuses(Laplacian(POINTS, model.config)) is None
