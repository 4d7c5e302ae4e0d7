"""Learned priors against their formulas, and the options that choose them."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.parts.priors import FlowPrior, MixturePrior
from genzoo_plugins.vae.conv_vae import ConvVAE
from genzoo_plugins.vae.vae import VAE

import genzoo

SPEC = genzoo.DataSpec((3,), "gaussian", size=100)


def vae(**options: object) -> VAE:
    torch.manual_seed(0)
    return VAE(SPEC, VAE.Config(latent_dim=2, hidden=(8,), **options))  # type: ignore[arg-type]


def test_the_mixture_is_a_sum_of_gaussians() -> None:
    model = vae(prior="mixture:3")
    part = model.prior_part
    assert isinstance(part, MixturePrior)
    with torch.no_grad():
        part.logits.copy_(torch.tensor([0.0, 1.0, -1.0]))
        part.log_vars.normal_()
    z = torch.randn(6, 2)
    weights = part.logits.exp() / part.logits.exp().sum()
    density = sum(
        weight * torch.exp(torch.distributions.Normal(mean, (log_var / 2).exp()).log_prob(z).sum(1))
        for weight, mean, log_var in zip(weights, part.means, part.log_vars, strict=True)
    )
    torch.testing.assert_close(model.prior().log_prob(z).exp(), density)


def test_the_flow_is_the_change_of_variables_and_its_samples_the_inverse() -> None:
    model = vae(prior="flow:iaf:2")
    part = model.prior_part
    assert isinstance(part, FlowPrior)
    z = torch.randn(6, 2)
    noise, log_det = part.bijection(z, None)
    expected = -0.5 * (noise**2).sum(1) - math.log(2 * math.pi) + log_det
    torch.testing.assert_close(model.prior().log_prob(z), expected)
    torch.manual_seed(1)
    drawn = model.prior().rsample((6,))
    torch.manual_seed(1)
    torch.testing.assert_close(part.bijection(drawn, None)[0], torch.randn(6, 2), rtol=1e-4, atol=1e-4)


def test_options_name_the_parts_and_the_parts_say_their_name() -> None:
    model = vae(prior="mixture", posterior="iaf")
    assert (model.prior_part.name, model.posterior_part.name) == ("mixture:10", "iaf:2")
    assert vae().prior_part.name == "standard-normal"
    assert vae(prior="flow").prior_part.name == "flow:iaf:2"
    images = genzoo.DataSpec((1, 16, 16), "bernoulli", size=100)
    assert ConvVAE(images, ConvVAE.Config(prior="vamp:4", latent_dim=2)).prior_part.name == "vamp:4"


class Wide(VAE):
    """A variant with a prior of its own."""

    def prior(self) -> genzoo.Distribution:
        return genzoo.DiagGaussian(self.anchor.new_zeros(2), log_var=1.4)


class Bare(VAE):
    """A variant whose Config has no parts."""

    @genzoo.config
    class Config:
        latent_dim: int = 2
        hidden: tuple[int, ...] = (8,)
        decoder_hidden: None = None
        activation: str = "relu"


def test_a_variant_with_its_own_prior_refuses_another() -> None:
    Wide(SPEC, VAE.Config(latent_dim=2))
    with pytest.raises(genzoo.UsageError, match="--prior mixture:2: Wide has a prior of its own") as refused:
        Wide(SPEC, VAE.Config(latent_dim=2, prior="mixture:2"))
    assert refused.value.hint == "leave --prior out"


def test_a_variant_without_the_options_has_the_defaults() -> None:
    assert isinstance(Bare(SPEC, Bare.Config()).prior(), genzoo.StandardNormal)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": "vmp"}, "no prior named 'vmp'. Did you mean 'vamp'"),
        ({"prior": "vamp:1.5"}, "--prior vamp:1.5: K, the number of pseudo-inputs, must be a positive whole number"),
        ({"prior": "standard-normal:2"}, "--prior standard-normal:2: standard-normal takes no argument"),
        ({"prior": "flow:nothing"}, "no bijection named 'nothing'"),
        ({"prior": "flow:iaf:none"}, "bijection iaf:none: N, the number of steps, must be a positive whole number"),
        ({"posterior": "vamp"}, "no posterior named 'vamp'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(options: dict[str, str], message: str) -> None:
    with pytest.raises(genzoo.UsageError, match=message) as refused:
        vae(**options)
    assert refused.value.hint
