"""The interface of a model: what a subclass must define, and what follows from it."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.linear_gaussian import linear_vae, make_ppca, set_optimum
from torch import nn

import genzoo
from genzoo.core.distributions import DiagGaussian, StandardNormal
from genzoo.core.errors import UsageError
from genzoo.core.model import Inference, count_parameters, first_parameter, require_capability
from genzoo.core.noise import seeded


def test_a_missing_method_of_a_latent_model_is_named() -> None:
    class Half(genzoo.LatentModel):
        pass

    half = Half(genzoo.DataSpec((2,), "gaussian"), Half.Config())
    for attempt, missing in ((half.prior, "prior"), (lambda: half.encode(torch.zeros(1, 2)), "posterior")):
        with pytest.raises(NotImplementedError, match=rf"^Half must define {missing}\("):
            attempt()


def test_kl_is_closed_or_the_mean_of_the_log_ratio_over_the_samples() -> None:
    q, p = DiagGaussian(torch.randn(5, 3), torch.randn(5, 3)), StandardNormal((3,), torch.zeros(()))

    class Sampled(DiagGaussian):
        def kl_per_dim(self, p: object) -> None:
            return None

    with seeded(0):
        z = q.rsample((20_000,))
    exact = Inference(q, p, z, q).kl()
    assert torch.equal(exact, q.kl(p))
    estimate = Inference(Sampled(q.mean, q.log_var), p, z, q).kl()
    assert torch.allclose(estimate, (q.log_prob(z) - p.log_prob(z)).mean(0))
    assert torch.allclose(estimate, exact, atol=0.1)


def test_a_latent_model_encodes_decodes_and_reconstructs_by_its_three_parts() -> None:
    ppca = make_ppca()
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca)
    x = ppca.x[:4].float()
    z = model.encode(x)
    assert torch.equal(z, model.posterior(x).mean)
    assert torch.equal(model.decode(z), model.likelihood(z).mean)
    assert torch.equal(model.reconstruct(x), model.decode(z))
    inference = model.infer(genzoo.Batch(x), k=3)
    assert inference.z.shape == (3, 4, 3)
    assert inference.px.mean.shape == (3, 4, 12)
    assert torch.equal(inference.px.mean[1, 2], model.likelihood(inference.z[1]).mean[2])


def test_samples_are_means_of_the_likelihood_unless_noise_is_wanted() -> None:
    model = linear_vae("gaussian")
    with seeded(1):
        means = model.sample(2000)
    with seeded(1):
        noisy = model.sample(2000, noise=True)
    assert means.shape == noisy.shape == (2000, 12)
    assert (noisy - means).std().item() == pytest.approx(1, abs=0.02)


def test_without_a_prior_nothing_is_sampled() -> None:
    class Plain(genzoo.LatentModel):
        def prior(self) -> None:
            return None

    with pytest.raises(UsageError, match=r"^Plain has no prior p\(z\) to sample from"):
        Plain(genzoo.DataSpec((2,), "gaussian"), None).sample(1)


def test_parameters_are_counted_and_the_first_is_found() -> None:
    nested = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)))
    assert first_parameter(nested) is next(nested.parameters())
    assert first_parameter(nn.ReLU()) is None
    assert count_parameters(nested) == 3 * 2 + 2 + 2 + 1
    nested[1][1].bias.requires_grad_(False)
    assert count_parameters(nested) == 10


def test_a_model_that_encodes_and_decodes_is_an_autoencoder() -> None:
    class Both(genzoo.Model, genzoo.Autoencoder):
        def encode(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

        def decode(self, z: torch.Tensor) -> torch.Tensor:
            return z + 1

    with pytest.raises(TypeError, match=r"^Two encodes and decodes: write Autoencoder for Encoder and Decoder$"):
        type("Two", (genzoo.Model, genzoo.Encoder, genzoo.Decoder), {})
    model = Both(genzoo.DataSpec((2,), "gaussian"), None)
    x = torch.randn(3, 2)
    assert torch.equal(model.reconstruct(x), 2 * x + 1)
    assert issubclass(genzoo.LatentModel, genzoo.Autoencoder)
    with pytest.raises(NotImplementedError, match=r"^Both must define prior\(\)"):
        model.prior()


def test_a_lacking_capability_is_refused_in_one_line() -> None:
    model = genzoo.Model(genzoo.DataSpec((2,), "gaussian"), None)
    require_capability(linear_vae("gaussian"), genzoo.Encoder, "genzoo embed", "vae", "hint")
    for kind, what in (
        (genzoo.Encoder, "encodes"),
        (genzoo.Decoder, "decodes"),
        (genzoo.Autoencoder, "encodes and decodes"),
        (genzoo.Density, "has a density p(x)"),
        (genzoo.LatentModel, "has a posterior q(z|x)"),
    ):
        with pytest.raises(UsageError) as refusal:
            require_capability(model, kind, "genzoo embed", "flow", "genzoo sample RUN")
        assert refusal.value.message == f"genzoo embed needs a model that {what}; flow does not"
        assert refusal.value.hint == "genzoo sample RUN"
