"""Pixels as real numbers: slope, inverse, and the bound on their probability by quadrature."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.flows.dequantisation import Dequantisation
from genzoo_plugins.flows.realnvp import RealNVP
from torch.autograd.functional import jacobian

import genzoo
from genzoo.core.noise import seeded
from genzoo.testing.pair import perturb
from genzoo.training.objective import Objective

GREY = genzoo.DataSpec((1, 4, 3), "bernoulli")
VIEWS = {"grey": GREY, "standardised": GREY._replace(shift=0.3, scale=0.5), "binary": GREY._replace(binary=True)}


def pixels(spec: genzoo.DataSpec, n: int = 5) -> torch.Tensor:
    levels = 2 if spec.binary else 256
    drawn = torch.randint(levels, (n, *spec.shape), generator=torch.Generator().manual_seed(0))
    return spec.view(drawn / (levels - 1))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("within", [0.001, 0.5, 0.999])
def test_each_place_within_a_level_is_that_level(view: str, within: float) -> None:
    spec = VIEWS[view]
    x = pixels(spec)
    own = Dequantisation(spec)
    torch.testing.assert_close(own.pixels(own.numbers(x, within)[0]), x)


@pytest.mark.parametrize("view", VIEWS)
def test_the_slope_is_that_of_the_place_within_the_level(view: str) -> None:
    own, x = Dequantisation(VIEWS[view]), pixels(VIEWS[view], 1).double()
    within = torch.rand(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    slopes = jacobian(lambda u: own.numbers(x, u)[0], within).view(12, 12)
    torch.testing.assert_close(own.numbers(x, within)[1][0], torch.linalg.slogdet(slopes)[1])


def test_numbers_outside_all_levels_are_the_nearest_one() -> None:
    ends = Dequantisation(GREY).pixels(torch.tensor([[-20.0] * 12, [20.0] * 12]))
    assert torch.equal(ends, torch.stack([torch.zeros(GREY.shape), torch.ones(GREY.shape)]))


@torch.no_grad()
def test_what_is_reported_is_below_the_logarithm_of_the_integral_over_the_level() -> None:
    """Of one black or white pixel: P(x) is the integral of the density over its level, and E_u ln p is below ln P."""
    spec = genzoo.DataSpec((1,), "bernoulli", binary=True)
    with seeded(0):
        model = RealNVP(spec, RealNVP.Config(couplings=4, hidden=(8,)))
    objective = Objective(model, genzoo.Loss(model, None))
    perturb(objective, {name: value.clone() for name, value in objective.named_parameters()}, 3)
    assert model.pixels is not None
    assert (model.measure, model.support, model.exactness) == ("probability", "binary", "bound")
    place = ((torch.arange(20_000) + 0.5) / 20_000)[:, None]
    total = 0.0
    for value in (0.0, 1.0):
        x = torch.full((20_000, 1), value)
        numbers, slope = model.pixels.numbers(x, place)
        z, log_det = model.to_noise(numbers)
        log_density = (model.prior().log_prob(z) + log_det + slope).double()
        probability = log_density.exp().mean().log().item()
        with seeded(1):
            reported = model.log_prob(x).double()
        bound = log_density.mean().item()
        assert bound < probability - 1e-4
        assert reported.mean().item() == pytest.approx(bound, abs=5 * reported.std().item() / 20_000**0.5)
        total += log_density.exp().mean().item()
    assert 0.5 < total < 1  # the rest lies outside both levels
