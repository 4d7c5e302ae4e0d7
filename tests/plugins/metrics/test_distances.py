"""Distances of samples, computed by `evaluate`, against closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from genzoo_plugins.linear_gaussian import PPCA, linear_vae, set_optimum
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split
from genzoo.core.errors import UsageError
from genzoo.core.model import Model
from genzoo.core.noise import seeded
from genzoo.core.options import NoOptions
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.reporting.format import results_table
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")
NAMES = ("c2st", "kid", "sliced-wasserstein", "memorisation")


class Given(Model):
    """An implicit model, without codes or prior, whose samples are given points in order."""

    def __init__(self, points: Tensor) -> None:
        super().__init__(DataSpec(tuple(points.shape[1:]), "gaussian"), NoOptions())
        self.points, self.noise = points, set[bool]()

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        self.noise.add(noise)
        drawn, self.points = self.points[:n], self.points[n:]
        return drawn


def normal(seed: int, *shape: int) -> Tensor:
    with seeded(seed):
        return torch.randn(*shape)


def points(x: Tensor) -> Resident:
    return Resident(Split(x.float()), CPU)


def evaluated(drawn: Tensor, data: Tensor, train: Tensor, *names: str) -> dict[str, Any]:
    model = Given(drawn.float())
    found = evaluate(model, points(data), find_metrics(registry(), names or NAMES), train=points(train))
    assert model.noise == {True}  # of vectors x ~ p(x|z), not its mean
    return found


@pytest.mark.long
def test_shifted_normals() -> None:
    """AUROC = Φ(δ/√2), KID = Σ C(3, m)(E xᵐ − E yᵐ)² = 22 and W₂ = δ, for δ = 1."""
    n = 4000
    found = evaluated(normal(1, n, 1) + 1, normal(2, n, 1), normal(3, n, 1))
    assert found["c2st"] == pytest.approx(0.5 * (1 + math.erf(0.5)), abs=0.02)  # Φ(1/√2) = 0.7602
    assert found["kid"] == pytest.approx(22.0, abs=4.0)
    assert found["sliced_wasserstein"] == pytest.approx(1.0, abs=0.05)
    assert found["details"]["sliced_wasserstein"]["floor"] < 0.08
    assert found["details"]["c2st"]["n"] == n
    assert "nearest" in found["details"]["c2st"]["classifier"]


@pytest.mark.long
def test_twice_as_wide_normals() -> None:
    found = evaluated(2 * normal(4, 4000, 5), normal(5, 4000, 5), normal(6, 4000, 5), "sliced-wasserstein")
    assert found["sliced_wasserstein"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.long
@pytest.mark.parametrize("dimensions", [2, 8])
def test_the_same_distribution(dimensions: int) -> None:
    n = 1500
    found = evaluated(*(normal(seed, n, dimensions) for seed in (7, 8, 9)))
    assert found["c2st"] == pytest.approx(0.5, abs=0.04)
    assert found["kid"] == pytest.approx(0.0, abs=0.2)
    assert found["sliced_wasserstein"] == pytest.approx(found["details"]["sliced_wasserstein"]["floor"], abs=0.05)
    assert found["memorisation"] == pytest.approx(1.0, abs=0.1)
    assert not found["details"]["memorisation"]["memorised"]


@pytest.mark.parametrize("share", [1.0, 0.2])
def test_samples_from_the_training_data_are_flagged(share: float) -> None:
    n, train = 1500, normal(10, 1500, 3)
    copied = torch.cat([train[: int(share * n)], normal(11, n - int(share * n), 3)])
    found = evaluated(copied, normal(12, n, 3), train, "memorisation")
    assert found["memorisation"] == pytest.approx(1 - share, abs=0.06)
    assert found["details"]["memorisation"]["memorised"]
    assert "MEMORISED" in results_table({"test": found}, find_metrics(registry(), ["memorisation"]))


@pytest.mark.parametrize(("interval", "flagged"), [((0.8, 0.99), True), ((0.8, 1.01), False), (None, True)])
def test_copies_are_flagged_only_if_the_interval_excludes_1(
    interval: tuple[float, float] | None, flagged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The standard error is of the samples alone; the interval is over the choice of the data too."""
    monkeypatch.setattr("genzoo_plugins.metrics.distances.Memorisation.interval", lambda _: interval)
    train = normal(30, 100, 3)
    found = evaluated(train, normal(31, 100, 3), train, "memorisation")["details"]["memorisation"]
    assert found["standard_errors"] < -4
    assert found["memorised"] == flagged


def test_samples_from_the_test_data_are_not_flagged() -> None:
    held_out = normal(13, 500, 3)
    found = evaluated(held_out, held_out, normal(14, 500, 3), "memorisation")
    assert found["memorisation"] > 1e6
    assert not found["details"]["memorisation"]["memorised"]


@pytest.mark.long
def test_few_training_examples_are_compared_with_as_few_held_out_ones() -> None:
    """In a larger set the nearest example is nearer: 200 against 1,000 examples would give a ratio above 1."""
    found = evaluated(normal(15, 1000, 2), normal(16, 1000, 2), normal(17, 200, 2))
    assert found["memorisation"] == pytest.approx(1.0, abs=0.15)
    assert found["details"]["sliced_wasserstein"]["floor"] < 0.4


@pytest.mark.long
def test_units_are_those_of_the_data() -> None:
    x, drawn = 10 * normal(18, 800, 2), 10 * normal(19, 800, 2) + 5
    plain = evaluated(drawn, x, x, "sliced-wasserstein", "c2st")
    spec = DataSpec((2,), "gaussian", shift=3.0, scale=7.0)
    model = Given(spec.view(drawn))
    model.spec = spec
    seen = Resident(Split(x), CPU, shift=3.0, scale=7.0)
    found = evaluate(model, seen, find_metrics(registry(), ["sliced-wasserstein", "c2st"]), train=seen)
    assert found["sliced_wasserstein"] == pytest.approx(plain["sliced_wasserstein"], rel=1e-5)
    assert found["c2st"] == pytest.approx(plain["c2st"], abs=1e-3)


def test_models_and_data_without_these_metrics_give_a_reason() -> None:
    pair = Pair.of("vae", spec=DataSpec((65,), "gaussian"))
    data = Resident(pair.split(20), CPU)
    found = evaluate(pair.build().model, data, find_metrics(registry(), NAMES), train=data)
    reason = "for images of 1x28x28 and examples of at most 64 values"
    assert found["not_available"] == {name.replace("-", "_"): reason for name in NAMES}
    few = evaluate(Given(normal(0, 9, 2)), points(normal(1, 9, 2)), find_metrics(registry(), ["c2st", "prior-c2st"]))
    assert few["not_available"] == {"c2st": "needs at least 10 examples", "prior_c2st": "no latent variables"}


def test_samples_that_are_not_finite_give_a_reason() -> None:
    drawn = normal(0, 20, 2)
    drawn[3, 1] = math.inf
    found = evaluated(drawn, normal(1, 20, 2), normal(2, 20, 2))
    assert set(found["not_available"].values()) == {"some samples are not finite"}


def test_codes_of_the_linear_optimum_fill_the_prior_and_shifted_ones_do_not(ppca: PPCA) -> None:
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca)
    metrics = find_metrics(registry(), ["prior-c2st"])
    assert evaluate(model, points(ppca.x), metrics)["prior_c2st"] == pytest.approx(0.5, abs=0.03)
    with torch.no_grad():
        model.encoder[-1].bias[1] += 1.0  # the aggregate posterior is N((0, 1, 0), I)
    found = evaluate(model, points(ppca.x), metrics)
    assert found["prior_c2st"] == pytest.approx(0.5 * (1 + math.erf(0.5)), abs=0.03)


@pytest.mark.long
def test_a_fitted_gaussian_corrects_the_mismatch_and_is_named(ppca: PPCA) -> None:
    """With codes shifted by 3, samples from the prior are far from the data; those of a fitted density are not."""
    model = linear_vae("gaussian-learned")
    set_optimum(model, ppca)
    with torch.no_grad():
        model.encoder[-1].bias[:3] += 3.0
        model.decoder[0].bias -= model.decoder[0].weight @ torch.full((3,), 3.0)
    names = ("sliced-wasserstein", "sliced-wasserstein:gaussian", "sliced-wasserstein:gmm:4")
    metrics = find_metrics(registry(), names)
    data = points(ppca.x)
    found = evaluate(model, data, metrics, train=points(ppca.x))
    prior, gaussian, mixture = (found[key] for key in found if key.startswith("sliced"))
    assert prior > 1.0 > 0.2 > max(gaussian, mixture)
    assert found["details"]["sliced_wasserstein_gmm_4"]["sampler"] == "gmm:4"
    assert ", gmm:4)" in results_table({"test": found}, metrics)
    untrained = evaluate(model, data, find_metrics(registry(), ["c2st:gmm:4"]))
    assert untrained["not_available"] == {"c2st_gmm_4": "no training data given"}


def test_a_model_without_a_prior_is_compared_only_with_a_fitted_sampler() -> None:
    pair = Pair.of("ae", spec=SPECS["points"])
    data, train = (Resident(pair.split(n), CPU) for n in (40, 30))
    names = ["c2st", "c2st:gaussian", "c2st:gmm:3", "c2st:gmm:31"]
    found = evaluate(pair.build().model, data, find_metrics(registry(), names), train=train)
    assert found["not_available"] == {
        "c2st": "no prior p(z)",
        "c2st_gmm_31": "31 Gaussians cannot be fitted to 30 codes",
    }
    assert 0.0 <= found["c2st_gaussian"] <= 1.0
    assert 0.0 <= found["c2st_gmm_3"] <= 1.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("c2st:gmn:10", "no sampler named 'gmn'. Did you mean 'gmm'?"),
        ("c2st:gmm:0", "--sampler gmm:0: K, the number of Gaussians, must be a positive whole number"),
        ("prdc:k=0", "--metrics prdc:k=0: --k must be at least 1, not 0"),
        ("knn:kk=3", "--metrics knn:kk=3: unknown option 'kk'."),
    ],
)
def test_a_wrong_value_gives_one_line(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_metrics(registry(), [name])
    assert caught.value.message.startswith(message)
