"""The samplers of a model: their names, the models they suit, and the codes that they are fitted to."""

from __future__ import annotations

import pytest
import torch

from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.model import LatentModel
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.evaluation.samplers import CODES, Samplers, default_sampler, full_sampler_name, why_no_sampler
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")


def model_of(name: str) -> LatentModel:
    model = Pair.of(name, spec=SPECS["points"]).build().model.eval()
    assert isinstance(model, LatentModel)
    return model


def data_of(n: int) -> Resident:
    return Resident(Pair.of("ae", spec=SPECS["points"]).split(n), CPU)


@pytest.mark.parametrize(
    ("text", "full"), [("prior", "prior"), ("gaussian", "gaussian"), ("gmm", "gmm:10"), ("gmm:3", "gmm:3")]
)
def test_a_name_is_written_out(text: str, full: str) -> None:
    assert full_sampler_name(text) == full


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no sampler named ''."),
        ("gnm:10", "no sampler named 'gnm'. Did you mean 'gmm'?"),
        ("gmm:0", "--sampler gmm:0: K, the number of Gaussians, must be a positive whole number"),
        ("gmm:two", "--sampler gmm:two: K, the number of Gaussians, must be a positive whole number"),
        ("gaussian:2", "--sampler gaussian:2: gaussian takes no argument"),
    ],
)
def test_an_unknown_name_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        full_sampler_name(text)
    assert caught.value.message == said


def test_the_default_is_the_prior_if_the_model_has_one() -> None:
    assert (default_sampler(model_of("vae")), default_sampler(model_of("ae"))) == ("prior", "gaussian")
    assert why_no_sampler(model_of("vae"), "prior") is None
    assert why_no_sampler(model_of("ae"), "prior") == "no prior p(z)"
    assert Samplers(model_of("vae"), lambda: data_of(9))("prior") is None


@torch.no_grad()
def test_a_sampler_has_the_mean_and_covariance_of_the_training_codes() -> None:
    model, data = model_of("ae"), data_of(500)
    codes = model.encode(data.batch(torch.arange(500)).x).double()
    sampler = Samplers(model, lambda: data)("gaussian")
    assert sampler is not None
    with seeded(0):
        drawn = sampler.sample(40_000)
    spread = codes.std(0)
    assert ((drawn.mean(0) - codes.mean(0)).abs() < 0.03 * spread).all()
    scale = spread[:, None] * spread
    assert ((drawn.T.cov() - codes.T.cov(correction=0)).abs() < 0.04 * scale).all()


def test_codes_are_drawn_from_the_posterior_and_read_once() -> None:
    read: list[int] = []
    model = model_of("vae")

    def train() -> Resident:
        read.append(1)
        return data_of(300)

    samplers = Samplers(model, train)
    assert samplers("gaussian") is samplers("gaussian")
    samplers("gmm:2")
    assert read == [1]
    means = model.encode(data_of(300).batch(torch.arange(300)).x)
    assert (samplers.codes.var(0) > 2 * means.var(0).double()).all()  # an untrained posterior has σ² of about 1


def test_a_sampler_does_not_depend_on_what_was_fitted_or_drawn_before() -> None:
    model, data = model_of("vae"), data_of(100)
    one, other = Samplers(model, lambda: data), Samplers(model, lambda: data)
    other("kde")
    torch.rand(7)
    for name in ("gmm:3", "kde"):
        found = [samplers(name) for samplers in (one, other)]
        assert found[0] is not None
        assert found[1] is not None
        states = [sampler.state_dict() for sampler in found if sampler is not None]
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@torch.no_grad()
def test_codes_that_cannot_be_fitted_are_refused() -> None:
    model = model_of("ae")
    with pytest.raises(UsageError, match="5 Gaussians cannot be fitted to 4 codes"):
        Samplers(model, lambda: data_of(4))("gmm:5")
    for parameter in model.parameters():
        parameter.fill_(torch.nan)
    with pytest.raises(GenzooError, match="not finite"):
        Samplers(model, lambda: data_of(4))("gaussian")
    assert CODES == 10_000
