"""The distributions of observed values against torch.distributions and closed values; all of them sum to 1."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch import distributions as reference

from genzoo.core.distributions import Bernoulli, Delta, DiagGaussian, Distribution
from genzoo.core.noise import seeded
from genzoo.core.observation import ContinuousBernoulli, DiscretisedLogistic, Laplace

LEVELS = torch.arange(256, dtype=torch.float64) / 255
LOGITS = [-100.0, -3.0, -0.041, -0.039, -1e-3, -1e-6, 0.0, 1e-9, 1e-4, 0.039, 0.041, 0.199, 0.201, 5.0, 100.0]
LOCATIONS = [-3.0, -0.5, 0.0, 0.0013, 0.3, 0.5, 1.0, 1.01, 4.0]
SCALES = [1e-6, 1e-3, 1 / 510, 0.03, 0.3, 1.0, 30.0, 1e5]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def close(found: Tensor | None, expected: Tensor, atol: float = 1e-12) -> None:
    assert found is not None
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=atol)


def midpoints(n: int) -> Tensor:
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


@pytest.mark.parametrize("log_scale", [-0.7, torch.tensor(-0.7, dtype=torch.float64)], ids=["float", "tensor"])
def test_laplace_is_torchs(log_scale: Tensor | float) -> None:
    own, other = Laplace(draw(4, 2, 3), log_scale, 2), Laplace(draw(4, 2, 3, seed=1), log_scale + 0.4, 2)
    scales = [math.exp(-0.7), math.exp(-0.3)]
    one, two = (reference.Laplace(d.mean, scale) for d, scale in zip((own, other), scales, strict=True))
    theirs = reference.Independent(one, 2)
    value = draw(4, 2, 3, seed=2)
    close(own.log_prob(value), theirs.log_prob(value))
    base = reference.kl_divergence(one, two)
    close(own.kl_per_dim(other), base)
    close(own.kl(other), base.sum((1, 2)))
    close(own.kl(own), torch.zeros(4, dtype=torch.float64))


@pytest.mark.parametrize("eta", LOGITS)
def test_continuous_bernoulli_is_a_density(eta: float) -> None:
    """Its integral over [0, 1], on pieces short enough for exp(ηx); the mean is the first moment."""
    n = 200_000
    x = midpoints(n)
    own = ContinuousBernoulli(torch.full((n, 1), eta, dtype=torch.float64))
    density = own.log_prob(x[:, None]).exp()
    # The midpoint rule errs by h²/24 · (f′(1) − f′(0)) = h²/24 · η² to leading order.
    error = 1e-10 + (eta / n) ** 2 / 12
    assert density.mean().item() == pytest.approx(1, abs=error)
    assert (density * x).mean().item() == pytest.approx(own.mean[0, 0].item(), abs=error)


def test_continuous_bernoulli_is_torchs() -> None:
    eta = tensor(-12, -3, -0.3, -0.041, -0.039, -0.01, 0, 1e-3, 0.039, 0.041, 0.5, 2, 12)[:, None]
    theirs = reference.ContinuousBernoulli(logits=eta, lims=(0.4999, 0.5001))
    own, p = ContinuousBernoulli(eta), ContinuousBernoulli(eta.flip(0))
    for x in (0.0, 0.25, 0.9, 1.0):
        value = torch.full_like(eta, x)
        close(own.log_prob(value), theirs.log_prob(value).sum(1), atol=1e-10)
    close(own.mean, theirs.mean, atol=1e-8)  # theirs is the less exact one around ½
    q = reference.ContinuousBernoulli(logits=eta.flip(0), lims=(0.4999, 0.5001))
    close(own.kl_per_dim(p), reference.kl_divergence(theirs, q), atol=1e-7)
    close(own.kl(own), torch.zeros(13, dtype=torch.float64))


def test_the_normaliser_has_its_closed_values() -> None:
    """C(½) = 2 and C = 2 artanh(1 − 2λ)/(1 − 2λ), even in λ − ½ and without a step where the series takes over."""
    assert ContinuousBernoulli(torch.zeros(1, 1)).log_normaliser.item() == pytest.approx(math.log(2), abs=1e-7)
    for probability in (0.2, 0.49, 0.4899, 0.4901, 0.51, 0.9):
        odd = 1 - 2 * probability
        logit = tensor(math.log(probability / (1 - probability)))
        for eta in (logit, -logit):
            found = ContinuousBernoulli(eta).log_normaliser.exp().item()
            assert found == pytest.approx(2 * math.atanh(odd) / odd, abs=1e-10)


def test_what_is_outside_has_no_density() -> None:
    own = ContinuousBernoulli(torch.zeros(2, 1))
    assert own.log_prob(torch.tensor([[-0.01], [1.01]])).tolist() == [-math.inf, -math.inf]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 2e-5)], ids=str)
def test_the_levels_probabilities_sum_to_1(scale: float, dtype: torch.dtype, error: float) -> None:
    locations = torch.cat([tensor(*LOCATIONS), draw(50)]).to(dtype)
    log_scale = torch.tensor(math.log(scale), dtype=dtype)
    own = DiscretisedLogistic(locations.expand(256, -1)[..., None], log_scale)
    value = LEVELS.to(dtype)[:, None, None].expand_as(own.location)
    log_prob = own.log_prob(value)
    assert log_prob.isfinite().all()
    assert (log_prob <= 0).all()
    torch.testing.assert_close(log_prob.exp().sum(0), torch.ones(len(locations), dtype=dtype), rtol=0, atol=error)


def test_a_level_has_the_mass_of_its_bin() -> None:
    """Against differences of the distribution function itself, where these lose nothing."""
    location, scale = 0.4, 0.1
    edges = (torch.arange(1, 256, dtype=torch.float64) - 0.5) / 255
    below = torch.sigmoid((edges - location) / scale)
    expected = torch.cat([below[:1], below.diff(), 1 - below[-1:]]).log()
    own = DiscretisedLogistic(torch.full((256, 1), location, dtype=torch.float64), math.log(scale))
    torch.testing.assert_close(own.log_prob(LEVELS[:, None]), expected, rtol=1e-11, atol=0)


def test_no_discretised_logistic_beats_8_bits_on_evenly_spread_levels() -> None:
    """Gibbs: the mean of −log₂ p over all 256 levels is 8 at least: 4347.419 nats for 784 pixels."""
    best = math.inf
    for scale in (*SCALES, 0.25):
        own = DiscretisedLogistic(tensor(*LOCATIONS).expand(256, -1)[..., None], math.log(scale))
        nats = -own.log_prob(LEVELS[:, None, None].expand_as(own.location)).mean(0)
        assert (nats >= math.log(256)).all()
        best = min(best, nats.min().item())
    assert best / math.log(2) < 8.5
    assert 784 * math.log(256) == pytest.approx(4347.419, abs=1e-3)


@pytest.mark.parametrize("scale", SCALES)
def test_the_mean_of_the_levels_is_met_within_half_a_level(scale: float) -> None:
    own = DiscretisedLogistic(tensor(*LOCATIONS)[:, None], math.log(scale))
    masses = own.unflatten((9, 1)).log_prob(LEVELS[:, None, None, None].expand(256, 9, 1, 1)).exp()[..., 0]
    exact = (masses * LEVELS[:, None]).sum(0)
    assert ((own.mean[:, 0] - exact).abs() <= 0.5 / 255 + 1e-9).all()


def tilted(eta: float) -> float:
    """The variance of the density that is proportional to exp(ηx) on [0, 1]."""
    return 1 / eta**2 - 1 / (2 * math.sinh(eta / 2)) ** 2


SAMPLED: list[tuple[Distribution, Tensor]] = [
    (Laplace(tensor(-1, 0.5), math.log(0.3)), tensor(0.18, 0.18)),
    (ContinuousBernoulli(tensor(-30, -2, 0, 1e-7, 3)), tensor(1 / 900, tilted(2), 1 / 12, 1 / 12, tilted(3))),
    (DiscretisedLogistic(tensor(0.5, 0.4), math.log(0.02)), tensor(1, 1) * (0.02 * math.pi) ** 2 / 3),
]


@pytest.mark.parametrize(("own", "variance"), SAMPLED, ids=["laplace", "continuous bernoulli", "logistic"])
def test_samples_have_mean_and_variance(own: Distribution, variance: Tensor) -> None:
    n = 50_000
    with seeded(0):
        x = own.rsample((n,))
    assert x.shape == (n, *own.shape)
    assert own.log_prob(x).isfinite().all()
    assert ((x.mean(0) - own.mean).abs() < 4 * (variance / n).sqrt() + 1e-5).all()
    torch.testing.assert_close(x.var(0), variance, rtol=0.05, atol=0)


def test_samples_carry_gradient_where_they_can() -> None:
    for kind, moves in ((Laplace, True), (DiscretisedLogistic, False)):
        mean = draw(4, 3).requires_grad_()
        assert kind(mean, -1.0).rsample((2,)).requires_grad is moves
    eta = tensor(-100, -1, 0, 1e-9, 1, 100).requires_grad_()
    with seeded(0):
        x = ContinuousBernoulli(eta).rsample((1000,))
    assert ((x >= 0) & (x <= 1)).all()
    (gradient,) = torch.autograd.grad(x.sum(), eta)
    assert gradient.isfinite().all()
    assert (gradient[torch.tensor([0, 1, 4, 5])] > 0).all()


def test_sampled_levels_are_levels() -> None:
    with seeded(0):
        x = DiscretisedLogistic(draw(5, 3), math.log(0.3)).rsample((200,))
    torch.testing.assert_close(x * 255, (x * 255).round(), rtol=0, atol=1e-10)
    assert ((x >= 0) & (x <= 1)).all()


KINDS = [
    lambda raw, dims: Laplace(raw, 0.0, dims),
    ContinuousBernoulli,
    lambda raw, dims: DiscretisedLogistic(raw, -2.0, dims),
]


@pytest.mark.parametrize("kind", KINDS, ids=["laplace", "continuous bernoulli", "logistic"])
def test_shapes_are_those_of_every_distribution(kind: type[ContinuousBernoulli]) -> None:
    own = kind(draw(6, 2, 3), 2)
    value = LEVELS[100:136].view(6, 2, 3)
    split = own.unflatten((3, 2))
    assert type(split) is type(own)
    assert split.shape == (3, 2, 2, 3) == split.mean.shape
    assert torch.equal(split.log_prob(value.unflatten(0, (3, 2))), own.log_prob(value).unflatten(0, (3, 2)))
    assert own.kl(DiagGaussian(draw(6, 2, 3), 0.0, 2)) is None
    for wrong in ((6, 3), (3,), (6, 2, 1)):
        with pytest.raises(ValueError, match="does not line up"):
            own.log_prob(torch.zeros(wrong))


@pytest.mark.parametrize("kind", KINDS, ids=["laplace", "continuous bernoulli", "logistic"])
@pytest.mark.parametrize("raw", [-100.0, -1e-8, 0.0, 1e-8, 100.0])
def test_values_and_gradients_are_finite_at_extremes(kind: type[ContinuousBernoulli], raw: float) -> None:
    parameter = torch.full((256, 1), raw, requires_grad=True)
    log_prob = kind(parameter, 1).log_prob(LEVELS[:, None].float())
    assert log_prob.isfinite().all()
    (gradient,) = torch.autograd.grad(log_prob.sum(), parameter)
    assert gradient.isfinite().all()


def test_gradients_of_the_logistics_scale_are_finite_at_extremes() -> None:
    for scale in SCALES:
        log_scale = torch.tensor(math.log(scale), requires_grad=True)
        own = DiscretisedLogistic(torch.tensor(LOCATIONS).expand(256, -1)[..., None], log_scale)
        log_prob = own.log_prob(LEVELS.float()[:, None, None].expand_as(own.location))
        (gradient,) = torch.autograd.grad(log_prob.sum(), log_scale)
        assert gradient.isfinite()


def test_each_says_what_it_measures() -> None:
    measures = {kind.__name__: kind.measure for kind in (Bernoulli, ContinuousBernoulli, Laplace, DiscretisedLogistic)}
    assert measures == {
        "Bernoulli": "probability",
        "ContinuousBernoulli": "density",
        "Laplace": "density",
        "DiscretisedLogistic": "probability",
    }
    assert (DiagGaussian.measure, Delta.measure) == ("density", "none")
