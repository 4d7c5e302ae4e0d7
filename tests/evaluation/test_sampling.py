"""Samplers: their names, the models they suit, and the distribution of what they draw."""

from __future__ import annotations

import pytest
import torch

from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.model import LatentModel
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.evaluation.sampling import CODES, Sampler, draw, fitted_codes, prior_codes, rows_by_class
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")


def model_of(name: str) -> LatentModel:
    model = Pair.of(name, spec=SPECS["points"]).build().model.eval()
    assert isinstance(model, LatentModel)
    return model


def data_of(n: int) -> Resident:
    return Resident(Pair.of("ae", spec=SPECS["points"]).split(n), CPU)


@pytest.mark.parametrize(
    ("text", "components"), [("prior", 0), ("gaussian", 1), ("gmm:1", 1), ("gmm:10", 10), ("gmm999", 999)]
)
def test_a_sampler_is_parsed_from_its_name(text: str, components: int) -> None:
    assert Sampler.parse(text) == Sampler(components)


@pytest.mark.parametrize("text", ["", "Prior", "gmm", "gmm:0", "gmm:1000", "gmm:two", "kde"])
def test_an_unknown_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no sampler"):
        Sampler.parse(text)


def test_the_default_is_the_prior_if_the_model_has_one() -> None:
    assert (Sampler.own(model_of("vae")), Sampler.own(model_of("ae"))) == (Sampler(0), Sampler(1))
    assert Sampler().refuses(model_of("vae")) is None
    assert Sampler().refuses(model_of("ae")) == "no prior p(z)"
    with pytest.raises(UsageError, match="AE has no prior"):
        draw(model_of("ae"), Sampler(), None, 3, noise=False)


@torch.no_grad()
def test_samples_from_the_prior_are_its_decoded_codes() -> None:
    model = model_of("vae")
    with seeded(0):
        drawn = draw(model, Sampler(), None, 20, noise=False)
    with seeded(0):
        codes = torch.cat(list(prior_codes(model, 20)))
    torch.testing.assert_close(drawn, model.decode(codes))


@torch.no_grad()
def test_fitted_codes_have_the_mean_and_covariance_of_the_training_codes() -> None:
    model, data = model_of("ae"), data_of(500)
    codes = model.encode(data.batch(torch.arange(500)).x)
    with seeded(0):
        drawn = fitted_codes(model, data, 1, 40_000)
    spread = codes.std(0)
    assert ((drawn.mean(0) - codes.mean(0)).abs() < 0.03 * spread).all()
    scale = spread[:, None] * spread
    assert ((drawn.T.cov() - codes.T.cov(correction=0)).abs() < 0.04 * scale).all()


@torch.no_grad()
def test_codes_that_cannot_be_fitted_are_refused() -> None:
    model = model_of("ae")
    with pytest.raises(UsageError, match="5 Gaussians cannot be fitted to 4 codes"):
        fitted_codes(model, data_of(4), 5, 1)
    for parameter in model.parameters():
        parameter.fill_(torch.nan)
    with pytest.raises(GenzooError, match="not finite"):
        fitted_codes(model, data_of(4), 1, 1)
    assert CODES == 10_000


def test_a_conditional_model_has_rows_of_each_class() -> None:
    model = model_of("vae")
    assert rows_by_class(model) is None
    model.conditional = True
    labels = rows_by_class(model)
    assert labels is not None
    assert labels.tolist() == [0] * 8 + [1] * 8
