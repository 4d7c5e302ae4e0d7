"""The VampPrior against the mixture of posteriors that it is."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.parts.vamp import VampPrior
from genzoo_plugins.vae.vae import VAE
from torch import Tensor

import genzoo

SPEC = genzoo.DataSpec((3,), "gaussian", size=100)


def vae(prior: str, **options: object) -> VAE:
    torch.manual_seed(0)
    return VAE(SPEC, VAE.Config(latent_dim=2, hidden=(8,), prior=prior, **options)).double()  # type: ignore[arg-type]


def by_hand(model: VAE, u: Tensor, z: Tensor) -> Tensor:
    """ln 1/K Σ_k q(z|u_k), term by term."""
    terms = []
    for one in u:
        q = model.posterior(one[None])
        assert isinstance(q, genzoo.DiagGaussian)
        normal = torch.distributions.Normal(q.mean[0], q.variance[0].sqrt())
        terms.append(normal.log_prob(z).sum(-1))
    return torch.stack(terms).logsumexp(0) - math.log(len(u))


def test_the_prior_is_the_mean_of_the_posteriors_of_its_inputs() -> None:
    model, z = vae("vamp:5"), torch.randn(4, 7, 2, dtype=torch.float64)
    assert isinstance(model.prior_part, VampPrior)
    torch.testing.assert_close(model.prior().log_prob(z), by_hand(model, model.prior_part.inputs, z))
    assert model.prior().shape == (2,)


def test_with_all_data_as_inputs_it_is_the_aggregate_posterior() -> None:
    """So its marginal KL, that of q(z) from p(z), is 0."""
    model, x = vae("vamp:40"), torch.randn(40, 3, dtype=torch.float64)
    assert isinstance(model.prior_part, VampPrior)
    model.prior_part.inputs.data.copy_(x)
    z = model.posterior(x).rsample((50,))
    torch.testing.assert_close(model.prior().log_prob(z), by_hand(model, x, z))


@pytest.mark.parametrize("components", [6, 10, 25])
def test_its_inputs_start_from_training_examples(components: int) -> None:
    model, x = vae(f"vamp:{components}"), torch.randn(10, 3, dtype=torch.float64)
    model.prepare(genzoo.Batch(x))
    assert isinstance(model.prior_part, VampPrior)
    distance, nearest = torch.cdist(model.prior_part.inputs, x).min(1)
    assert distance.max() < 0.1
    counts = torch.bincount(nearest, minlength=10)
    assert counts.max() - counts.min() <= 1
    assert len(model.prior_part.inputs.unique(dim=0)) == components


def test_its_gradient_reaches_inputs_and_encoder() -> None:
    model, z = vae("vamp:5"), torch.randn(7, 2, dtype=torch.float64)
    assert isinstance(model.prior_part, VampPrior)
    first = next(model.encoder.parameters())
    of_inputs, of_encoder = torch.autograd.grad(model.prior().log_prob(z).sum(), [model.prior_part.inputs, first])
    assert of_inputs.any()
    assert of_encoder.any()


class NoEncoder(genzoo.Model):
    """A model without q(z|x)."""


class Point(VAE):
    """Its posterior is a point."""

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return genzoo.Delta(self.encoder(x)[:, :2])


def test_what_it_cannot_do_is_refused() -> None:
    part = genzoo.make_part("prior", "vamp:3", SPEC, 2)
    with pytest.raises(genzoo.UsageError, match="vamp needs an encoder, and NoEncoder has none") as refused:
        part(NoEncoder(SPEC, None))
    assert refused.value.hint == "use --prior mixture:10"
    with pytest.raises(genzoo.UsageError, match="here is a flow"):
        vae("vamp:3", posterior="iaf").prior()
    with pytest.raises(genzoo.UsageError, match="here is a point"):
        Point(SPEC, VAE.Config(latent_dim=2, prior="vamp:3")).prior()
