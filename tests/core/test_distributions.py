"""The distributions against torch.distributions and against closed values."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch import distributions as reference

from genzoo.core.distributions import Bernoulli, Delta, DiagGaussian, Distribution, StandardNormal
from genzoo.core.model import Inference
from genzoo.core.noise import seeded

SHAPES = [((4,), (3,)), ((2, 4), (3,)), ((4,), (1, 5, 5)), ((), (3,))]
IDS = ["vectors", "samples of vectors", "images", "one event"]
LOG_VARS = ["each", "0-d tensor", "float"]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def close(found: Tensor | None, expected: Tensor) -> None:
    assert found is not None
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def gaussian(batch: tuple[int, ...], event: tuple[int, ...], kind: str = "each", seed: int = 0) -> DiagGaussian:
    log_var: Tensor | float = draw(*batch, *event, seed=seed + 1)
    if kind != "each":
        log_var = torch.tensor(-0.7, dtype=torch.float64) if kind == "0-d tensor" else -0.7
    return DiagGaussian(draw(*batch, *event, seed=seed), log_var, event_dims=len(event))


def as_reference(own: DiagGaussian) -> reference.Independent:
    return reference.Independent(reference.Normal(own.mean, own.variance.sqrt()), own.event_dims)


@pytest.mark.parametrize("kind", LOG_VARS)
@pytest.mark.parametrize(("batch", "event"), SHAPES, ids=IDS)
def test_gaussian_is_torchs(batch: tuple[int, ...], event: tuple[int, ...], kind: str) -> None:
    own, p = gaussian(batch, event, kind), gaussian(batch, event, kind, seed=7)
    theirs = as_reference(own)
    value = draw(*batch, *event, seed=3)
    close(own.mean, theirs.mean)
    close(own.variance, theirs.variance)
    close(own.log_prob(value), theirs.log_prob(value))
    close(own.kl(p), reference.kl_divergence(theirs, as_reference(p)))
    prior = StandardNormal(event, like=value)
    close(own.kl(prior), reference.kl_divergence(theirs, as_reference(prior).expand(batch)))
    close(prior.log_prob(value), as_reference(prior).log_prob(value))
    terms = own.kl_per_dim(prior)
    assert terms is not None
    assert terms.shape == (*batch, *event)


@pytest.mark.parametrize(("batch", "event"), SHAPES, ids=IDS)
def test_bernoulli_is_torchs(batch: tuple[int, ...], event: tuple[int, ...]) -> None:
    own, p = (Bernoulli(3 * draw(*batch, *event, seed=seed), event_dims=len(event)) for seed in (0, 1))
    theirs, q = (reference.Independent(reference.Bernoulli(logits=d.logits), d.event_dims) for d in (own, p))
    value = (draw(*batch, *event, seed=3) > 0).double()
    close(own.mean, theirs.mean)
    close(own.log_prob(value), theirs.log_prob(value))
    close(own.kl(p), reference.kl_divergence(theirs, q))
    close(own.kl(own), torch.zeros(batch, dtype=torch.float64))
    assert own.shape == own.mean.shape


@pytest.mark.parametrize("sample_shape", [(), (7,)])
def test_without_gradients_a_bernoulli_gives_the_same_bits(sample_shape: tuple[int, ...]) -> None:
    pixels, x = Bernoulli(10 * draw(*sample_shape, 4, 300).float()), draw(4, 300, seed=1).float().sigmoid()
    with torch.no_grad():
        found = pixels.log_prob(x)
    assert torch.equal(found, pixels.log_prob(x))


def test_log_prob_takes_leading_axes_on_either_side() -> None:
    own = gaussian((4,), (3,))
    z = draw(5, 4, 3, seed=9)
    close(own.log_prob(z), as_reference(own).log_prob(z))
    several = gaussian((5, 4), (3,))
    close(several.log_prob(z[0]), as_reference(several).log_prob(z[0]))
    pixels = Bernoulli(draw(5, 4, 2, 3), event_dims=2)
    assert pixels.log_prob(torch.ones(4, 2, 3)).shape == (5, 4)


@pytest.mark.parametrize(
    ("mean", "variance", "kl"), [(1, 1, 0.5), (0, 4, 0.806853), (0, 0.25, 0.318147), (0, 1, 0), (2, 1, 2)]
)
def test_kl_from_the_standard_normal_has_its_closed_value(mean: float, variance: float, kl: float) -> None:
    q = DiagGaussian(torch.full((2, 1), float(mean)), torch.full((2, 1), math.log(variance)))
    found = q.kl(StandardNormal((1,), like=q.mean))
    assert found is not None
    assert found.tolist() == pytest.approx([kl, kl], abs=5e-7)
    if kl == 0:
        assert found.tolist() == [0, 0]


def test_kl_is_never_negative_in_single_precision() -> None:
    mean, log_var = (1e-4 * draw(10_000, 8, seed=seed).float() for seed in (0, 1))
    q = DiagGaussian(mean, log_var)
    for p in (StandardNormal((8,), like=mean), DiagGaussian(mean, 1.0001 * log_var)):
        terms = q.kl_per_dim(p)
        assert terms is not None
        assert terms.min() >= 0


def test_kl_of_a_coin() -> None:
    q, p = (Bernoulli(torch.logit(torch.tensor([x], dtype=torch.float64))) for x in (0.5, 0.25))
    close(q.kl(p), torch.tensor(0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75), dtype=torch.float64))


def test_no_closed_form_is_none() -> None:
    q, coin, point = gaussian((4,), (3,)), Bernoulli(draw(4, 3)), Delta(draw(4, 3))
    assert q.kl(coin) is coin.kl(q) is point.kl(q) is point.kl(StandardNormal((3,), like=draw(1))) is None


class Unfamiliar(DiagGaussian):
    """A Gaussian whose divergences nobody knows in closed form."""

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        return None


def test_sampled_kl_agrees_with_the_closed_form() -> None:
    k = 20_000
    q, p = gaussian((4,), (3,)), StandardNormal((3,), like=draw(1))
    with seeded(0):
        z = q.rsample((k,))
    unfamiliar = Unfamiliar(q.mean, q.log_var)
    estimate = Inference(q=unfamiliar, p=p, z=z, px=q).kl()
    spread = (q.log_prob(z) - p.log_prob(z)).std(0) / math.sqrt(k)
    exact = Inference(q=q, p=p, z=z, px=q).kl()
    close(exact, reference.kl_divergence(as_reference(q), as_reference(p).expand((4,))))
    assert ((estimate - exact).abs() < 4 * spread).all()
    assert not torch.equal(estimate, exact)


@pytest.mark.parametrize("kind", LOG_VARS)
def test_gaussian_samples_have_its_moments_and_carry_gradient(kind: str) -> None:
    n = 50_000
    q = gaussian((2,), (3,), kind)
    q.mean.requires_grad_()
    with seeded(0):
        x = q.rsample((n,))
    assert x.shape == (n, 2, 3)
    error = (q.variance / n).sqrt()
    assert ((x.mean(0) - q.mean).abs() < 4 * error).all()
    assert ((x.var(0) - q.variance).abs() < 4 * q.variance * math.sqrt(2 / n)).all()
    (gradient,) = torch.autograd.grad(x.sum(), q.mean)
    assert (gradient == n).all()


def test_bernoulli_samples_have_its_mean() -> None:
    n = 50_000
    coin = Bernoulli(draw(2, 3))
    with seeded(0):
        x = coin.rsample((n,))
    assert x.shape == (n, 2, 3)
    assert ((x == 0) | (x == 1)).all()
    assert ((x.mean(0) - coin.mean).abs() < 4 * (coin.mean * (1 - coin.mean) / n).sqrt()).all()


def test_delta_is_a_point() -> None:
    point = draw(4, 3).requires_grad_()
    delta = Delta(point)
    assert delta.mean is point
    sample = delta.rsample((5,))
    assert torch.equal(sample, point.expand(5, 4, 3))
    assert sample.requires_grad
    assert delta.log_prob(sample).eq(0).all()
    assert delta.log_prob(point + 1).eq(-math.inf).all()


@pytest.mark.parametrize(
    "own",
    [gaussian((6,), (2, 3)), gaussian((6,), (2, 3), "float"), Bernoulli(draw(6, 2, 3), 2), Delta(draw(6, 2, 3), 2)],
    ids=["gaussian", "gaussian of one variance", "bernoulli", "delta"],
)
def test_unflatten_splits_the_batch(own: Distribution) -> None:
    split = own.unflatten((3, 2))
    assert type(split) is type(own)
    assert split.shape == (3, 2, 2, 3)
    value = own.mean.round()
    assert torch.equal(split.log_prob(value.unflatten(0, (3, 2))), own.log_prob(value).unflatten(0, (3, 2)))


def test_a_prior_has_no_batch_to_split() -> None:
    with pytest.raises(ValueError, match="no batch axis"):
        StandardNormal((3,), like=draw(1)).unflatten((3, 1))


@pytest.mark.parametrize("kind", [Bernoulli, Delta, lambda x, dims: DiagGaussian(x, 0.0, dims)])
@pytest.mark.parametrize(
    ("shape", "dims", "value"),
    [
        ((8, 1, 28, 28), 3, (8, 28, 28)),
        ((8, 1, 28, 28), 3, (28, 28)),
        ((8, 1, 28, 28), 3, (8, 1, 28, 1)),
        ((8, 28, 28), 2, (8, 1, 28, 28)),
        ((3, 8, 5), 1, (1, 8, 5)),
        ((8, 5), 1, (3, 5)),
        ((8, 5), 1, (8, 1)),
        ((8, 1), 1, (8, 5)),
        ((8, 5), 1, ()),
    ],
    ids=str,
)
def test_a_wrong_shape_is_refused_and_never_broadcast(
    kind: type[Bernoulli], shape: tuple[int, ...], dims: int, value: tuple[int, ...]
) -> None:
    own = kind(torch.zeros(shape), dims)
    with pytest.raises(ValueError, match=r"shape \(.*\) does not line up with a \w+ of shape"):
        own.log_prob(torch.zeros(value))
    assert own.log_prob(torch.zeros(shape)).shape == shape[:-dims]


@pytest.mark.parametrize("kind", [Bernoulli, lambda x, dims: DiagGaussian(x, torch.zeros_like(x), dims)])
@pytest.mark.parametrize(("q", "p"), [((8, 5), (8, 1)), ((8, 1), (8, 5)), ((8, 5), (3, 5)), ((8, 1), (20,))], ids=str)
def test_a_divergence_between_different_shapes_is_refused(
    kind: type[Bernoulli], q: tuple[int, ...], p: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="does not line up"):
        kind(torch.zeros(q), 1).kl(kind(torch.zeros(p), 1))


def test_a_posterior_and_a_prior_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="StandardNormal of shape"):
        gaussian((8,), (1,)).kl(StandardNormal((20,), like=draw(1)))


def test_mean_and_log_variance_must_be_of_one_shape() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        DiagGaussian(draw(4, 3), draw(3))


def test_one_merged_head_is_mean_then_log_variance() -> None:
    parameters = draw(4, 6)
    q = DiagGaussian.from_parameters(parameters)
    assert torch.equal(q.mean, parameters[:, :3])
    close(q.variance, parameters[:, 3:].exp())
    assert DiagGaussian.from_parameters(parameters.bfloat16()).mean.dtype == torch.float32
