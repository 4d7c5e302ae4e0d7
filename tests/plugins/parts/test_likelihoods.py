"""Likelihoods against values from theory."""

from __future__ import annotations

import math

import pytest
import torch
from genzoo_plugins.parts.likelihoods import GREY_ROUNDING

from genzoo.core.dataset import Split
from genzoo.core.distributions import Bernoulli, DiagGaussian
from genzoo.core.errors import UsageError
from genzoo.core.observation import ContinuousBernoulli, DiscretisedLogistic, Laplace
from genzoo.data.resident import Resident
from genzoo.evaluation.measures import measure_of
from genzoo.registry.current import registry
from genzoo.registry.parts import make_likelihood, written_out

LIKELIHOODS = registry().names("likelihood")

IMAGES = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
BITS = (IMAGES > 0.5).double()


def test_bernoulli_puts_out_probabilities() -> None:
    px = make_likelihood("bernoulli")(torch.tensor([[-1000.0, 0.0, 1000.0]]))
    assert isinstance(px, Bernoulli)
    assert px.mean.tolist() == [[0, 0.5, 1]]
    assert px.log_prob(torch.tensor([[0.0, 1.0, 1.0]])).item() == pytest.approx(-math.log(2))
    assert px.log_prob(torch.tensor([[1.0, 1.0, 1.0]])).item() == pytest.approx(-1000 - math.log(2))


@pytest.mark.parametrize(("name", "sigma"), [("gaussian", 1.0), ("gaussian:0.1", 0.1), ("gaussian:3e-2", 0.03)])
def test_gaussian_keeps_every_constant(name: str, sigma: float) -> None:
    raw = torch.zeros_like(IMAGES)
    px = make_likelihood(name)(raw)
    assert isinstance(px, DiagGaussian)
    expected = (IMAGES**2).flatten(1).sum(1) / (2 * sigma**2) + 784 * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
    torch.testing.assert_close(-px.log_prob(IMAGES), expected, rtol=1e-12, atol=0)
    assert torch.equal(px.mean, raw)


def test_learned_sigma_converges_to_the_mean_squared_error() -> None:
    head = make_likelihood("gaussian-learned").double()
    ((name, log_var),) = head.named_parameters()
    assert (name, log_var.shape, log_var.item()) == ("log_var", (), 0.0)
    error = (IMAGES**2).mean()
    gradients = []
    for factor in (0.5, 1.0, 2.0):
        with torch.no_grad():
            log_var.copy_(torch.log(factor * error))
        loss = -head(torch.zeros_like(IMAGES)).log_prob(IMAGES).mean()
        gradients.append(torch.autograd.grad(loss, log_var)[0].item())
    # d(−ln p)/d ln σ² = D/2·(1 − MSE/σ²)
    assert gradients == pytest.approx([-392, 0, 196], abs=1e-10)


@pytest.mark.parametrize(("name", "scale"), [("laplace", 1.0), ("laplace:0.1", 0.1)])
def test_laplace_keeps_every_constant(name: str, scale: float) -> None:
    px = make_likelihood(name)(torch.zeros_like(IMAGES))
    assert isinstance(px, Laplace)
    expected = IMAGES.flatten(1).sum(1) / scale + 784 * math.log(2 * scale)
    torch.testing.assert_close(-px.log_prob(IMAGES), expected, rtol=1e-12, atol=0)


def test_a_variance_for_each_pixel_never_falls_below_its_floor() -> None:
    """However the decoder tries: the density of a pixel that never changes stays finite, and the gradient alive."""
    for name, floor in (("gaussian-per-dim", GREY_ROUNDING), ("gaussian-per-dim:0.25", 0.25)):
        log_var = torch.tensor([-1e4, -100.0, -20.0, 2 * math.log(floor), 0.0, 100.0], dtype=torch.float64)
        raw = torch.cat([torch.zeros(6, dtype=torch.float64), log_var])[None].requires_grad_()
        px = make_likelihood(name)(raw)
        assert isinstance(px, DiagGaussian)
        assert (px.variance >= floor**2 * (1 - 1e-12)).all()
        torch.testing.assert_close(px.variance[0, 3].item(), 2 * floor**2, rtol=1e-12, atol=0)
        torch.testing.assert_close(px.variance[0, 4:], floor**2 + log_var[4:].exp(), rtol=1e-9, atol=0)
        cost = -px.log_prob(torch.zeros(1, 6, dtype=torch.float64))
        assert cost.isfinite()
        gradient = torch.autograd.grad(cost.sum(), raw)[0]
        assert gradient.isfinite().all()
        assert (gradient[0, 8:] > 0).all(), "too wide for a constant pixel: it is pulled towards the floor"
    assert pytest.approx(1 / 255 / math.sqrt(12)) == GREY_ROUNDING


def test_mean_and_variance_lie_behind_each_other_on_the_first_axis() -> None:
    head = make_likelihood("gaussian-per-dim:0.1")
    assert head.outputs == 2
    raw = torch.randn(4, 6, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    px = head(raw)
    assert torch.equal(px.mean, raw[:, :3])
    torch.testing.assert_close(px.variance, 0.01 + raw[:, 3:].exp(), rtol=1e-9, atol=0)


def test_grey_pixels_have_a_density_and_levels_a_probability() -> None:
    raw = torch.zeros_like(IMAGES)
    continuous = make_likelihood("continuous-bernoulli")(raw)
    assert isinstance(continuous, ContinuousBernoulli)
    # At λ = ½ the density is 1 everywhere: 784 coins and 784 times ln 2 cancel.
    torch.testing.assert_close(continuous.log_prob(IMAGES), torch.zeros(6, dtype=torch.float64), rtol=0, atol=1e-10)
    head = make_likelihood("discretised-logistic").double()
    ((name, log_scale),) = head.named_parameters()
    assert (name, log_scale.shape) == ("log_scale", ())
    levels = head(raw)
    assert isinstance(levels, DiscretisedLogistic)
    assert (levels.log_prob((IMAGES * 255).round() / 255) < 0).all()


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_number_left_out_is_written_out_and_means_the_same(name: str) -> None:
    full = written_out("likelihood", name)
    assert written_out("likelihood", full) == full
    outputs = make_likelihood(name).outputs
    raw = torch.linspace(-3, 3, 4 * outputs, dtype=torch.float64).view(1, -1)
    x = torch.full((1, 4), 128 / 255, dtype=torch.float64)
    expected = make_likelihood(name).double()(raw).log_prob(x)
    torch.testing.assert_close(make_likelihood(full).double()(raw).log_prob(x), expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("name", "binary", "measure"),
    [
        ("bernoulli", True, "probability"),
        ("bernoulli", False, "none"),
        ("discretised-logistic", False, "probability"),
        ("continuous-bernoulli", False, "density"),
        ("gaussian:0.1", True, "density"),
        ("laplace-learned", False, "density"),
    ],
)
def test_cross_entropy_counts_nothing_but_black_and_white(name: str, binary: bool, measure: str) -> None:
    head = make_likelihood(name)
    px = head(torch.zeros(3, 4 * head.outputs))
    stored = torch.tensor([[0, 0, 255, 255], [0, 255, 0, 255], [0, 255, 0, 0 if binary else 128]], dtype=torch.uint8)
    for x in (stored, stored.float() / 255):  # the values tell, not how they are stored
        assert measure_of(px, Resident(Split(x), torch.device("cpu"))) == measure


@pytest.mark.parametrize(
    ("name", "full"),
    [("gaussian:1.0", "gaussian:1"), ("gaussian", "gaussian:1"), ("laplace:.10", "laplace:0.1"), ("bernoulli",) * 2],
)
def test_one_likelihood_has_one_name(name: str, full: str) -> None:
    assert written_out("likelihood", name) == make_likelihood(name).name == full


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
@pytest.mark.parametrize("raw", [-100.0, -1.0, 0.0, 1.0, 100.0])
def test_values_and_gradients_are_finite_at_extremes(name: str, raw: float) -> None:
    head = make_likelihood(name)
    inputs = torch.full((256, head.outputs), raw, requires_grad=True)
    value = torch.arange(256)[:, None] / 255
    log_prob = head(inputs).log_prob(value)
    assert log_prob.isfinite().all()
    for gradient in torch.autograd.grad(log_prob.sum(), [inputs, *head.parameters()]):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", sorted(LIKELIHOODS))
def test_half_precision_is_left_before_the_density(name: str) -> None:
    head = make_likelihood(name)
    px = head(torch.zeros(2, 5 * head.outputs, dtype=torch.bfloat16))
    assert px.mean.dtype == torch.float32
    assert px.log_prob(torch.zeros(2, 5)).dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bernouli", r"no likelihood named 'bernouli'. Did you mean 'bernoulli'\?"),
        ("", "no likelihood named ''"),
        ("bernoulli:2", "--likelihood bernoulli:2: bernoulli takes no argument"),
        ("gaussian-learned:1", "--likelihood gaussian-learned:1: gaussian-learned takes no argument"),
        ("gaussian:0", "--likelihood gaussian:0: σ must be a positive number"),
        ("gaussian:-1", "--likelihood gaussian:-1: σ must be a positive number"),
        ("gaussian:nan", "--likelihood gaussian:nan: σ must be a positive number"),
        ("gaussian:inf", "--likelihood gaussian:inf: σ must be a positive number"),
        ("gaussian-per-dim:0", "--likelihood gaussian-per-dim:0: the floor of σ must be a positive number"),
        ("gaussian-per-dim:-1", "the floor of σ must be a positive number"),
        ("laplace:0", "--likelihood laplace:0: b must be a positive number"),
        ("laplace:none", "--likelihood laplace:none: b must be a positive number"),
        ("laplace-learned:1", "--likelihood laplace-learned:1: laplace-learned takes no argument"),
        ("continuous-bernoulli:1", "continuous-bernoulli takes no argument"),
        ("discretised-logistic:", "discretised-logistic takes no argument"),
        ("discretized-logistic", "Did you mean 'discretised-logistic'"),
        ("gaussian:wide", "--likelihood gaussian:wide: σ must be a positive number"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        make_likelihood(name)
    assert "\n" not in caught.value.message
    assert caught.value.hint
