"""What the example package promises, held against theory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from genzoo_example.data import Ring
from genzoo_example.loss import FreeBits
from genzoo_example.metric import CodeSparseness
from genzoo_example.model import LaplacePrior, LaplaceVAE

import genzoo
from genzoo.testing import CHECKS, SPECS, Pair

if TYPE_CHECKING:
    from genzoo import Batch

STEP = torch.tensor(0)


@pytest.fixture
def model() -> LaplaceVAE:
    torch.manual_seed(0)
    return LaplaceVAE(Ring(Ring.Config()).spec, LaplaceVAE.Config(latent_dim=2, width=16))


@pytest.fixture
def batch() -> Batch:
    return genzoo.Batch(Ring(Ring.Config(points=64)).draw(64, 0).x)


def test_the_prior_is_torchs_laplace_of_variance_one() -> None:
    prior = LaplacePrior(3, like=torch.zeros(()))
    reference = torch.distributions.Laplace(torch.zeros(3), math.sqrt(0.5))
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(prior.log_prob(z), reference.log_prob(z).sum(-1))
    torch.manual_seed(0)
    sample = prior.rsample((200_000,))
    assert sample.shape == (200_000, 3)
    assert sample.mean(0).abs().max() < 0.01  # σ of the mean: 0.002
    with pytest.raises(ValueError, match="does not line up"):
        prior.log_prob(torch.zeros(5, 1))


def test_the_model_samples_and_reconstructs(model: LaplaceVAE, batch: Batch) -> None:
    assert model.sample(7).shape == (7, 2)
    assert model.reconstruct(batch.x).shape == batch.x.shape


def test_sparseness_is_hoyers(batch: Batch) -> None:
    """0 for codes of equal size in every latent, 1 for one latent alone, and in between what the formula says."""
    codes = torch.tensor([[1.0, -1.0, 1.0, 1.0], [0.0, 5.0, 0.0, 0.0], [3.0, 4.0, 0.0, 0.0]])

    class Coded(LaplaceVAE):
        def posterior(self, x: Any) -> genzoo.Distribution:
            return genzoo.DiagGaussian(codes, torch.zeros_like(codes))

    examined = genzoo.EvaluationBatch(
        Coded(Ring(Ring.Config()).spec, LaplaceVAE.Config(latent_dim=4, width=8)), genzoo.Batch(batch.x[:3])
    )
    found = CodeSparseness(CodeSparseness.Config()).per_example(examined)
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0, 2 - 7 / 5]))


@pytest.mark.parametrize(("free_bits", "pressed"), [(0.0, True), (1e6, False)])
def test_free_bits_take_the_pressure_off_the_kl(
    model: LaplaceVAE, batch: Batch, free_bits: float, pressed: bool
) -> None:
    loss = FreeBits(model, FreeBits.Config(free_bits=free_bits))
    torch.manual_seed(0)
    terms = loss(model, batch, STEP)
    terms["loss"].backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    torch.manual_seed(0)
    inference = model.infer(batch)
    objective = -inference.px.log_prob(batch.x).mean() + (inference.kl().mean() if pressed else 0.0)
    expected = torch.autograd.grad(objective, list(model.parameters()))
    torch.testing.assert_close(gradients, list(expected))
    gap = 0.0 if pressed else free_bits * math.log(2) - terms["kl"].item()
    assert terms["loss"].item() - terms["negative_elbo"].item() == pytest.approx(gap, rel=1e-4, abs=1e-4)


def test_free_bits_are_of_the_batchs_mean(model: LaplaceVAE) -> None:
    """As in the paper; so the check that warns of losses which hold examples against each other warns here."""
    pair = Pair.of("laplace-vae", "elbo-free-bits", SPECS["points"])
    with pytest.raises(AssertionError, match="as the mean of its examples"):
        CHECKS["batches"](pair)


def test_free_bits_need_a_prior(model: LaplaceVAE) -> None:
    class NoPrior(LaplaceVAE):
        def prior(self) -> Any:
            return None

    assert FreeBits.refuses(model) is None
    assert FreeBits.refuses(NoPrior(model.spec, model.config)) == "it needs a prior p(z), and NoPrior has none"


def test_it_learns_more_than_a_gaussian_and_no_more_than_there_is() -> None:
    """The bound lies below the entropy of the best single Gaussian, and above that of the ring itself."""
    torch.manual_seed(0)
    ring = Ring(Ring.Config(points=512))
    model = LaplaceVAE(ring.spec, LaplaceVAE.Config(latent_dim=2, width=32))
    batch = genzoo.Batch(ring.load(store=None).train.x)  # type: ignore[arg-type]
    loss = FreeBits(model, FreeBits.Config(free_bits=3.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    bounds = []
    for _ in range(400):
        optimizer.zero_grad()
        terms = loss(model, batch, STEP)
        terms["loss"].backward()
        optimizer.step()
        bounds.append(terms["negative_elbo"].item())
    variance = 0.1**2
    gaussian = math.log(2 * math.pi * math.e * (0.5 + variance))
    entropy = math.log(2 * math.pi) + 0.5 * math.log(2 * math.pi * math.e * variance)
    assert entropy < sum(bounds[-10:]) / 10 < gaussian - 0.05


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_ring_is_a_ring(noise: float) -> None:
    ring = Ring(Ring.Config(points=20_000, noise=noise))
    splits = ring.load(store=None)  # type: ignore[arg-type]
    assert splits.validation is not None
    assert [len(split.x) for split in (splits.train, splits.validation, splits.test)] == [20_000, 4_000, 4_000]
    x = splits.train.x
    assert (x.dtype, x.shape[1:], ring.spec.size) == (torch.float32, ring.spec.shape, 20_000)
    assert x.mean(0).abs().max() < 0.03
    assert (x**2).sum(1).mean().item() == pytest.approx(1 + 2 * noise**2, rel=0.01)
    assert torch.equal(x, ring.load(store=None).train.x)  # type: ignore[arg-type]
    assert not torch.isin(splits.train.x[:, 0], splits.test.x[:, 0]).all()
