"""The total-correlation loss against theory: the parts of the KL, exact, unbiased and in closed form."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.beta_tc_vae import TC, decompose
from genzoo_plugins.vae.vae import VAE
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import genzoo
from genzoo.core.observation import Laplace
from genzoo.testing import CHECKS, SPECS, Pair, assert_fullgraph

STEP = torch.tensor(0)
POINTS = SPECS["points"]


def correlated(n: int, correlations: Tensor) -> Tensor:
    """n codes of a Gaussian with unit variances."""
    return torch.randn(n, len(correlations)) @ torch.linalg.cholesky(correlations).T


def gaussian_tc(correlations: Tensor) -> float:
    """−½ ln |R| nats."""
    return -0.5 * torch.logdet(correlations).item()


def gradients(loss: genzoo.Loss, model: genzoo.Model, batch: genzoo.Batch) -> list[Tensor]:
    """Of the model's parameters, under one seed."""
    torch.manual_seed(2)
    return list(torch.autograd.grad(loss(model, batch, STEP)["loss"], list(model.parameters())))


R3 = torch.tensor([[1.0, 0.6, 0.0], [0.6, 1.0, -0.5], [0.0, -0.5, 1.0]])


def posteriors(n: int, dim: int) -> tuple[genzoo.DiagGaussian, genzoo.Distribution, Tensor]:
    """n posteriors that overlap, their prior, and a sample of each."""
    torch.manual_seed(0)
    q = genzoo.DiagGaussian(torch.randn(n, dim), 0.5 * torch.randn(n, dim) - 0.5)
    return q, genzoo.StandardNormal((dim,), like=q.mean), q.rsample()


def test_the_parts_add_up_to_the_kl() -> None:
    q, p, z = posteriors(9, 4)
    torch.testing.assert_close(sum(decompose(q, p, z, 1000)), q.log_prob(z) - p.log_prob(z))


@pytest.mark.parametrize("n", [1, 2, 16])
@pytest.mark.parametrize("size", [1, 16, 60_000])
def test_every_part_is_0_where_the_posterior_is_the_prior(n: int, size: int) -> None:
    q = genzoo.DiagGaussian(torch.zeros(n, 5), torch.zeros(n, 5))
    for part in decompose(q, genzoo.StandardNormal((5,), like=q.mean), q.rsample(), size):
        torch.testing.assert_close(part, torch.zeros(n), rtol=0, atol=1e-5)


def mixture(q: genzoo.DiagGaussian, z: Tensor) -> tuple[Tensor, Tensor]:
    """ln q(z) [N] and ln q(z_d) [N, D] of the mixture of all posteriors, by torch."""
    scale, n = q.variance.sqrt(), len(z)
    whole = MixtureSameFamily(Categorical(torch.ones(n)), Independent(Normal(q.mean, scale), 1))
    each = MixtureSameFamily(Categorical(torch.ones(z.shape[1], n)), Normal(q.mean.T, scale.T))
    return whole.log_prob(z), each.log_prob(z)


def test_the_estimate_of_the_aggregate_posterior_has_no_bias() -> None:
    """Averaged over all batches of 3 that hold the first of 6 examples, it is q(z) of all 6."""
    q, p, z = posteriors(6, 2)
    estimates = []
    for others in itertools.combinations(range(1, 6), 2):
        i = torch.tensor([0, *others])
        part = decompose(genzoo.DiagGaussian(q.mean[i], q.variance.log()[i]), p, z[i], 6)
        estimates.append((q.log_prob(z)[0] - part.mutual_information[0]).exp())
    torch.testing.assert_close(torch.stack(estimates).mean(), mixture(q, z)[0][0].exp())


def test_a_beta_of_1_is_the_elbo(model: VAE, batch: genzoo.Batch) -> None:
    found = gradients(TC(model, TC.Config(beta=1.0)), model, batch)
    torch.testing.assert_close(found, gradients(ELBO(model, ELBO.Config()), model, batch), rtol=0, atol=0)


def test_beta_weighs_the_total_correlation_and_nothing_else(model: VAE, batch: genzoo.Batch) -> None:
    torch.manual_seed(0)
    terms = TC(model, TC.Config(beta=4.0))(model, batch, STEP)
    tc = terms["total_correlation"].item()
    assert abs(tc) > 1e-3
    assert TC.Config().beta > 1  # below 1 total correlation would be rewarded
    assert terms["loss"].item() - terms["negative_elbo"].item() == pytest.approx(3 * tc, rel=1e-3)
    torch.manual_seed(0)
    inference = model.infer(batch)
    assert isinstance(inference.q, genzoo.DiagGaussian)
    assert inference.p is not None
    parts = decompose(inference.q, inference.p, inference.z[0], POINTS.size)
    assert tc == pytest.approx(parts.total_correlation.mean().item())


def test_examples_are_held_against_each_other() -> None:
    """So the check that warns of such losses warns here; and a batch's order does not matter to tc."""
    with pytest.raises(AssertionError, match="as the mean of its examples"):
        CHECKS["batches"](Pair.of("beta-tc-vae", spec=POINTS))
    q, p, z = posteriors(7, 2)
    order = torch.randperm(7)
    moved = decompose(genzoo.DiagGaussian(q.mean[order], q.variance.log()[order]), p, z[order], 1000)
    for one, other in zip(decompose(q, p, z, 1000), moved, strict=True):
        torch.testing.assert_close(one[order], other)


@pytest.mark.long  # test_contract.py compiles it
def test_the_step_is_one_graph() -> None:
    pair = Pair.of("beta-tc-vae", spec=POINTS)
    assert_fullgraph(pair.build(), pair.batch(8), steps=(0, 10_000))


class Laplacian(VAE):
    def posterior(self, x: Tensor) -> Any:
        return Laplace(self.encoder(x)[:, :3], 0.0)


def test_what_cannot_be_trained_is_refused(model: VAE) -> None:
    assert TC.refuses(model) is None
    assert "it needs a prior p(z)" in str(Pair.of("ae", "tc").refusal())
    assert "number of training examples" in str(TC.refuses(VAE(POINTS._replace(size=0), model.config)))
    other = Laplacian(POINTS, model.config)
    assert TC.refuses(other) == "it needs a diagonal Gaussian posterior, and Laplacian has another"
