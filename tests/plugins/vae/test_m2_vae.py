"""M2: its bound with all, some and no labels, held against the conditional VAE and a sum written out."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.conditional_vae import ConditionalVAE
from genzoo_plugins.vae.m2_vae import M2, M2Loss
from torch import nn

import genzoo
from genzoo.core.noise import content_keys, keyed, seeded

CLASSES, N = 3, 8
SPEC = genzoo.DataSpec((6,), "gaussian", classes=CLASSES)


@pytest.fixture
def model() -> M2:
    with seeded(0):
        made = M2(SPEC, M2.Config(latent_dim=2, hidden=(7,)))
        for parameter in made.parameters():
            nn.init.normal_(parameter, std=0.5)
    return made.eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(N, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def y() -> torch.Tensor:
    return torch.arange(N) % CLASSES


def conditional_twin(model: M2) -> ConditionalVAE:
    """The conditional VAE with the same nets: its embedding of a class is the class's indicator."""
    config = ConditionalVAE.Config(latent_dim=2, hidden=(7,), label_dim=CLASSES)
    twin = ConditionalVAE(SPEC, config).eval()
    twin.labels.weight.data = torch.cat([torch.zeros(1, CLASSES), torch.eye(CLASSES)])
    twin.encoder.load_state_dict(model.encoder.state_dict())
    twin.decoder.load_state_dict(model.decoder.state_dict())
    return twin


@torch.no_grad()
def bound_of_class(model: M2, x: torch.Tensor, y: int, noise: torch.Tensor) -> torch.Tensor:
    """ln p(x|z, y) − KL of one class, [N], written out for Gaussians of variance 1, with given noise of z."""
    indicator = torch.eye(CLASSES)[y].expand(len(x), -1)
    mean, log_var = model.encoder(torch.cat([x, indicator], 1)).chunk(2, 1)
    z = mean + noise * (log_var / 2).exp()
    centre = model.decoder(torch.cat([z, indicator], 1))
    log_px = -0.5 * ((x - centre).square() + math.log(2 * math.pi)).sum(1)
    return log_px - 0.5 * (mean.square() + log_var.exp() - log_var - 1).sum(1)


@torch.no_grad()
def test_with_all_labels_it_is_the_conditional_vae(
    model: M2, x: torch.Tensor, y: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For one draw of the noise, the same in both: the noise of the example's own class."""
    twin, noise = conditional_twin(model), torch.randn(CLASSES, N, 2)
    own = noise[y, torch.arange(N)]

    def drawn(q: genzoo.DiagGaussian, shape: tuple[int, ...] = ()) -> torch.Tensor:
        given = own[None] if shape else noise.flatten(0, 1)
        return q.mean + given * q.variance.sqrt()

    monkeypatch.setattr(genzoo.DiagGaussian, "rsample", drawn)
    terms = ELBO(twin, ELBO.Config())(twin, genzoo.Batch(x, y), torch.tensor(0))
    assert -model.log_prob(x, y).mean().item() == pytest.approx(terms["negative_elbo"].item(), rel=1e-5)


@torch.no_grad()
def test_without_labels_it_is_the_sum_over_classes(model: M2, x: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = torch.randn(CLASSES, N, 2)
    monkeypatch.setattr(
        genzoo.DiagGaussian, "rsample", lambda q: q.mean + noise.flatten(0, 1) * q.variance.sqrt()
    )  # fmt: skip
    given = torch.stack([bound_of_class(model, x, k, noise[k]) for k in range(CLASSES)], 1)
    q = torch.softmax(model.classifier(x), 1)
    by_hand = (q * (given + math.log(1 / CLASSES))).sum(1) - (q * q.log()).sum(1)
    torch.testing.assert_close(model.log_prob(x), by_hand)
    some = torch.tensor([-1, 0, 1, 2] * 2)
    expected = torch.where(some < 0, by_hand, given.gather(1, some.clamp_min(0)[:, None])[:, 0])
    torch.testing.assert_close(model.log_prob(x, some), expected)


@torch.no_grad()
def test_the_best_classifier_gives_the_sum_of_probabilities(
    model: M2, x: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For q(y|x) ∝ e^bound the bound is ln Σ_y e^bound / C, and no other q(y|x) has a larger one."""
    with keyed(content_keys(x)):
        given = model.bounds(x)
    monkeypatch.setattr(model, "bounds", lambda x: given)
    best = model.bound(x, None, given.log_softmax(1))
    torch.testing.assert_close(best, given.logsumexp(1) - math.log(CLASSES))
    assert (model.log_prob(x) <= best + 1e-4).all()


def test_the_loss_adds_the_classifier_of_known_labels_alone(model: M2, x: torch.Tensor) -> None:
    y = torch.tensor([0, 1, -1, -1, 2, -1, -1, -1])
    loss = M2Loss(model, M2Loss.Config(alpha=2.0))
    with seeded(3):
        terms = loss(model, genzoo.Batch(x, y), torch.tensor(0))
    known = y >= 0
    label = nn.functional.cross_entropy(model.classifier(x)[known], y[known], reduction="sum") / N
    assert terms["label"].item() == pytest.approx(label.item(), rel=1e-5)
    with seeded(3):
        bound = model.log_prob(x, y) - known * math.log(CLASSES)
    assert terms["negative_bound"].item() == pytest.approx(-bound.mean().item(), rel=1e-5)
    assert terms["loss"].item() == pytest.approx((2 * label - bound.mean()).item(), rel=1e-5)


def test_samples_are_of_the_classes_asked_for_or_of_all(model: M2) -> None:
    with torch.no_grad(), seeded(0):
        assert model.sample(4, torch.tensor([0, 1, 2, 0])).shape == (4, 6)
        assert len(model.sample(64).unique(dim=0)) == 64
    with pytest.raises(genzoo.UsageError, match="there is no class 3"):
        model.sample(1, torch.tensor([3]))
    with pytest.raises(genzoo.UsageError, match="m2-vae needs classes"):
        M2(SPEC._replace(classes=0), M2.Config())
