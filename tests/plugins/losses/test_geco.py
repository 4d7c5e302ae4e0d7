"""GECO: its multiplier by hand, and the rate that a linear Gaussian model needs at a distortion."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.losses.geco import GECO
from genzoo_plugins.vae.vae import VAE

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer

CPU = torch.device("cpu")
VARIANCES = torch.tensor([4.0, 1.0, 0.25])
SPEC = genzoo.DataSpec((3,), "gaussian", size=256)


def gaussian_data(n: int) -> torch.Tensor:
    """n points with exactly these variances and no correlation."""
    with seeded(0):
        x = torch.randn(n, 3, dtype=torch.float64)
    x = x - x.mean(0)
    white = x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov(correction=0))).T
    return (white * VARIANCES.double().sqrt()).float()


def linear(**options: Any) -> tuple[VAE, GECO]:
    with seeded(0):
        model = VAE(SPEC, VAE.Config(latent_dim=3, hidden=()))
        return model, GECO(model, GECO.Config(**options))


def test_the_multiplier_follows_the_constraint_by_the_papers_recursion() -> None:
    model, loss = linear(tolerance=2.0, rate=0.5, smoothing=0.8)
    x = gaussian_data(64)
    average, multiplier = math.nan, 1.0
    for step in range(4):
        batch = genzoo.Batch(x[16 * step : 16 * step + 16])
        terms = loss(model, batch, torch.tensor(step))
        excess = terms["reconstruction"].item() / 3 - 2.0
        expected = terms["kl"].item() + multiplier * 3 * excess
        assert terms["loss"].item() == pytest.approx(expected, rel=1e-5)
        assert terms["multiplier"].item() == pytest.approx(multiplier, rel=1e-5)
        average = excess if step == 0 else 0.8 * average + 0.2 * excess
        multiplier *= math.exp(0.5 * average)
        with torch.no_grad():
            loss.after_step(model, batch, torch.tensor(step))
    assert loss.log_multiplier.exp().item() == pytest.approx(multiplier, rel=1e-5)


def test_evaluation_changes_no_average() -> None:
    model, loss = linear()
    loss.eval()
    loss(model, genzoo.Batch(gaussian_data(16)), torch.tensor(0))
    assert loss.excess.item() == 0.0


@pytest.mark.parametrize(("tolerance", "end"), [(-9.0, 1e4), (99.0, 1e-4)])
def test_a_tolerance_out_of_reach_leaves_the_multiplier_bounded(tolerance: float, end: float) -> None:
    model, loss = linear(tolerance=tolerance, rate=5.0)
    batch = genzoo.Batch(gaussian_data(16))
    for step in range(4):
        loss(model, batch, torch.tensor(step))
        with torch.no_grad():
            loss.after_step(model, batch, torch.tensor(step))
    assert loss.log_multiplier.exp().item() == pytest.approx(end, rel=1e-4)


def test_no_epoch_is_called_better() -> None:
    model, loss = linear()
    with pytest.raises(UsageError, match="no term of this loss"):
        Trainer(model, loss, Training(patience=2), Resident(Split(gaussian_data(64)), CPU))
    assert ELBO.watched == "loss"


@pytest.mark.parametrize("level", [0.2, 0.1])
def test_a_linear_model_on_the_rate_distortion_curve_is_where_training_stays(level: float) -> None:
    """R(D) of a Gaussian is Σ ½ ln(λ_i/θ) at D = Σ θ (Cover & Thomas 2006, theorem 10.3.3).

    With σ = 1 the distortion is 2·(−ln p(x|z)) − D ln 2π, and the multiplier at the water level θ is 1/θ. There neither
    a weight nor the multiplier moves; at another multiplier the weights do.
    """
    model, loss = linear(tolerance=(0.5 * 3 * level + 1.5 * math.log(2 * math.pi)) / 3, rate=1.0)
    encoder: Any = model.encoder[1]
    decoder: Any = model.decoder[0]
    slopes = (VARIANCES - level).sqrt()
    with torch.no_grad():
        encoder.weight.copy_(torch.cat([(slopes / VARIANCES).diag(), torch.zeros(3, 3)]))
        encoder.bias.copy_(torch.cat([torch.zeros(3), (level / VARIANCES).log()]))
        decoder.weight.copy_(slopes.diag())
        decoder.bias.zero_()
        loss.log_multiplier.fill_(-math.log(level))
    batch = genzoo.Batch(gaussian_data(100_000))

    def pull() -> float:
        with seeded(1):
            terms = loss(model, batch, torch.tensor(0))
        assert terms["kl"].item() == pytest.approx(0.5 * (VARIANCES / level).log().sum().item(), rel=1e-4)
        found = torch.autograd.grad(terms["loss"], list(model.parameters()))
        return max(gradient.abs().max().item() for gradient in found)

    assert pull() < 0.05
    with torch.no_grad():
        loss.after_step(model, batch, torch.tensor(0))
        assert loss.log_multiplier.item() == pytest.approx(-math.log(level), abs=2e-3)
        loss.log_multiplier.add_(0.3)
    assert pull() > 0.2
