"""Mixtures, transformed distributions and parts of a row against sums, integrals and torch.distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genzoo.core.categorical import Categorical
from genzoo.core.combinators import Composite, Mixture, Transformed
from genzoo.core.distributions import Bernoulli, Delta, DiagGaussian, Distribution, StandardNormal
from genzoo.core.noise import keyed, seeded
from genzoo.testing.densities import examine_distribution

NUMBERS = torch.Generator().manual_seed(3)
GRID = torch.linspace(-8, 8, 8001, dtype=torch.float64).sinh()


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=NUMBERS, dtype=torch.float64)


class Sinh:
    """y = sinh(x + c): the derivative is cosh(x + c)."""

    calls = 0

    def __call__(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        moved = x if context is None else x + context
        return moved.sinh(), moved.cosh().log().sum(-1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self.calls += 1
        x = y.asinh()
        return (x if context is None else x - context), -x.cosh().log().sum(-1)


def mixture(*batch: int, dim: int = 1) -> Mixture:
    return Mixture(DiagGaussian(2 * randn(*batch, 3, dim), 0.5 * randn(*batch, 3, dim)), randn(*batch, 3))


def transformed(*batch: int, dim: int = 1) -> Transformed:
    return Transformed(DiagGaussian(randn(*batch, dim), 0.3 * randn(*batch, dim)), Sinh(), 0.5 * randn(*batch, dim))


def composite(*batch: int) -> Composite:
    gaussian = DiagGaussian(randn(*batch, 1), randn(*batch, 1))
    return Composite([Categorical(randn(*batch, 2, 3)), gaussian, Bernoulli(randn(*batch, 1))])


def of_scalars(p: Distribution) -> Tensor:
    """The density of events of one number on the grid, [G, *batch]."""
    values = GRID.view(-1, *(1,) * len(p.shape)).expand(-1, *p.shape)
    return p.log_prob(values).exp()


@pytest.mark.parametrize("made", [mixture, transformed], ids=lambda made: made.__name__)
def test_densities_integrate_to_one(made: type[Mixture]) -> None:
    torch.testing.assert_close(
        torch.trapezoid(of_scalars(made(4)), GRID, dim=0), torch.ones(4, dtype=torch.float64), atol=2e-3, rtol=0
    )


def test_a_mixture_is_that_of_torch() -> None:
    p = mixture(4, dim=2)
    parts = p.components
    assert isinstance(parts, DiagGaussian)
    reference = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=p.log_weights),
        torch.distributions.Independent(torch.distributions.Normal(parts.mean, parts.variance.sqrt()), 1),
    )
    x = randn(5, 4, 2)
    torch.testing.assert_close(p.log_prob(x), reference.log_prob(x))
    torch.testing.assert_close(p.mean, reference.mean)
    assert torch.equal(p.centre, p.mean)
    assert p.shape == (4, 2)


def test_the_mean_of_a_mixture_is_its_first_moment() -> None:
    p = mixture(4)
    moment = torch.trapezoid(of_scalars(p) * GRID[:, None], GRID, dim=0)
    torch.testing.assert_close(moment, p.mean[:, 0], atol=2e-3, rtol=0)


def test_without_a_mean_the_centre_is_that_of_the_likeliest_component() -> None:
    parts = Transformed(DiagGaussian(randn(2, 3, 1), 0.0), Sinh())
    p = Mixture(parts, torch.tensor([0.0, 2.0, 1.0], dtype=torch.float64))
    assert torch.equal(p.centre, parts.centre[:, 1])
    with pytest.raises(NotImplementedError, match="no mean in closed form"):
        _ = p.mean
    discrete = Mixture(Categorical(torch.randn(3, 2, 4), event_dims=1), torch.zeros(3))
    assert discrete.measure == "probability"
    every = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    assert discrete.log_prob(every).exp().sum().item() == pytest.approx(1, rel=1e-5)


def test_the_density_of_a_transformed_variable_is_that_of_its_derivative() -> None:
    """By finite differences of the distribution function, Φ((asinh y − c − μ)/σ)."""
    p = transformed(4)
    base = p.base
    assert isinstance(base, DiagGaussian)
    assert p.context is not None
    y = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None, None].expand(-1, 4, 1)
    scores = [(torch.asinh(y + h) - p.context - base.mean) / base.variance.sqrt() for h in (-1e-5, 1e-5)]
    at = [torch.special.ndtr(score) for score in scores]
    torch.testing.assert_close(p.log_prob(y).exp(), ((at[1] - at[0]) / 2e-5)[..., 0], rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(p.centre, torch.sinh(base.mean + p.context))


def test_its_own_sample_needs_no_inverse_and_any_other_value_does() -> None:
    p = transformed(4, dim=2)
    bijection = p.bijection
    assert isinstance(bijection, Sinh)
    y = p.rsample((3,))
    known = p.log_prob(y)
    assert bijection.calls == 0
    torch.testing.assert_close(known, p.log_prob(y.clone()))
    assert bijection.calls == 1
    p.rsample((3,))
    torch.testing.assert_close(known, p.log_prob(y))
    assert bijection.calls == 2


def test_the_parts_of_a_row_are_independent() -> None:
    p = composite(2)
    a, b, c = p.parts
    rows = torch.tensor([[0.0, 2.0, 0.3, 1.0], [1.0, 1.0, -0.7, 0.0]], dtype=torch.float64)
    each = a.log_prob(rows[:, :2]) + b.log_prob(rows[:, 2:3]) + c.log_prob(rows[:, 3:])
    torch.testing.assert_close(p.log_prob(rows), each)
    assert (p.shape, p.measure) == ((2, 4), "mixed")
    torch.testing.assert_close(p.centre, torch.cat([a.centre, b.mean, c.mean], 1))
    assert Composite([a, c]).measure == "probability"
    assert Composite([a, Delta(randn(2, 1))]).measure == "none"
    with pytest.raises(ValueError, match="one batch shape"):
        Composite([a, DiagGaussian(randn(3, 1), 0.0)])


MADE = [mixture(4, dim=2), mixture(dim=2), transformed(4, dim=2), composite(3), Categorical(randn(3, 2, 4))]
MADE += [Mixture(mixture(4, 2), randn(2)), Mixture(transformed(4, 2), randn(4, 2)), Mixture(composite(4, 2), randn(2))]
IDS = ["mixture", "mixture without batch", "transformed", "composite", "categorical"]
IDS += ["mixture of mixtures", "mixture of transformed", "mixture of composites"]


@pytest.mark.parametrize("p", [MADE[i] for i in (0, 2, 4, 5, 6)], ids=[IDS[i] for i in (0, 2, 4, 5, 6)])
def test_samples_follow_the_density(p: Distribution) -> None:
    with seeded(1):
        assert examine_distribution(p, type(p).__name__) is None


def test_samples_of_rows_follow_their_parts() -> None:
    p = composite(3)
    with seeded(2):
        drawn = p.rsample((4000,))
    assert drawn.shape == (4000, 3, 4)
    for value in range(3):
        share = (drawn[..., 0] == value).double().mean(0)
        assert isinstance(p.parts[0], Categorical)
        torch.testing.assert_close(share, p.parts[0].log_probabilities[:, 0, value].exp(), atol=0.04, rtol=0)
    torch.testing.assert_close(drawn[..., 2].mean(0), p.parts[1].mean[:, 0], atol=0.1, rtol=0.05)
    torch.testing.assert_close(drawn[..., 3].mean(0), p.parts[2].mean[:, 0], atol=0.04, rtol=0)


@pytest.mark.parametrize("p", MADE, ids=IDS)
def test_in_evaluation_each_example_has_its_own_noise(p: Distribution) -> None:
    """The sample of an example does not depend on the seed or on its place; without examples it is of the seed."""
    if not p.batch_axes:
        with keyed(torch.arange(3)), seeded(0):  # as many keys as components: they are no examples
            one = p.rsample((500,))
        with seeded(0):
            assert torch.equal(one, p.rsample((500,)))
        return
    n = p.shape[0]
    keys = torch.arange(100, 100 + n)
    with keyed(keys), seeded(0):
        one = p.rsample((2,))
    with keyed(keys), seeded(1):
        assert torch.equal(one, p.rsample((2,)))
    with keyed(keys.flip(0)):
        assert not torch.equal(one, p.rsample((2,)))


@pytest.mark.parametrize("p", [p for p in MADE if p.batch_axes], ids=[name for name in IDS if "without" not in name])
def test_the_batch_axis_can_be_split(p: Distribution) -> None:
    batches = {3: (3, 1), 4: (2, 2)}
    sizes = batches[p.shape[0]]
    with seeded(0):
        x = p.rsample((5,))
    split = p.unflatten(sizes)
    assert split.shape == (*sizes, *p.shape[1:])
    torch.testing.assert_close(split.log_prob(x.unflatten(1, sizes)), p.log_prob(x.clone()).unflatten(1, sizes))
    torch.testing.assert_close(split.centre, p.centre.unflatten(0, sizes))


def test_the_gradient_of_a_sample_is_that_of_its_component() -> None:
    means = torch.tensor([[-50.0], [50.0]], requires_grad=True)
    logits = torch.zeros(2, requires_grad=True)
    x = Mixture(DiagGaussian(means, 0.0), logits).rsample((1000,))
    gradients = torch.autograd.grad(x.sum(), [means, logits], allow_unused=True)
    assert gradients[0] is not None
    assert gradients[0][:, 0].tolist() == [int((x < 0).sum()), int((x > 0).sum())]
    assert gradients[1] is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not line up"):
        mixture(4, dim=2).log_prob(randn(4, 3))
    with pytest.raises(ValueError, match="no batch axis to split"):
        mixture(dim=2).unflatten((2, 2))
    with pytest.raises(ValueError, match="events of one axis, and these have 2"):
        Transformed(StandardNormal((2, 2), like=randn(1)), Sinh())


def test_a_mixture_of_one_is_its_component() -> None:
    part = DiagGaussian(randn(1, 2), randn(1, 2))
    x = randn(7, 2)
    torch.testing.assert_close(Mixture(part, randn(1)).log_prob(x), part.log_prob(x[:, None])[:, 0])
    assert math.isclose(Mixture(part, randn(1)).log_weights.item(), 0)


def test_the_divergence_of_parts_is_the_sum_of_theirs() -> None:
    q = Composite([DiagGaussian(randn(4, 2), randn(4, 2)), DiagGaussian(randn(4, 1), 0.3)])
    p = Composite([StandardNormal((2,), randn(1)), DiagGaussian(randn(1), 0.0)])
    one, other = (q.parts[i].kl(p.parts[i]) for i in (0, 1))
    assert one is not None
    assert other is not None
    torch.testing.assert_close(q.kl(p), one + other)
    assert q.kl(p.parts[0]) is None
    assert Composite([q.parts[0], Delta(randn(4, 1))]).kl(p) is None
