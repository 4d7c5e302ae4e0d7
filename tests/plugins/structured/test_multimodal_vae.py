"""The VAE of several views: what its posteriors depend on, and what it refuses. Its numbers are in its theory."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.structured.multimodal_vae import MultimodalVAE, Views, every_set

import genzoo
from genzoo.core.noise import keyed

PARTS = genzoo.Part("left", (2,)), genzoo.Part("name", levels=3), genzoo.Part("right", (2,))
SPEC = genzoo.DataSpec((5,), "gaussian-learned", parts=PARTS)


def model_of(experts: str = "poe") -> MultimodalVAE:
    with genzoo.seeded(0):
        config = MultimodalVAE.Config(latent_dim=2, hidden=(8,), experts=experts)  # type: ignore[arg-type]
        return MultimodalVAE(SPEC, config).eval()


def rows(n: int = 6) -> torch.Tensor:
    with genzoo.seeded(1):
        return torch.cat([torch.randn(n, 2), torch.arange(n)[:, None] % 3.0, torch.randn(n, 2)], 1)


@torch.no_grad()
@pytest.mark.parametrize("experts", ["poe", "moe", "mopoe"])
def test_the_posterior_depends_on_the_given_views_alone(experts: str) -> None:
    model, x = model_of(experts), rows()
    for views in every_set(range(3)):
        q = model.posterior(x, [PARTS[view].name for view in views])
        for view, places in enumerate(([0, 1], [2], [3, 4])):
            changed = x.clone()
            changed[:, places] = (changed[:, places] + 1) % 3
            moved = model.posterior(changed, [PARTS[view].name for view in views]).mean - q.mean
            assert bool(moved.abs().max() > 1e-5) == (view in views)


@torch.no_grad()
def test_names_have_a_probability_and_numbers_a_density() -> None:
    px = model_of().likelihood(torch.randn(4, 2))
    assert [part.measure for part in px.parts] == ["density", "probability", "density"]
    each = torch.stack([px.parts[1].log_prob(torch.full((4, 1), float(name))) for name in range(3)])
    torch.testing.assert_close(each.exp().sum(0), torch.ones(4))


@torch.no_grad()
def test_mixtures_and_a_weight_of_0_leave_the_elbo() -> None:
    batch, step = genzoo.Batch(rows()), torch.tensor(0)
    for model, weight in ((model_of("moe"), 1.0), (model_of("mopoe"), 1.0), (model_of(), 0.0)):
        terms = Views(model, Views.Config(smaller=weight))(model, batch, step)
        torch.testing.assert_close(terms["loss"], terms["negative_elbo"])
    assert Views(model, Views.Config())(model, batch, step)["smaller"] > 0


@torch.no_grad()
def test_the_bounds_of_an_example_do_not_depend_on_its_batch() -> None:
    model, x = model_of(), rows(6)  # as many examples as smaller sets
    keys = torch.arange(6)
    with keyed(keys):
        together, _ = model.bounds(x, model.smaller)
    for place in range(6):
        with keyed(keys[place : place + 1]):
            alone, _ = model.bounds(x[place : place + 1], model.smaller)
        torch.testing.assert_close(alone[0], together[place])


def test_what_it_is_not_for() -> None:
    with pytest.raises(genzoo.UsageError, match="at most 6 views; these data have 7"):
        MultimodalVAE(genzoo.DataSpec((7,), "gaussian"), MultimodalVAE.Config())
    with pytest.raises(genzoo.UsageError, match="there is no view up"):
        model_of().posterior(rows(), ["up"])
    with pytest.raises(genzoo.UsageError, match="no view is given"):
        model_of().complete(rows(), [])
    with pytest.raises(genzoo.UsageError, match="columns of names, which have no scale") as error:
        MultimodalVAE(SPEC._replace(scale=2.0), MultimodalVAE.Config())
    assert error.value.hint == "leave --standardize out"


@torch.no_grad()
@pytest.mark.parametrize("likelihood", ["gaussian-learned", "laplace-learned"])
def test_numbers_may_be_in_any_units_if_their_width_is_learned(likelihood: str) -> None:
    x, step, terms, drawn = rows(60), torch.tensor(0), [], []
    other = x.clone()
    other[:, 3:] = 1000 + 50 * other[:, 3:]
    for values in (x, other):
        with genzoo.seeded(0):
            model = MultimodalVAE(SPEC._replace(likelihood=likelihood), MultimodalVAE.Config(hidden=(8,))).eval()
            model.prepare(genzoo.Batch(values))
            terms.append(Views(model, Views.Config())(model, genzoo.Batch(values), step))
            drawn.append(model.sample(9))
    torch.testing.assert_close(terms[1]["kl"], terms[0]["kl"])
    more = terms[1]["negative_elbo"] - terms[0]["negative_elbo"]
    torch.testing.assert_close(more.item(), 2 * math.log(50), rtol=1e-4, atol=0)  # nats, for two values
    torch.testing.assert_close(drawn[1][:, 3:], 1000 + 50 * drawn[0][:, 3:])


@torch.no_grad()
def test_numbers_of_a_stated_width_keep_their_units() -> None:
    model = MultimodalVAE(SPEC._replace(likelihood="gaussian:0.5"), MultimodalVAE.Config(hidden=(8,)))
    model.prepare(genzoo.Batch(1000 + rows()))
    (given, *_) = model.likelihood(torch.zeros(1, 20)).parts
    value = given.mean
    nats = given.log_prob(value + 1) - given.log_prob(value)
    torch.testing.assert_close(nats, torch.tensor([-4.0]))  # −½·2·1²/0.5²
