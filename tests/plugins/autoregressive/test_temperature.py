"""Sampling at a temperature: frequencies and moments of p^(1/T), by enumeration and in closed form."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from genzoo_plugins.autoregressive.made import MADE
from genzoo_plugins.autoregressive.temperature import Temperature, draw_tempered
from genzoo_plugins.autoregressive.transformer import Transformer
from genzoo_plugins.parts.logistic_mixture import LogisticMixture
from torch import Tensor

import genzoo
from genzoo.core.noise import seeded
from genzoo.core.observation import ContinuousBernoulli, DiscretisedLogistic, Laplace

DRAWS = 20_000


def frequencies(drawn: Tensor, states: Tensor) -> Tensor:
    """Return how often each of the states [K, D] was drawn, [K]."""
    return (drawn[:, None].flatten(2) == states.flatten(1)).all(2).double().mean(0)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
@torch.no_grad()
def test_characters_are_drawn_from_the_tempered_conditionals(temperature: float) -> None:
    """For two places, p_T(a, b) = softmax(logits of a / T) · softmax(logits of b given a / T)."""
    with seeded(0):
        model = Transformer(genzoo.DataSpec((2,), "", kind="tokens", levels=3), Transformer.Config(width=8, heads=2))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    states = torch.tensor([pair for pair in itertools.product(range(3), repeat=2) if pair[0] or not pair[1]])
    conditionals = (model.eval().logits(states) / temperature).log_softmax(-1)
    first, second = (conditionals[:, place].gather(1, states[:, place, None])[:, 0] for place in (0, 1))
    expected = (first + second * (states[:, 0] != 0)).exp().double()  # after the end there is only padding
    with seeded(1):
        found = frequencies(model.sample(DRAWS, options=Temperature(temperature=temperature)), states)
    assert expected.sum().item() == pytest.approx(1, abs=1e-5)
    assert (found - expected).abs().max() < 4 * 0.5 / math.sqrt(DRAWS)
    assert (expected - model.log_prob(states).exp()).abs().max() > 0.03  # unlike those at temperature 1


@torch.no_grad()
def test_pixels_are_drawn_from_the_tempered_conditionals() -> None:
    spec = genzoo.DataSpec((3,), "bernoulli", binary=True)
    with seeded(0):
        model = MADE(spec, MADE.Config(hidden=(8,)))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=1.0)
    states = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)))
    logits = model.conditionals(states).logits / 0.4  # type: ignore[attr-defined]
    expected = genzoo.Bernoulli(logits).log_prob(states).exp().double()
    with seeded(1):
        found = frequencies(model.sample(DRAWS, options=Temperature(temperature=0.4)), states)
    assert (found - expected).abs().max() < 4 * 0.5 / math.sqrt(DRAWS)
    with seeded(2):
        own = model.sample(5)
    with seeded(2):
        assert torch.equal(own, model.sample(5, options=Temperature()))


def level_probabilities(p: DiscretisedLogistic) -> Tensor:
    """Return the probabilities of the 256 levels of a single pixel."""
    return torch.stack([p.log_prob(torch.tensor([[k / 255]])) for k in range(256)])[:, 0].double().exp()


@torch.no_grad()
def test_each_conditional_is_raised_to_one_over_the_temperature() -> None:
    """Gaussians get the variance T σ², Laplace distributions the scale T b, and odds the power 1/T."""
    mean, t = torch.full((DRAWS, 1), 0.3), 0.25
    with seeded(0):
        gaussian = draw_tempered(genzoo.DiagGaussian(mean, math.log(4.0)), t)
        laplace = draw_tempered(Laplace(mean, math.log(2.0)), t)
        coins = draw_tempered(genzoo.Bernoulli(mean), t)
        grey = draw_tempered(ContinuousBernoulli(mean), t)
        names = draw_tempered(genzoo.Categorical(torch.tensor([0.0, 0.3]).expand(DRAWS, 1, 2)), t)
        levels = draw_tempered(DiscretisedLogistic(mean, math.log(0.1)), t)
    assert gaussian.std().item() == pytest.approx(math.sqrt(4 * t), rel=0.03)
    assert (laplace - 0.3).abs().mean().item() == pytest.approx(2 * t, rel=0.04)
    odds = 1 / (1 + math.exp(-0.3 / t))
    assert coins.mean().item() == pytest.approx(odds, abs=0.015)
    assert names.double().mean().item() == pytest.approx(odds, abs=0.015)
    assert grey.mean().item() == pytest.approx(ContinuousBernoulli(torch.tensor([0.3 / t])).mean.item(), abs=0.01)
    p = level_probabilities(DiscretisedLogistic(mean[:1], math.log(0.1))) ** (1 / t)
    values = torch.arange(256, dtype=torch.float64) / 255
    centre = (p * values).sum() / p.sum()
    spread = ((p * (values - centre).square()).sum() / p.sum()).sqrt()
    assert levels.mean().item() == pytest.approx(centre.item(), abs=4 * spread.item() / math.sqrt(DRAWS))
    assert levels.std().item() == pytest.approx(spread.item(), rel=0.03)


def test_other_distributions_are_refused() -> None:
    with pytest.raises(genzoo.UsageError, match="--temperature is not known for a Delta"):
        draw_tempered(genzoo.Delta(torch.zeros(2, 1)), 0.5)


@torch.no_grad()
def test_levels_of_a_mixture_are_raised_to_one_over_the_temperature() -> None:
    weights, centres, scales = (torch.tensor([pair]) for pair in ([0.2, -0.4], [0.25, 0.7], [-3.0, -2.5]))
    one = LogisticMixture(weights, centres, scales, event_dims=1)
    p = torch.stack([one.log_prob(torch.tensor([k / 255])) for k in range(256)]).double().mul(1 / 0.5).softmax(0)
    each = [part.expand(DRAWS, 1, 2) for part in (weights, centres, scales)]
    with seeded(3):
        drawn = (255 * draw_tempered(LogisticMixture(*each, event_dims=1), 0.5)).round().long().flatten()
    found = drawn.bincount(minlength=256).double() / DRAWS
    assert (found.cumsum(0) - p.flatten().cumsum(0)).abs().max() < 2 / math.sqrt(DRAWS)  # Kolmogorov and Smirnov
    own = torch.stack([one.log_prob(torch.tensor([k / 255])) for k in range(256)]).double().exp().flatten()
    assert (own.cumsum(0) - p.flatten().cumsum(0)).abs().max() > 0.03
