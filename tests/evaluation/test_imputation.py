"""Hidden values of latent models, against the Gaussian conditional."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.linear_gaussian import PPCA, linear_vae, set_optimum
from torch.distributions import MultivariateNormal

import genzoo
from genzoo.core.errors import UsageError
from genzoo.core.noise import seeded
from genzoo.evaluation.imputation import hidden_half, impute
from genzoo.testing import SPECS, Pair


@torch.no_grad()
def test_draws_of_a_latent_model_follow_the_gaussian_conditional(ppca: PPCA) -> None:
    """The posterior is shifted and half as wide as the exact one: the chain must make up for it."""
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca)
    model.encoder[-1].bias += torch.tensor([0.3] * 3 + [0.3] * 3)
    seen = torch.arange(12) < 9
    p = ppca.marginal
    covariance = p.covariance_matrix
    across = torch.linalg.solve(covariance[seen][:, seen], covariance[seen][:, ~seen])
    x = ppca.x[:1]
    truth = MultivariateNormal(
        p.mean[~seen] + (x[0, seen] - p.mean[seen]) @ across,
        covariance[~seen][:, ~seen] - covariance[~seen][:, seen] @ across,
    )
    with seeded(0):
        found = impute(model, x.float(), seen[None], 1000, 25)
    hidden = found.draws[:, 0, ~seen].double()
    torch.testing.assert_close(found.draws[:, 0, seen].double(), x[:, seen].expand(1000, -1), rtol=0, atol=1e-5)
    torch.testing.assert_close(hidden.mean(0), truth.mean, rtol=0, atol=0.12)
    torch.testing.assert_close(torch.cov(hidden.T), truth.covariance_matrix, rtol=0, atol=0.15)
    assert found.exactness == "bound"
    assert found.log_hidden is not None
    assert found.log_hidden.item() == pytest.approx(truth.log_prob(x[0, ~seen]).item(), abs=0.05)


def test_halves_of_an_image() -> None:
    shape = (2, 4, 5)
    left, right, top, bottom = (hidden_half(side, shape) for side in ("left", "right", "top", "bottom"))
    assert left[0].tolist() == [[True, True, False, False, False]] * 4
    assert right[1].tolist() == [[False, False, False, True, True]] * 4
    assert top[0, :, 0].tolist() == [True, True, False, False]
    assert torch.equal(bottom, ~top)


@pytest.mark.parametrize(
    ("name", "reason"), [("ae", "it has no prior"), ("gan", "given others"), ("vq-vae", "a point")]
)
@torch.no_grad()
def test_models_that_cannot_are_refused(name: str, reason: str) -> None:
    pair = Pair.of(name, spec=SPECS["grey images"])
    model, x = pair.build().eval().model, pair.batch(1).x
    with pytest.raises(UsageError, match=reason):
        impute(model, x, torch.zeros_like(x, dtype=torch.bool), 1, 2)


@torch.no_grad()
def test_grey_pixels_are_the_centre_of_black_and_white_ones() -> None:
    pair = Pair.of("vae")
    model, x = pair.build().eval().model, pair.batch(2).x
    known = hidden_half("right", tuple(x.shape[1:])).expand_as(x)
    with seeded(0):
        found = impute(model, x, known, 2, 4)
    assert found.log_hidden is None
    drawn = found.draws[:, ~known]
    assert ((drawn > 0) & (drawn < 1)).all()
    with seeded(0):
        found = impute(model, (x > 0.5).float(), known, 2, 4)
    assert found.log_hidden is not None
    drawn = found.draws[:, ~known]
    assert ((drawn == 0) | (drawn == 1)).all()


def test_a_model_of_its_own_imputer_draws_all_at_once() -> None:
    class Zero(genzoo.Imputer, genzoo.Model):
        Config = genzoo.config(type("Config", (), {}))

        def impute(self, x: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(x)

    model = Zero(genzoo.DataSpec((2,), "gaussian"), None)
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    found = impute(model, x, torch.tensor([[True, False], [False, True]]), 3, 2)
    assert found.draws.tolist() == [[[1.0, 0.0], [0.0, 4.0]]] * 3
    assert found.log_hidden is None
