"""Factor analysis against scikit-learn, and on data that leave no noise."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.classical.factor_analysis import FactorAnalysis
from genzoo_plugins.classical.theory import LATENTS, factors, fitted
from sklearn.decomposition import FactorAnalysis as Reference


def test_it_equals_scikit_learn() -> None:
    x = factors()
    reference = Reference(LATENTS, tol=1e-9, max_iter=800, svd_method="lapack").fit(x.numpy())
    model = fitted(FactorAnalysis, x, latent_dim=LATENTS)
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


def test_constant_values_stay_finite() -> None:
    x = torch.cat([factors(50), torch.ones(50, 2, dtype=torch.float64)], 1)
    model = fitted(FactorAnalysis, x, latent_dim=2)
    assert model.log_prob(x).isfinite().all()
    assert model.sample(3).isfinite().all()
