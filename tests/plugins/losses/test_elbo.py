"""What the built-in losses say, against the distributions they are made of."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from torch import Tensor

import genzoo
from genzoo.core.noise import content_keys, keyed
from genzoo.testing import SPECS, Pair
from genzoo.training.objective import Objective

MODELS = ["vae", "conv-vae"]


def terms_of(objective: Objective, pair: Pair, step: int = 0) -> dict[str, float]:
    """The loss's terms in double precision, with noise that belongs to the examples."""
    batch = pair.batch(16)
    with torch.no_grad(), keyed(content_keys(batch.x)):
        terms = objective.double()(genzoo.Batch(batch.x.double()), torch.tensor(step))
    return {name: term.item() for name, term in terms.items()}


def elbo(model: str = "vae", step: int = 0, **options: float | None) -> dict[str, float]:
    pair = Pair.of(model, "elbo", **options)
    return terms_of(pair.build(), pair, step)


@pytest.mark.parametrize("model", MODELS)
def test_beta_weights_the_kl_and_nothing_else(model: str) -> None:
    none = elbo(model, beta=0.0)
    assert none["kl"] > 0
    assert none["loss"] == none["reconstruction"]
    for beta in (0.5, 1.0, 4.0):
        terms = elbo(model, beta=beta)
        assert terms["loss"] - none["loss"] == pytest.approx(beta * terms["kl"], rel=1e-9)
        assert {**terms, "loss": 0} == {**none, "loss": 0}
        assert terms["negative_elbo"] == pytest.approx(terms["reconstruction"] + terms["kl"], rel=1e-14)


def test_the_bound_is_the_loss_at_beta_1() -> None:
    terms = elbo(beta=1.0)
    assert terms["loss"] == pytest.approx(terms["negative_elbo"], rel=1e-14)


def test_the_terms_are_those_of_the_distributions() -> None:
    pair = Pair.of("vae", "elbo")
    model, batch = pair.build().double().model, pair.batch(16)
    assert isinstance(model, genzoo.LatentModel)
    x = batch.x.double()
    with torch.no_grad(), keyed(content_keys(batch.x)):
        q, p, z, px = model.infer(genzoo.Batch(x))
    assert isinstance(q, genzoo.DiagGaussian)
    assert p is not None
    cross_entropy = -(x * px.mean[0].log() + (1 - x) * (1 - px.mean[0]).log()).flatten(1).sum(1).mean()
    divergence = 0.5 * (q.mean**2 + q.variance - q.variance.log() - 1).sum(1).mean()
    terms = elbo()
    assert terms["reconstruction"] == pytest.approx(cross_entropy.item(), rel=1e-10)
    assert terms["kl"] == pytest.approx(divergence.item(), rel=1e-10)
    assert z.shape[0] == 1


@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (25, 0.25), (50, 0.5), (100, 1.0), (101, 1.0), (10**9, 1.0)])
def test_warm_up_is_linear_and_then_over(step: int, share: float) -> None:
    full, warming = elbo(beta=4.0), elbo(beta=4.0, kl_warmup=100, step=step)
    assert warming["loss"] == pytest.approx(full["reconstruction"] + 4 * share * full["kl"], rel=1e-7)
    assert warming["negative_elbo"] == full["negative_elbo"]


def test_a_warm_up_longer_than_the_training_is_not_silent(capsys: pytest.CaptureFixture[str]) -> None:
    objective = Pair.of("vae", "elbo", kl_warmup=100).build()
    objective.loss.begin(objective.model, 100)
    assert capsys.readouterr().err == ""
    objective.loss.begin(objective.model, 25)
    said = "genzoo: --kl-warmup 100 is longer than the training of 25 steps: beta ends at 25% of itself"
    assert capsys.readouterr().err == f"{said} (shorten it, or train longer: --epochs)\n"


@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (50, 0.5), (100, 1.0), (10**9, 1.0)])
@pytest.mark.parametrize("capacity", [0.0, 0.01, 30.0])
def test_a_capacity_is_approached_from_both_sides(capacity: float, step: int, share: float) -> None:
    plain = elbo()
    terms = elbo(capacity=capacity, gamma=10.0, kl_warmup=100, beta=7.0, step=step)
    expected = plain["reconstruction"] + 10 * abs(plain["kl"] - share * capacity)
    assert terms["loss"] == pytest.approx(expected, rel=1e-7)
    assert terms["negative_elbo"] == plain["negative_elbo"]


def test_without_warm_up_the_capacity_is_there_from_the_start() -> None:
    plain, terms = elbo(), elbo(capacity=3.0, gamma=2.0)
    assert terms["loss"] == pytest.approx(plain["reconstruction"] + 2 * abs(plain["kl"] - 3), rel=1e-12)


def test_the_pressure_pushes_the_kl_towards_the_capacity() -> None:
    def slope(kl: float, **options: float) -> float:
        value = torch.tensor(kl, requires_grad=True)
        objective = Pair.of("vae", "elbo", SPECS["points"], **options).build()
        assert isinstance(objective.loss, ELBO)
        objective.loss.pressure(value, torch.tensor(50)).backward()
        assert isinstance(value.grad, Tensor)
        return value.grad.item()

    assert slope(9.0, capacity=10.0, gamma=5.0, kl_warmup=100) == 5  # the capacity is 5 halfway
    assert slope(4.0, capacity=10.0, gamma=5.0, kl_warmup=100) == -5
    assert slope(4.0, beta=3.0, kl_warmup=100) == 1.5
    assert slope(4.0, beta=3.0) == 3


def test_several_samples_are_averaged() -> None:
    """Sample j is the same noise whether three are drawn or more, so the averages can be taken apart."""
    pair = Pair.of("vae", "elbo")
    model, batch = pair.build().double().model, pair.batch(16)
    assert isinstance(model, genzoo.LatentModel)
    x = batch.x.double()
    with torch.no_grad(), keyed(content_keys(batch.x)):
        px = model.infer(genzoo.Batch(x), 3).px
    costs = -px.log_prob(x)
    for samples in (1, 3):
        terms = elbo(posterior_samples=samples)
        assert terms["reconstruction"] == pytest.approx(costs[:samples].mean().item(), rel=1e-12)
        assert terms["kl"] == elbo()["kl"]
    assert not math.isclose(costs[0].mean(), costs.mean(), rel_tol=1e-9)


def test_only_the_loss_carries_gradient() -> None:
    pair = Pair.of("vae", "elbo")
    terms = pair.build()(pair.batch(4), torch.tensor(0))
    assert [key for key, term in terms.items() if term.requires_grad] == ["loss"]


def test_a_plain_autoencoder_has_no_bound() -> None:
    assert Pair.of("ae", "elbo").refusal() == "loss 'elbo' cannot train ae: it needs a prior p(z), and AE has none"
