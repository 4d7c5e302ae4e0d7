"""MADE: its conditionals, held against enumeration, integration and autograd."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from genzoo_plugins.autoregressive.made import MADE
from torch import Tensor
from torch.autograd.functional import jacobian

import genzoo
from genzoo.core.noise import seeded


def made(spec: genzoo.DataSpec, hidden: tuple[int, ...] = (32, 24), spread: float = 1.0) -> MADE:
    """An untrained model with large weights, so that no dependence is too weak to be seen."""
    with seeded(0):
        model = MADE(spec, MADE.Config(hidden=hidden, activation="tanh"))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=spread)
    return model


def all_binary(size: int) -> Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=size)))


@pytest.mark.parametrize("hidden", [(), (16,), (40, 24)], ids=str)
@torch.no_grad()
def test_the_probabilities_of_all_values_sum_to_1(hidden: tuple[int, ...]) -> None:
    model = made(genzoo.DataSpec((1, 3, 4), "bernoulli", binary=True), hidden)
    log_prob = model.log_prob(all_binary(12).view(-1, 1, 3, 4))
    assert log_prob.double().exp().sum().item() == pytest.approx(1, abs=1e-4)
    assert log_prob.std() > 1  # not the uniform distribution


@pytest.mark.parametrize("hidden", [(), (7,), (64, 64)], ids=str)
def test_a_conditional_depends_on_all_earlier_values_and_on_no_other(hidden: tuple[int, ...]) -> None:
    """Also with fewer hidden units than values: the direct connections reach every earlier value."""
    model = made(genzoo.DataSpec((9,), "gaussian-per-dim"), hidden, spread=0.3)
    for mean in (True, False):

        def parameters(x: Tensor, mean: bool = mean) -> Tensor:
            px = model.conditionals(x[None])
            assert isinstance(px, genzoo.DiagGaussian)
            return (px.mean if mean else px.variance)[0]

        slopes = jacobian(parameters, torch.randn(9))
        assert torch.equal(slopes != 0, torch.ones(9, 9).tril(-1).bool())


@torch.no_grad()
def test_a_gaussian_density_integrates_to_1() -> None:
    model = made(genzoo.DataSpec((2,), "gaussian-learned"), (8,), spread=0.4)
    line = torch.linspace(-15, 15, 401)
    grid = torch.cartesian_prod(line, line)
    total = model.log_prob(grid).double().exp().sum().item() * (30 / 400) ** 2
    assert total == pytest.approx(1, abs=1e-3)


def test_one_learned_deviation_becomes_one_for_each_conditional() -> None:
    model = made(genzoo.DataSpec((3,), "gaussian-learned"), (8,))
    px = model.conditionals(torch.randn(4, 3))
    assert isinstance(px, genzoo.DiagGaussian)
    assert len(px.variance.flatten().unique()) > 6
    assert (model.measure, model.support, model.exactness) == ("density", "any", "exact")
    assert made(genzoo.DataSpec((4,), "bernoulli", binary=True)).measure == "probability"


@pytest.mark.parametrize("hidden", [(), (16,), (16, 12)], ids=str)
@torch.no_grad()
def test_samples_are_drawn_from_the_conditionals_of_the_values_before(
    hidden: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If each value is the mean of its conditional, sampling finds the x that equals all of its conditional means."""
    model = made(genzoo.DataSpec((2, 3, 2), "gaussian-per-dim"), hidden, spread=0.3)
    with seeded(0):
        assert not torch.equal(model.sample(2), model.sample(2))
    monkeypatch.setattr(genzoo.DiagGaussian, "rsample", lambda self: self.mean)
    x = model.sample(3)
    assert x.shape == (3, 2, 3, 2)
    torch.testing.assert_close(x, model.conditionals(x).mean)
    assert x.std() > 0.1


@torch.no_grad()
def test_samples_of_pixels_have_their_probabilities() -> None:
    model = made(genzoo.DataSpec((1, 2, 2), "bernoulli", binary=True))
    wanted = model.log_prob(all_binary(4).view(-1, 1, 2, 2)).exp()
    with seeded(0):
        x = model.sample(20_000).flatten(1)
    found = torch.bincount((x @ torch.tensor([8.0, 4.0, 2.0, 1.0])).long(), minlength=16) / 20_000
    assert ((found - wanted).abs() < 5 * (wanted * (1 - wanted) / 20_000).sqrt() + 1e-6).all()


def test_it_learns_a_known_table() -> None:
    """Three bits whose eight probabilities are known: the cross-entropy falls to the entropy."""
    table = torch.tensor([0.30, 0.02, 0.05, 0.13, 0.04, 0.26, 0.15, 0.05])
    model = made(genzoo.DataSpec((3,), "bernoulli", binary=True), (16,), spread=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(120):
        optimizer.zero_grad()
        cost = -(table * model.log_prob(all_binary(3))).sum()
        cost.backward()
        optimizer.step()
    entropy = -(table * table.log()).sum().item()
    assert entropy - 1e-5 < cost.item() < entropy + 1e-3
    assert math.isclose(model.log_prob(all_binary(3)).exp().sum().item(), 1, abs_tol=1e-5)


@torch.no_grad()
def test_hidden_values_are_drawn_from_their_conditional() -> None:
    """The last three of six values, whose eight states are enumerated."""
    model = made(genzoo.DataSpec((6,), "bernoulli", binary=True))
    known = (torch.arange(6) < 3).expand(8, -1)
    every = torch.cat([torch.tensor([1.0, 0.0, 1.0]).expand(8, -1), all_binary(3)], 1)
    p = model.log_prob(every).softmax(0)
    torch.testing.assert_close(model.log_hidden(every, known), p.log())
    with seeded(0):
        drawn = model.impute(every[:1].expand(20_000, -1), known[:1].expand(20_000, -1))
    assert torch.equal(drawn[:, :3], every[:1, :3].expand(20_000, -1))
    counts = (drawn[:, 3:] @ torch.tensor([4.0, 2.0, 1.0])).long().bincount(minlength=8)
    torch.testing.assert_close(counts / 20_000, p, rtol=0, atol=5 * 0.5 / math.sqrt(20_000))
    with pytest.raises(genzoo.UsageError, match="values after a hidden one are known"):
        model.impute(every, ~known)
