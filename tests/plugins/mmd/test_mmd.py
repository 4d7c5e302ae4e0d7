"""The loss `mmd`, beside its theory: batches of one, weights, training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.autoencoders.with_prior import AEWithPrior, prior_samples
from genzoo_plugins.mmd.mmd import KERNELS, MMD, squared_mmd
from genzoo_plugins.vae.vae import VAE
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded

SPEC = genzoo.DataSpec((3,), "gaussian", size=256)


def made(model_class: type[Any] = VAE, **options: Any) -> tuple[Any, MMD, Tensor]:
    with seeded(0):
        model = model_class(SPEC, model_class.Config(latent_dim=2, hidden=(8,)))
        return model, MMD(model, MMD.Config(**options)), torch.randn(16, 3)


def by_loops(x: Tensor, y: Tensor, name: str, scale: float) -> float:
    """Gretton et al. 2012, eq. 3, term by term."""
    n, kernel = len(x), KERNELS[name]

    def k(one: Tensor, other: Tensor) -> float:
        return kernel((one - other).square().sum() / scale).item()

    within = sum(k(z[i], z[j]) for z in (x, y) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    return within - 2 * sum(k(x[i], y[j]) for i in range(n) for j in range(n)) / n**2


@pytest.mark.parametrize("name", KERNELS)
def test_it_is_the_unbiased_estimate(name: str) -> None:
    with seeded(1):
        x, y = torch.randn(5, 2).double(), torch.randn(5, 2).double() + 1
    assert squared_mmd(x, y, KERNELS[name], 3.0).item() == pytest.approx(by_loops(x, y, name, 3.0), abs=1e-12)


def test_a_batch_of_one_is_refused_in_training_and_has_no_discrepancy_in_evaluation() -> None:
    model, loss, x = made(alpha=0.0, lam=10.0)
    batch = genzoo.Batch(x[:1])
    with pytest.raises(genzoo.UsageError, match="MMD compares the examples of a batch, and there is one"):
        loss(model, batch, torch.tensor(0))
    terms = loss.eval()(model, batch, torch.tensor(0))
    assert terms["mmd"] == 0
    torch.testing.assert_close(terms["loss"], terms["negative_elbo"])


def test_a_weight_below_zero_is_refused() -> None:
    with pytest.raises(genzoo.UsageError, match=r"--alpha 0\.5 and --lam 0\.4: MMD² would have a negative weight"):
        MMD.Config(alpha=0.5, lam=0.4)


def test_codes_without_noise_have_no_kl_and_the_prior_gets_no_gradient_from_it() -> None:
    model, loss, x = made(AEWithPrior, alpha=1.0, lam=10.0)
    terms = loss(model, genzoo.Batch(x), torch.tensor(0))
    assert terms.keys() == {"loss", "reconstruction", "mmd"}
    torch.testing.assert_close(terms["loss"], terms["reconstruction"] + 10 * terms["mmd"])
    assert model.sample(3).shape == (3, 3)


def test_samples_of_a_prior_of_any_kind_are_as_many_as_codes() -> None:
    with seeded(0):
        z = torch.randn(6, 2)
        wide = genzoo.DiagGaussian(torch.full((2,), 3.0), 0.0)
        mixture = genzoo.make_part("prior", "mixture:2", SPEC, 2)(made()[0])
        assert prior_samples(wide, z).shape == prior_samples(mixture, z).shape == (6, 2)
        many = prior_samples(wide, z.repeat(2000, 1))
    torch.testing.assert_close(many.mean(0), torch.full((2,), 3.0), rtol=0, atol=0.05)
    torch.testing.assert_close(many.var(0), torch.ones(2), rtol=0, atol=0.05)
