"""The bound and its gradient, held against a linear model whose ln p(x) is known and against the paper's formulas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from genzoo_plugins.autoencoders.ae import AE
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.iwae import ImportanceWeighted
from genzoo_plugins.vae.vae import VAE

import genzoo
from genzoo.core.noise import content_keys, keyed

if TYPE_CHECKING:
    from torch import Tensor

STEP = torch.tensor(0)
SPEC = genzoo.DataSpec((3,), "gaussian-learned")
LOADINGS = torch.tensor([[1.0, 0.3], [0.5, -1.0], [0.5, 0.4]])
"""W, its columns orthogonal: then the posterior of p(x|z) = N(Wz, σ²) has a diagonal covariance."""
VARIANCE = 0.5
"""σ²"""
POSTERIOR = 1 / (1 + LOADINGS.square().sum(0) / VARIANCE)
"""Its variances; its mean is POSTERIOR · Wᵀx/σ²."""
X = torch.tensor([[0.4, -0.2, 1.0], [-1.5, 0.3, 0.0]])
MARGINAL = LOADINGS @ LOADINGS.T + VARIANCE * torch.eye(3)
NLL = -torch.distributions.MultivariateNormal(torch.zeros(3), MARGINAL).log_prob(X)


def linear_vae(shift: float = 0.0, widening: float = 1.0, kind: type[VAE] = VAE) -> VAE:
    """A VAE without hidden layers; q(z|x) is p(z|x), moved by `shift` of its σ and its variance times `widening`."""
    model = kind(SPEC, VAE.Config(latent_dim=2, hidden=()))
    state = model.state_dict()
    projection = (POSTERIOR[:, None] / VARIANCE) * LOADINGS.T
    state["encoder.1.weight"] = torch.cat([projection, torch.zeros(2, 3)])
    state["encoder.1.bias"] = torch.cat([shift * POSTERIOR.sqrt(), (widening * POSTERIOR).log()])
    state["decoder.0.weight"], state["decoder.0.bias"] = LOADINGS, torch.zeros(3)
    state["head.log_var"] = torch.tensor(math.log(VARIANCE))
    model.load_state_dict(state)
    return model


def loss_of(model: VAE, k: int) -> ImportanceWeighted:
    return ImportanceWeighted(model, ImportanceWeighted.Config(posterior_samples=k))


def copies(n: int) -> genzoo.Batch:
    return genzoo.Batch(X.repeat(n, 1))


def gradients(loss: genzoo.Loss, model: VAE, batch: genzoo.Batch) -> list[Tensor]:
    torch.manual_seed(0)
    return list(torch.autograd.grad(loss(model, batch, STEP)["loss"], list(model.parameters())))


class SampledKL(VAE):
    """A VAE whose KL has no closed form."""

    class Posterior(genzoo.DiagGaussian):
        def kl_per_dim(self, p: genzoo.Distribution) -> Tensor | None:
            return None

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return self.Posterior.from_parameters(self.encoder(x))


def test_the_bound_rises_with_k_towards_the_likelihood() -> None:
    """−L_1 is above −ln p(x) by KL(q(z|x)‖p(z|x)), −L_k by Var(w/p(x)) / 2k for large k (Domke & Sheldon 2018)."""
    shift, widening, n = 0.5, 2.0, 50_000
    model = linear_vae(shift, widening)
    gaps = []
    with torch.no_grad():
        for k in (1, 2, 5, 30):
            torch.manual_seed(k)
            terms = loss_of(model, k)(model, copies(n), STEP)
            gaps.append((terms["loss"] - NLL.mean()).item())
    kl = 2 * 0.5 * (widening + shift**2 - 1 - math.log(widening))
    # ∫ p²/q of N(0, 1) and N(δ, τ²), for each of the two latents
    square = widening / math.sqrt(2 * widening - 1) * math.exp(shift**2 / (2 * widening - 1))
    assert gaps[0] == pytest.approx(kl, abs=0.01)  # σ of the mean: 0.003
    assert gaps[0] > gaps[1] + 0.1 > gaps[2] + 0.2
    assert gaps[2] > gaps[3] + 0.03 > 0.03
    assert gaps[3] == pytest.approx((square**2 - 1) / (2 * 30), rel=0.15)  # σ of the mean: 4 % of it


def test_with_one_sample_it_is_the_elbo_of_a_sampled_kl() -> None:
    model = linear_vae(0.3, 1.5, SampledKL)
    one, elbo = loss_of(model, 1), ELBO(model, ELBO.Config())
    torch.manual_seed(0)
    found = one(model, copies(1), STEP)
    torch.manual_seed(0)
    wanted = elbo(model, copies(1), STEP)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)
    torch.testing.assert_close(gradients(one, model, copies(1)), gradients(elbo, model, copies(1)))


def test_with_one_sample_its_mean_is_the_elbo_in_closed_form() -> None:
    """The loss and its gradient, over 200,000 draws; the encoder's gradient through ln q(z|x) has mean 0."""
    model = linear_vae(0.3, 1.5)
    one, elbo, batch = loss_of(model, 1), ELBO(model, ELBO.Config()), copies(100_000)
    torch.manual_seed(0)
    found = one(model, batch, STEP)
    torch.testing.assert_close(found["loss"], found["negative_elbo"], rtol=0, atol=0.01)
    torch.testing.assert_close(gradients(one, model, batch), gradients(elbo, model, batch), rtol=0, atol=0.02)


def test_the_gradient_weights_each_sample_by_its_share() -> None:
    """∇L_k = Σ w̃ᵢ ∇ln wᵢ with w̃ᵢ = wᵢ / Σ wⱼ (Burda et al. 2016, eq. 14)."""
    model, batch, k = linear_vae(0.3, 1.5), genzoo.Batch(X[:1]), 4
    torch.manual_seed(0)
    q, p, z, px = model.infer(batch, k)
    assert p is not None
    log_weights = [(px.log_prob(batch.x) + p.log_prob(z) - q.log_prob(z))[i, 0] for i in range(k)]
    shares = torch.stack(log_weights).softmax(0).tolist()
    assert max(shares) < 0.9
    parameters = list(model.parameters())
    each = [torch.autograd.grad(log_weight, parameters, retain_graph=True) for log_weight in log_weights]
    wanted = [-sum(s * part for s, part in zip(shares, parts, strict=True)) for parts in zip(*each, strict=True)]
    torch.testing.assert_close(gradients(loss_of(model, k), model, batch), wanted)


def test_the_loss_does_not_depend_on_how_a_batch_is_split() -> None:
    model = linear_vae(0.5, 2.0)
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))

    def term(part: Tensor) -> Tensor:
        with keyed(content_keys(part)):
            terms: dict[str, Tensor] = loss_of(model, 5)(model, genzoo.Batch(part), STEP)
        return terms["loss"]

    torch.testing.assert_close((2 * term(x[:2]) + 5 * term(x[2:])) / 7, term(x))


def test_it_needs_a_prior() -> None:
    ae: Any = AE(SPEC, AE.Config(latent_dim=2))
    assert ImportanceWeighted.refuses(linear_vae()) is None
    assert ImportanceWeighted.refuses(ae) == "it needs a prior p(z), and AE has none"
