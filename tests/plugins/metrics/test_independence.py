"""A metric does not depend on other metrics, the order or batch of the examples, or the kind of the posterior."""

from __future__ import annotations

from typing import Any, Self

import pytest
import quick_metrics
import torch
from genzoo_plugins.vae.vae import VAE
from torch import Tensor

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.core.metric import Metric
from genzoo.core.noise import bernoulli, content_keys, exponential, keyed, keyed_exponential, keyed_uniform, uniform
from genzoo.core.observation import ContinuousBernoulli, DiscretisedLogistic, Laplace
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics, key, per_example
from genzoo.registry.current import registry
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")
N = 120
NAMES = quick_metrics.NAMES
QUICK = ("frechet",)
"""Metrics of the quick suite: one that is computed from the whole split, and one that draws for each example."""
PAIR = Pair.of("vae", spec=SPECS["grey images"])
MODEL = PAIR.build().model
SPLIT, TRAIN = PAIR.split(N), Resident(PAIR.split(60), CPU)
DATA = Resident(SPLIT, CPU, "static")


def result(name: str, *others: str, data: Resident = DATA, batch_size: int = 50) -> dict[str, Any]:
    found = evaluate(MODEL, data, find_metrics(registry(), [*others, name]), batch_size, train=TRAIN)
    parts = ("standard_error", "details", "not_available")
    return {"value": found[key(name)], **{part: found.get(part, {}).get(key(name)) for part in parts}}


@pytest.mark.long
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in NAMES]
)
def test_other_metrics_do_not_matter(name: str) -> None:
    alone = result(name)
    torch.rand(3)
    assert result(name) == alone
    for others in (NAMES, NAMES[::-1]):
        assert result(name, *(one for one in others if one != name)) == alone


class Greedy(Metric):
    """A metric that draws random numbers in every method."""

    label = "greedy"

    def begin(self, context: genzoo.EvaluationContext) -> None:
        torch.rand(7)

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        uniform(examined.batch.x)
        torch.rand(3)
        return examined.inference.z[0].flatten(1).sum(1)

    def summarise(self, values: Tensor) -> float:
        return values.mean().item() + torch.rand(()).item()


def test_a_metric_that_draws_does_not_change_others() -> None:
    names = ["negative-elbo", "prior-c2st", "c2st"]
    metrics = find_metrics(registry(), names)
    beside = {"greedy": Greedy(None), **metrics}
    alone, found = (evaluate(MODEL, DATA, kinds, train=TRAIN) for kinds in (metrics, beside))
    assert {key(name): found[key(name)] for name in names} == {key(name): alone[key(name)] for name in names}
    assert evaluate(MODEL, DATA, {"greedy": Greedy(None)})["greedy"] == found["greedy"]


# posteriors that are not Gaussian


class TwoGaussians(genzoo.Distribution):
    """A mixture of two Gaussians, as a plugin could write it: draw the component, then a sample from it."""

    def __init__(self, means: Tensor, spread: float = 0.5) -> None:
        super().__init__(event_dims=1)
        self.means, self.spread = means, spread  # [*batch, 2, D]

    @property
    def shape(self) -> torch.Size:
        return self.means[..., 0, :].shape

    @property
    def mean(self) -> Tensor:
        return self.means.mean(-2)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        parts = genzoo.DiagGaussian(self.means, -1.0).rsample(sample_shape)
        first = uniform(self.means[..., 0, :1], sample_shape, self.batch_axes) < 0.5
        return torch.where(first, parts[..., 0, :], parts[..., 1, :])

    def log_prob(self, value: Tensor) -> Tensor:
        parts = [genzoo.DiagGaussian(self.means[..., n, :], -1.0).log_prob(value) for n in range(2)]
        return torch.stack(parts).logsumexp(0) - torch.tensor(2.0).log()

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self.means.unflatten(0, sizes))


POSTERIORS = {
    "bernoulli": (genzoo.Bernoulli, genzoo.Bernoulli),
    "laplace": (lambda raw: Laplace(raw, -1.0), lambda zero: Laplace(zero, 0.0)),
    "continuous-bernoulli": (ContinuousBernoulli, ContinuousBernoulli),
    "discretised-logistic": (
        lambda raw: DiscretisedLogistic(raw, -2.0),
        lambda zero: DiscretisedLogistic(zero, 0.0),
    ),
    "mixture": (
        lambda raw: TwoGaussians(torch.stack([raw, raw.flip(-1)], -2)),
        lambda zero: genzoo.DiagGaussian(zero, 0.0),
    ),
}


class Other(VAE):
    kind: str

    def posterior(self, x: Tensor) -> Any:
        make: Any = POSTERIORS[self.kind][0]
        return make(3 * self.encoder(x)[:, : self.config.latent_dim])

    def prior(self) -> Any:
        make: Any = POSTERIORS[self.kind][1]
        return make(self.anchor.new_zeros(self.config.latent_dim))


class Careless(VAE):
    """A model that draws from torch's generators directly."""

    def infer(self, batch: genzoo.Batch, k: int = 1) -> genzoo.Inference:
        found = super().infer(batch, k)
        z = found.z + torch.randn_like(found.z)
        return found._replace(z=z, px=self.likelihood(z.flatten(0, 1)).unflatten((k, len(batch.x))))


def other(kind: str) -> Any:
    torch.manual_seed(0)
    model = Other(MODEL.spec, VAE.Config(latent_dim=6, hidden=(16,))).eval()
    model.kind = kind
    return model


@pytest.mark.every(3)
@pytest.mark.parametrize("kind", POSTERIORS)
def test_the_noise_of_every_posterior_depends_on_the_example_only(kind: str) -> None:
    model, metrics = other(kind), find_metrics(registry(), ["negative-elbo", "kl", "iwae:3"])
    whole = per_example(model, DATA, metrics, N)
    assert whole["negative-elbo"].std() > 0
    for size in (1, 7):
        for name, values in per_example(model, DATA, metrics, size).items():
            torch.testing.assert_close(values, whole[name], rtol=1e-5, atol=1e-4)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0))[:50]
    some = per_example(model, Resident(Split(SPLIT.x[order]), CPU, "static"), metrics, 13)
    for name, values in some.items():
        torch.testing.assert_close(values, whole[name][order], rtol=1e-5, atol=1e-4)


def test_noise_from_torchs_generators_does_not_depend_on_other_metrics() -> None:
    model = Careless(MODEL.spec, VAE.Config(latent_dim=3, hidden=(8,))).eval()
    alone = evaluate(model, DATA, find_metrics(registry(), ["negative-elbo"]))
    beside = evaluate(model, DATA, find_metrics(registry(), ["kl-per-dim", "iwae:2", "mse", "negative-elbo"]))
    assert beside["negative_elbo"] == alone["negative_elbo"]


# noise


@pytest.mark.parametrize("kind", [genzoo.Bernoulli, ContinuousBernoulli])
def test_samples_of_px_with_several_draws_depend_on_the_example_only(kind: Any) -> None:
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))

    def drawn(part: Tensor) -> Tensor:
        px = kind(part.repeat(4, 1)).unflatten((4, len(part)))
        with keyed(content_keys(part)):
            sample: Tensor = px.rsample((2,))
        return sample

    whole = drawn(x)
    assert whole.shape == (2, 4, 6, 4)
    assert torch.equal(whole, torch.cat([drawn(part) for part in x.split([2, 3, 1])], 2))


def test_noise_has_its_distribution_and_a_finite_logarithm() -> None:
    keys = torch.arange(2000)
    numbers = keyed_exponential(keys, 0, 100).double()
    assert numbers.min() > 0
    assert numbers.mean().item() == pytest.approx(1, abs=0.01)  # four standard errors
    assert numbers.var().item() == pytest.approx(1, abs=0.03)
    assert keyed_uniform(keys, 0, 100).max() < 1
    with keyed(keys):
        shares = bernoulli(torch.full((2000, 50), 0.3)).mean().item()
        assert exponential(torch.zeros(2000, 3), (2,)).shape == (2, 2000, 3)
    assert shares == pytest.approx(0.3, abs=0.006)


def test_outside_evaluation_noise_comes_from_torchs_generators() -> None:
    p = torch.rand(4, 3)
    coins = genzoo.Bernoulli(p.logit())
    pairs = [
        (lambda: coins.rsample((2,)), lambda: torch.bernoulli(coins.mean.expand(2, 4, 3))),
        (lambda: uniform(p), lambda: torch.rand_like(p)),
        (lambda: exponential(p, (2,)), lambda: torch.empty(2, 4, 3).exponential_()),
    ]
    for ours, torchs in pairs:
        torch.manual_seed(3)
        found = ours()
        torch.manual_seed(3)
        assert torch.equal(found, torchs())


def test_rows_that_are_not_examples_are_drawn_by_torch() -> None:
    with keyed(torch.tensor([1, 2, 3])):
        torch.manual_seed(0)
        found = uniform(torch.zeros(4, 2))
        torch.manual_seed(0)
        assert torch.equal(found, torch.rand(4, 2))


# values of single examples


class Centred(Metric):
    """The distance to the mean of all examples, which `begin` computes."""

    label = "centred"
    mean: Tensor

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        self.mean = context.data.batch(torch.arange(len(context.data))).x.mean(0)
        return None if len(context.data) > 1 else "needs two examples"

    def per_example(self, examined: genzoo.EvaluationBatch) -> Tensor:
        return (examined.batch.x - self.mean).flatten(1).norm(dim=1)


def test_values_per_example_are_computed_after_begin() -> None:
    x = DATA.batch(torch.arange(N)).x
    found = per_example(MODEL, DATA, {"centred": Centred(None)})["centred"]
    torch.testing.assert_close(found, (x - x.mean(0)).flatten(1).norm(dim=1).double())
    one = per_example(MODEL, DATA, find_metrics(registry(), ["iwae:2"]))["iwae:2"]
    assert one.shape == (N,)
    assert one.mean().item() == pytest.approx(result("iwae:2")["value"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("c2st", "c2st is not defined for single examples"),
        ("active-units", "active-units is not defined for single examples"),
        ("prior-c2st", "prior-c2st is not defined for single examples"),
        ("knn", "the-model has no knn: no training data given"),
    ],
)
def test_a_metric_without_values_per_example_is_refused(name: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        per_example(MODEL, DATA, find_metrics(registry(), [name]), name="the-model")
    assert caught.value.message == reason


def test_a_reason_from_begin_is_reported() -> None:
    with pytest.raises(UsageError, match="has no centred: needs two examples"):
        per_example(MODEL, Resident(Split(SPLIT.x[:1]), CPU), {"centred": Centred(None)})
