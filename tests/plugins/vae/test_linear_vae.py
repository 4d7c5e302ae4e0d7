"""A linear VAE against probabilistic PCA, whose optimum is known in closed form.

With linear nets, a Gaussian p(x|z) of one variance σ² and a diagonal Gaussian q(z|x), the best ELBO *is* the
log-likelihood of probabilistic PCA (Tipping & Bishop 1999; Lucas et al. 2019, arXiv 1911.02469).
A mean in place of a sum, a lost constant or dimension, or σ in place of σ² shows here, most of them as an ELBO *above*
the likelihood.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from genzoo_plugins.linear_gaussian import PPCA, Q, expected_elbo, linear_vae, set_optimum
from torch import Tensor

from genzoo.core.dataset import Split
from genzoo.core.model import LatentModel
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer


def minimise(model: LatentModel, x: Tensor, beta: float = 1.0) -> None:
    """Trains on the expected objective by L-BFGS, to the end."""
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=2000, tolerance_grad=1e-11, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = -expected_elbo(model, x, beta)
        loss.backward()
        return loss

    optimizer.step(closure)


def train(model: LatentModel, x: Tensor, seed: int, loss_options: dict[str, float], **options: Any) -> None:
    """Trains through the product's own trainer."""
    entry = registry().get("loss", "elbo")
    loss = entry.load()(model, default_config(entry, loss_options))
    settings = Training(batch_size=200, lr=2e-2, schedule="cosine", seed=seed, **options)
    Trainer(model, loss, settings, Resident(Split(x.float()), torch.device("cpu"))).fit()


def test_the_reference_is_itself_right(ppca: PPCA) -> None:
    assert ppca.marginal.log_prob(ppca.x).mean().item() == pytest.approx(ppca.log_likelihood, abs=1e-10)


def test_metrics_at_the_optimum_in_single_precision(ppca: PPCA) -> None:
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca)
    figures = evaluate(model, Resident(Split(ppca.x.float()), torch.device("cpu")), find_metrics(registry()))
    assert figures["kl"] == pytest.approx(ppca.kl().sum().item(), abs=1e-4)
    assert figures["active_units"] == Q
    noise = figures["standard_error"]["negative_elbo"]
    assert figures["negative_elbo"] == pytest.approx(-ppca.log_likelihood, abs=4 * noise)
    assert figures["negative_elbo"] == pytest.approx(figures["reconstruction"] + figures["kl"], abs=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_the_trainer_reaches_the_log_likelihood_and_never_exceeds_it(ppca: PPCA, seed: int) -> None:
    model = linear_vae("gaussian-learned")
    train(model, ppca.x, seed, {}, epochs=200)
    model.double()
    with torch.no_grad():
        gap = ppca.log_likelihood - expected_elbo(model, ppca.x).item()
    assert -1e-4 < gap < 0.01
    assert model.head.log_var.exp().item() == pytest.approx(ppca.variance, rel=0.01)
    learnt = torch.linalg.qr(model.decoder[0].weight.detach()).Q
    cosines = torch.linalg.svdvals(learnt.T @ ppca.vectors[:, :Q])
    assert torch.acos(cosines.clamp(max=1.0)).max().item() < 0.03


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_without_sampling_noise_the_optimum_is_the_log_likelihood(ppca: PPCA, seed: int) -> None:
    """L-BFGS on the expected bound, from random weights and with σ learned: the gap is that of the optimiser alone."""
    model = linear_vae("gaussian-learned").double()
    with seeded(seed), torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    minimise(model, ppca.x)
    gap = ppca.log_likelihood - expected_elbo(model, ppca.x).item()
    assert -1e-10 < gap < 1e-8
    assert model.head.log_var.exp().item() == pytest.approx(ppca.variance, rel=1e-5)
    kl = model.posterior(ppca.x).kl_per_dim(model.prior()).mean(0).detach().sum().item()
    assert kl == pytest.approx(ppca.kl().sum().item(), abs=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("beta", [1.0, pytest.param(2.0, marks=pytest.mark.long), 4.0])
def test_latents_collapse_exactly_where_their_variance_is_below_beta_sigma_squared(ppca: PPCA, beta: float) -> None:
    """Without sampling noise: L-BFGS on the expected objective finds the closed form to six decimals."""
    model = linear_vae(f"gaussian:{math.sqrt(ppca.variance)}").double()
    minimise(model, ppca.x, beta)
    kl = model.posterior(ppca.x).kl_per_dim(model.prior()).mean(0).detach().sort(descending=True).values
    torch.testing.assert_close(kl, ppca.kl(beta), rtol=0, atol=1e-6)


@pytest.mark.long
def test_the_trainer_collapses_the_same_latents(ppca: PPCA) -> None:
    model = linear_vae(f"gaussian:{math.sqrt(ppca.variance)}")
    train(model, ppca.x, 0, {"beta": 4.0}, epochs=100)
    figures = evaluate(model, Resident(Split(ppca.x.float()), torch.device("cpu")), find_metrics(registry()))
    assert figures["active_units"] == int((ppca.values[:Q] > 4 * ppca.variance).sum()) == 2
    with torch.no_grad():
        kl = model.posterior(ppca.x.float()).kl_per_dim(model.prior()).mean(0).sort(descending=True).values.double()
    torch.testing.assert_close(kl, ppca.kl(4.0), rtol=0, atol=0.02)
    assert kl[2] < 1e-3
