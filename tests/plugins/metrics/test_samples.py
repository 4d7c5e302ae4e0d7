"""Metrics of samples on the shipped features."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from genzoo_plugins.metrics import features, samples
from torch import Tensor

from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.core.errors import GenzooError
from genzoo.core.model import Model
from genzoo.data.resident import Resident
from genzoo.data.splits import fixed_permutation, take
from genzoo.data.store import Store
from genzoo.data.view import Binarize
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.reporting.format import results_table
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")
NAMES = ("frechet", "prdc")


class Stored(Pair.of("vae").model.load()):  # type: ignore[misc]
    """A VAE whose samples are given images, in order."""

    images: Tensor

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        drawn, self.images = self.images[:n], self.images[n:]
        return drawn


@pytest.fixture(scope="module")
def mnist() -> Splits:
    dataset = registry().get("dataset", "mnist").load()
    splits: Splits = dataset(dataset.Config(validation=0)).load(Store())
    return splits


def resident(split: Split, first: int, n: int, binarize: Binarize = "none") -> Resident:
    """Return n images of the fixed permutation, starting at number `first`."""
    return Resident(take(split, fixed_permutation(len(split.x))[first : first + n]), CPU, binarize)


def evaluated(drawn: Tensor, data: Resident, train: Resident | None) -> dict[str, Any]:
    """Return every metric of a model whose samples are `drawn`."""
    model = Stored(SPECS["grey images"], Stored.Config())
    model.images = drawn
    return evaluate(model, data, find_metrics(registry(), NAMES), train=train)


def test_the_classifier_is_accurate_on_mnist(mnist: Splits) -> None:
    net, data = features.pinned(), resident(mnist.test, 0, 4000)
    x, y = data.batch(torch.arange(4000))
    with torch.no_grad():
        assert (net(x).argmax(1) == y).double().mean().item() > 0.975
    assert features.features(x[:7]).shape == (7, 64)
    assert features.features(x[:7]).dtype == torch.float64


def test_the_weights_are_the_pinned_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = features.FILE.read_bytes()
    assert len(content) < 500_000
    assert hashlib.sha256(content).hexdigest() == features.SHA256
    damaged = tmp_path / "features.safetensors"
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    monkeypatch.setattr(features, "FILE", damaged)
    features.pinned.cache_clear()
    with pytest.raises(GenzooError, match="has SHA-256"):
        features.pinned()


@pytest.mark.long
def test_mnist_tables_printed_twice_are_identical(mnist: Splits) -> None:
    """The first table is the same too: building the classifier must not advance the samples' generator."""
    model, data, train = Pair.of("vae").build().model, resident(mnist.test, 0, 150), resident(mnist.train, 0, 100)
    metrics = find_metrics(registry(), ["negative-elbo", "mse", "frechet", "c2st:gmm:2", "kid", "prior-c2st"])
    features.pinned.cache_clear()
    first, second = (results_table({"test": evaluate(model, data, metrics, train=train)}, metrics) for _ in range(2))
    assert first == second


@pytest.mark.long
def test_real_images_are_at_the_floor_and_worse_ones_above_it(mnist: Splits) -> None:
    n = 3000
    data, train = resident(mnist.test, 0, n), resident(mnist.train, 0, n)
    other = resident(mnist.train, n, n).batch(torch.arange(n)).x
    noisy = other + 0.3 * torch.randn(other.shape, generator=torch.Generator().manual_seed(0))
    real, worse = (evaluated(drawn, data, train) for drawn in (other, noisy))
    floor = real["details"]["frechet"]["floor"]
    assert 0.0 < floor < 1.0
    assert real["frechet"] == pytest.approx(floor, rel=0.5)
    assert worse["frechet"] > 5 * floor
    assert real["prdc"] > 0.9 > worse["prdc"] + 0.1
    assert real["details"]["prdc"]["precision"] > worse["details"]["prdc"]["precision"]
    assert real["details"]["frechet"]["features"].startswith("mnist-v1 sha256 ")


def test_samples_that_are_the_data_have_no_distance(mnist: Splits) -> None:
    data = resident(mnist.test, 0, 500)
    found = evaluated(data.batch(torch.arange(500)).x, data, resident(mnist.train, 0, 500))
    assert found["frechet"] < 1e-6
    assert found["prdc"] == 1.0


def test_tables_name_the_features_and_the_floor(mnist: Splits) -> None:
    data, train = resident(mnist.test, 0, 300), resident(mnist.train, 0, 300)
    metrics = find_metrics(registry(), NAMES)
    table = results_table({"test": evaluated(torch.rand(300, 1, 28, 28), data, train)}, metrics)
    assert "Fréchet distance @mnist-v1 (% of trace)" in table
    assert "(real data " in table
    assert "FID" not in table


def test_features_come_from_the_images_and_not_from_the_view(mnist: Splits) -> None:
    """`--standardize` shifts and scales the model's view; the classifier needs pixels in [0, 1]."""
    plain = resident(mnist.test, 0, 300)
    seen = Resident(take(mnist.test, fixed_permutation(10_000)[:300]), CPU, shift=0.13, scale=0.31)
    drawn = resident(mnist.train, 0, 300).batch(torch.arange(300)).x
    spec = SPECS["grey images"]._replace(likelihood="gaussian", shift=0.13, scale=0.31)
    model = Stored(spec, Stored.Config())
    model.images = spec.view(drawn)
    found = evaluate(model, seen, find_metrics(registry(), ["prdc:k=3", "frechet"]), train=seen)
    model = Stored(SPECS["grey images"], Stored.Config())
    model.images = drawn
    expected = evaluate(model, plain, find_metrics(registry(), ["prdc:k=3", "frechet"]), train=plain)
    assert found["frechet"] == pytest.approx(expected["frechet"], rel=1e-4)
    assert found["prdc_k_3"] == pytest.approx(expected["prdc_k_3"], abs=0.01)


def test_training_data_have_no_floor(mnist: Splits) -> None:
    data = resident(mnist.train, 0, 300)
    found = evaluated(torch.rand(300, 1, 28, 28), data, data)
    assert found["details"]["frechet"]["floor"] is None


def test_the_same_images_are_chosen_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MOST", 50)
    split = Pair.of("vae").split(200)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    one, other = Resident(split, CPU), Resident(Split(split.x[order]), CPU)
    first, again = samples.chosen(one), order[samples.chosen(other)]
    assert first.tolist() == again.tolist()
    assert len(first) == 50
    assert sum(first < 100) in range(15, 36)  # a random choice, not the first ones
    asked: list[int] = []

    class Counting(Stored):
        def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
            asked.append(n)
            return torch.rand(n, 1, 28, 28)

    pair = Pair.of("vae")
    data = Resident(pair.split(200), CPU)
    metrics = find_metrics(registry(), NAMES)
    evaluate(Counting(SPECS["grey images"], Counting.Config()), data, metrics, train=Resident(pair.split(99), CPU))
    assert asked == [50]  # once for both metrics


@pytest.mark.parametrize(("binarize", "noise"), [("none", False), ("static", True)])
def test_samples_are_binary_if_the_data_are(binarize: Binarize, noise: bool) -> None:
    asked: list[bool] = []

    class Asked(Stored):
        def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
            asked.append(noise)
            return torch.rand(n, 1, 28, 28)

    pair = Pair.of("vae")
    data = Resident(pair.split(20), CPU, binarize)
    evaluate(Asked(SPECS["grey images"], Asked.Config()), data, find_metrics(registry(), ["prdc"]))
    assert asked == [noise]


@pytest.mark.parametrize(
    ("model", "spec", "reason"),
    [
        ("ae", SPECS["grey images"], "no prior p(z)"),
        ("vae", SPECS["colour images"], "features are for images of 1x28x28"),
        ("vae", DataSpec((784,), "gaussian"), "features are for images of 1x28x28"),
    ],
)
def test_models_and_data_without_features_give_a_reason(model: str, spec: DataSpec, reason: str) -> None:
    pair = Pair.of(model, spec=spec)
    built: Model = pair.build().model
    data = Resident(pair.split(10), CPU)
    found = evaluate(built, data, find_metrics(registry(), NAMES), train=data)
    assert found["not_available"] == dict.fromkeys(NAMES, reason)
    assert found["frechet"] is found["prdc"] is None


def test_frechet_needs_training_data() -> None:
    pair = Pair.of("vae")
    found = evaluate(pair.build().model, Resident(pair.split(10), CPU), find_metrics(registry(), ["frechet"]))
    assert found["not_available"] == {"frechet": "no training data given"}


def test_prdc_needs_more_than_k_examples() -> None:
    pair = Pair.of("vae")
    found = evaluate(pair.build().model, Resident(pair.split(5), CPU), find_metrics(registry(), ["prdc"]))
    assert found["not_available"] == {"prdc": "needs more than 5 examples"}
