"""What models are held against, on the real MNIST and on data small enough to count by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genzoo.core.dataset import Split, Splits
from genzoo.core.distributions import Bernoulli
from genzoo.data.resident import Resident
from genzoo.data.store import Store
from genzoo.data.view import Binarize
from genzoo.evaluation import baselines
from genzoo.evaluation.baselines import (
    independent_levels_nll,
    independent_pixels_nll,
    known_gaps,
    known_nll,
    neighbour_distances,
    pca_errors,
    pca_mse,
    principal_components,
    uniform_nll,
)
from genzoo.registry.current import registry
from genzoo.reporting.format import notes
from genzoo.system import tensor_cache

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def mnist() -> Splits:
    """All 60,000 training images and the 10,000 test images."""
    dataset = registry().get("dataset", "mnist").load()
    splits: Splits = dataset(dataset.Config(validation=0)).load(Store())
    return splits


@pytest.mark.long
def test_pca_on_mnist(mnist: Splits) -> None:
    """Reading, scaling and averaging in one: these floors are known to five digits."""
    train, test = Resident(mnist.train, CPU), Resident(mnist.test, CPU)
    found = [pca_mse(train, test, components) for components in (2, 8, 10, 20, 64)]
    assert found == pytest.approx([0.05567, 0.03744, 0.03407, 0.02354, 0.00905], abs=1e-5)


@pytest.mark.parametrize(
    ("binarize", "nats", "tolerance"),
    [("threshold", 205.85, 0.01), pytest.param("static", 205.81, 0.2, marks=pytest.mark.long)],
)
def test_independent_pixels_on_mnist(mnist: Splits, binarize: Binarize, nats: float, tolerance: float) -> None:
    train, test = (Resident(split, CPU, binarize) for split in (mnist.train, mnist.test))
    assert independent_pixels_nll(train, test) == pytest.approx(nats, abs=tolerance)
    assert uniform_nll(test) == pytest.approx(543.427, abs=1e-3)


@pytest.mark.long
def test_independent_grey_levels_on_mnist(mnist: Splits) -> None:
    train, test = Resident(mnist.train, CPU), Resident(mnist.test, CPU)
    found = independent_levels_nll(train, test)
    assert found == pytest.approx(918.05, abs=0.01)
    assert found is not None
    assert found / (784 * math.log(2)) == pytest.approx(1.6894, abs=1e-4)
    bits = Resident(mnist.test, CPU, "threshold")
    assert independent_levels_nll(bits, bits) is None
    assert independent_levels_nll(Resident(mnist.test, CPU, shift=0.1, scale=0.3), test) is None


def test_the_floor_of_the_cross_entropy_of_grey_pixels(mnist: Splits) -> None:
    """Even where p is x itself: Σ H(x), 45.534 nats an image on the test set. It is why that is no likelihood."""
    x = Resident(mnist.test, CPU).batch(torch.arange(10_000)).x
    floor = -Bernoulli(torch.logit(x, eps=1e-7), event_dims=3).log_prob(x).double().mean().item()
    assert floor == pytest.approx(45.534, abs=0.01)


def test_independent_pixels_by_hand() -> None:
    train = Resident(Split(torch.tensor([[1.0, 0.0], [1.0, 1.0]])), CPU)
    test = Resident(Split(torch.tensor([[1.0, 1.0], [0.0, 1.0]])), CPU)
    expected = -(math.log(3 / 4) + math.log(2 / 4) + math.log(1 / 4) + math.log(2 / 4)) / 2
    assert independent_pixels_nll(train, test) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.7, 2.5)])
def test_a_known_density_is_seen_as_the_model_sees_it(shift: float, scale: float) -> None:
    """A bowl: h(N(0, I₂)) + h(N(0, 0.1²)). Values that are divided by 2.5 have ln 2.5 less of it in each dimension."""
    cls = registry().get("dataset", "quadratic").load()
    dataset = cls(cls.Config(test=20_000))
    spec = dataset.spec._replace(shift=shift, scale=scale)
    data = Resident(dataset.load(None).test, CPU, shift=shift, scale=scale)
    found = known_nll(dataset, data, spec)
    assert found is not None
    entropy = 1.5 * math.log(2 * math.pi * math.e) + math.log(0.1) - 3 * math.log(scale)
    assert found["nats"] == pytest.approx(entropy, abs=4 * found["standard_error"])
    assert found["standard_error"] == pytest.approx(math.sqrt(1.5 / 20_000), rel=0.05)  # −ln N has variance ½ each
    moons = registry().get("dataset", "moons").load()
    assert known_nll(moons(moons.Config(noise=0.0)), data, spec) is None


def test_the_gap_to_a_known_density_is_told() -> None:
    results = {
        "test": {"negative_elbo": 4.5, "iwae_100": 1.75, "kl": 1.0},
        "baselines": {"known_density": {"nats": 2.0, "standard_error": 0.04}},
    }
    assert notes(results) == [
        "the data's own −E ln p(x) is known: 2 ± 0.078 nats",
        "  −ELBO 4.5000 lies 2.5000 nats above it",
        "  −ln p(x), at most, iwae:100 1.7500 lies 0.2500 nats BELOW it",
    ]


def test_the_nearest_training_examples() -> None:
    train = Resident(Split(torch.tensor([[0.0], [1.0], [5.0]])), CPU)
    test = Resident(Split(torch.tensor([[0.0], [4.0], [9.0]])), CPU)
    assert neighbour_distances(train, test, k=2).tolist() == [0.5, 2.0, 6.0]
    assert neighbour_distances(train, test, k=9).tolist() == pytest.approx([2.0, 8 / 3, 7.0])


def test_grey_data_have_no_such_baselines() -> None:
    grey = Resident(Split(torch.tensor([[0, 128, 255]], dtype=torch.uint8)), CPU)
    black_and_white = Resident(Split(torch.tensor([[0, 255, 255]], dtype=torch.uint8)), CPU)
    assert not grey.binary
    assert black_and_white.binary
    assert independent_pixels_nll(black_and_white, grey) is None
    assert uniform_nll(grey) is None
    assert uniform_nll(black_and_white) == pytest.approx(3 * math.log(2))


@pytest.mark.parametrize(("bound", "verdict"), [(300.0, "WORSE than"), (90.0, "better than")])
def test_a_model_behind_independent_pixels_is_told(bound: float, verdict: str) -> None:
    results = {"test": {"negative_elbo": bound}, "baselines": {"independent_pixels": 205.85}}
    assert any(f"{verdict} independent pixels" in line for line in notes(results))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of one's own that takes also what is small."""
    monkeypatch.setattr(tensor_cache, "folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(baselines, "WORTH_CACHING", 0)
    return tmp_path / "cache"


def images(n: int, seed: int, **options: Any) -> Resident:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 256, (n, 1, 5, 6), dtype=torch.uint8, generator=generator)
    return Resident(Split(x), CPU, **options)


@pytest.mark.parametrize("n", [200, 20])
@pytest.mark.parametrize("options", [{}, {"shift": 0.3, "scale": 0.7}, {"binarize": "static"}])
def test_pca_from_the_cache_is_the_same_to_the_last_bit(n: int, options: dict[str, Any], kept: Path) -> None:
    train, test = images(n, 0, **options), images(50, 1, **options)
    ways = ((1, 7), (7, 7), (7, 1), (30, 29))  # up to as many as there are dimensions, before and after others
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensor_cache, "folder", lambda: None)
        afresh = {k: pca_errors(train, test, k) for pair in ways for k in pair}
    for pair in ways:
        tensor_cache.clear()
        for k in pair:
            errors = pca_errors(train, test, k)
            assert errors is not None
            assert torch.equal(errors, afresh[k])  # type: ignore[arg-type]


def test_many_examples_are_looked_at_once_for_any_number_of_components(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = images(200, 0), images(50, 1)
    first = pca_mse(train, test, 3)
    monkeypatch.setattr(baselines, "moments", lambda data: pytest.fail("looked at again"))
    again, more = pca_mse(train, test, 3), pca_mse(train, test, 5)
    assert first == again
    assert first is not None
    assert more is not None
    assert more < first


def test_pca_is_cached_by_all_that_it_depends_on(kept: Path) -> None:
    def entries(train: Resident) -> int:
        principal_components(train, 3)
        return len(list(kept.iterdir()))

    one_pixel = images(200, 0)
    assert isinstance(one_pixel.x, Tensor)
    one_pixel.x[7, 0, 2, 2] ^= 1
    different = [images(200, 0), images(199, 0), images(200, 0, binarize="threshold"), one_pixel]
    different += [images(200, 0, shift=0.5), images(200, 0, scale=2.0)]
    floats = Resident(Split(torch.rand(200, 30, generator=torch.Generator().manual_seed(0))), CPU)
    for number, train in enumerate([*different, floats], start=1):
        assert entries(train) == entries(train) == number
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert entries(different[0]) == len(different) + 2
    finally:
        torch.set_num_threads(threads)


def test_small_and_changing_data_are_not_cached(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    principal_components(images(200, 0, binarize="dynamic", training=True), 3)
    monkeypatch.setattr(baselines, "WORTH_CACHING", 200 * 30 + 1)
    principal_components(images(200, 0), 3)
    assert not kept.exists()


def test_gaps_to_a_known_density_are_of_the_same_examples() -> None:
    """Their error is that of the differences, which is far below that of either mean."""
    known = torch.randn(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise = 0.01 * torch.randn(1000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    examples = {"nll": known + 0.25 + noise, "probability": known, "other": known}
    details = {
        "nll": {"exactness": "exact", "measure": "density"},
        "probability": {"exactness": "exact", "measure": "probability"},
    }
    ((name, gap),) = known_gaps(known, {"details": details}, examples).items()
    assert name == "nll"
    assert gap["nats"] == pytest.approx(0.25, abs=0.002)
    assert gap["standard_error"] == pytest.approx(0.01 / 1000**0.5, rel=0.1)
    assert known_gaps(None, {"details": details}, examples) == {}
    assert set(known_gaps(known, {"details": details}, examples, "probability")) == {"probability"}
    assert known_gaps(known, {"details": details}, examples, "mixed") == {}


def test_names_among_numbers_have_no_density_that_a_model_of_numbers_could_be_compared_with() -> None:
    """A density of numbers can be as large as it likes where a name is coded by one of them."""
    kinds = {"mixed-table": "mixed", "markov": "probability", "quadratic": "density", "two-views": "density"}
    for name, measure in kinds.items():
        cls = registry().get("dataset", name).load()
        assert cls(cls.Config()).spec.measure == measure
