"""Factor analysis against scikit-learn, and on data that leave no noise."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.classical.factor_analysis import UNIQUENESS, FactorAnalysis
from genzoo_plugins.classical.theory import LATENTS, factors, fitted
from sklearn.decomposition import FactorAnalysis as Reference


def test_it_equals_scikit_learn() -> None:
    x = factors()
    reference = Reference(LATENTS, tol=1e-6, max_iter=3000, svd_method="lapack").fit(x.numpy())
    model = fitted(FactorAnalysis, x, latent_dim=LATENTS, updates=2000)
    assert model.log_prob(x).mean().item() == pytest.approx(reference.score(x.numpy()), abs=2e-6)


def test_fewer_examples_than_dimensions_give_the_same_as_the_covariance() -> None:
    x = factors(40)
    wide = torch.cat([x, x.roll(1, 0), x.roll(2, 0)], 1)[:17]  # 17 examples of 18 values
    model = fitted(FactorAnalysis, wide, latent_dim=2)
    assert model.log_prob(wide).isfinite().all()
    own = model.deviations[:, None] * model.weight
    covariance = own @ own.T + model.deviations.square().diag()
    exact = torch.distributions.MultivariateNormal(model.mean, covariance).log_prob(wide)
    torch.testing.assert_close(model.log_prob(wide), exact, rtol=1e-6, atol=1e-6)


def test_constant_values_have_a_share_of_the_mean_variance_and_leave_the_others_alone() -> None:
    x = factors(50)
    wide = torch.cat([x, torch.full((50, 2), 3.0, dtype=torch.float64)], 1)
    alone, model = fitted(FactorAnalysis, x, latent_dim=2), fitted(FactorAnalysis, wide, latent_dim=2)
    assert model.sample(3).isfinite().all()
    wide[:, -1] = 4.0  # which no training example has
    floor = UNIQUENESS * x.var(0, correction=0).sum() / wide.shape[1]
    constants = torch.distributions.Normal(3.0, floor.sqrt()).log_prob(wide[:, -2:]).sum(1)
    torch.testing.assert_close(model.log_prob(wide), alone.log_prob(x) + constants, rtol=1e-6, atol=1e-6)


def test_a_value_that_the_factors_explain_has_a_share_of_its_variance_as_noise() -> None:
    x = factors()
    x[:, 1] = -2 * x[:, 0]  # one factor for both: the likelihood grows with no limit as their noise vanishes
    model = fitted(FactorAnalysis, x, latent_dim=3)
    shares = model.deviations.square() / x.var(0, correction=0)
    assert shares[:2].tolist() == pytest.approx([UNIQUENESS, UNIQUENESS])
    assert shares[2:].min() > 2 * UNIQUENESS
