"""Generated datasets: sizes, seeds, fixed points and moments."""

from __future__ import annotations

import hashlib

import pytest
import torch
from genzoo_plugins.toy.base import Generated
from registered_data import dataset, load

from genzoo.core.dataset import DataSpec
from genzoo.registry.current import registry

NAMES = ["moons", "quadratic", "rings", "pinwheel", "swiss-roll", "spirals"]
CLASSES = {"moons": 2, "rings": 4, "pinwheel": 5, "spirals": 2}
POINTS = {
    "moons": "522323d328ae740d",
    "quadratic": "9c80346b4332352b",
    "rings": "362cfc3374b0d0f1",
    "pinwheel": "421377a10f253e06",
    "swiss-roll": "8285a4e17d78ad05",
    "spirals": "a71a7c8a00f92041",
}


@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_types(name: str) -> None:
    splits = load(name, train=11, validation=0, test=7)
    size = 3 if name == "quadratic" else 2
    assert dataset(name).spec == DataSpec((size,), "gaussian-learned", CLASSES.get(name, 0), 1000)
    assert splits.validation is None
    for split, n in ((splits.train, 11), (splits.test, 7)):
        assert (split.x.dtype, split.x.shape) == (torch.float32, (n, size))
        assert (split.y is None) == (name not in CLASSES)
        if split.y is not None:
            assert split.y.tolist() == [i % CLASSES[name] for i in range(n)]
    assert [len(split.x) for split in load(name) if split is not None] == [1000, 200, 1000]


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_fixes_the_samples_and_splits_differ(name: str) -> None:
    splits = load(name)
    assert torch.equal(splits.train.x, load(name, test=5).train.x)
    assert torch.equal(splits.train.x[:10], load(name, train=10).train.x)
    assert not torch.equal(splits.train.x, load(name, seed=1).train.x)
    assert not torch.equal(splits.train.x, splits.test.x)


def test_datasets_do_not_share_random_numbers() -> None:
    one, other = (dataset(name).normal("train", "noise", 4) for name in ("rings", "spirals"))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_the_points_never_change(name: str) -> None:
    """Points are rounded to 0.01, since the last digit of sine and logarithm may differ between machines."""
    x = load(name, train=20).train.x
    digest = hashlib.sha256((x * 100).round().to(torch.int32).numpy().astype("<i4").tobytes()).hexdigest()
    assert digest[:16] == POINTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_means_and_deviations_are_of_order_1(name: str) -> None:
    x = load(name, train=40_000).train.x
    centre = torch.tensor([0.0, 0.0, 1.0])[: x.shape[1]] if name == "quadratic" else torch.zeros(2)
    assert ((x.mean(0) - centre).abs() < (0.3 if name == "swiss-roll" else 0.03)).all()
    assert ((x.std(0) > 0.8) & (x.std(0) < 1.2)).all()


def test_moments_of_quadratic() -> None:
    """E y = 1, Var y = 1 + σ², and y is uncorrelated with x, although y depends on x."""
    n = 100_000
    x = load("quadratic", train=n, noise=0.5).train.x.double()
    covariance = x.T.cov()
    assert x.mean(0).tolist() == pytest.approx([0, 0, 1], abs=4 * 1.2 / n**0.5)
    torch.testing.assert_close(covariance, torch.diag(torch.tensor([1, 1, 1.25]).double()), rtol=0, atol=0.03)
    residual = x[:, 2] - 0.5 * x[:, :2].square().sum(1)
    assert residual.std().item() == pytest.approx(0.5, rel=4 / (2 * n) ** 0.5)


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_rings_lie_at_their_radii(noise: float) -> None:
    """E ρ² = R² + 2σ² for each ring."""
    x, y, _ = load("rings", train=40_000, noise=noise).train
    assert y is not None
    for ring in range(4):
        radius = 0.5 * (ring + 1)
        squared = x[y == ring].double().square().sum(1)
        error = 4 * (4 * (radius * noise) ** 2 + 4 * noise**4) ** 0.5 / 100
        assert squared.mean().item() == pytest.approx(radius**2 + 2 * noise**2, abs=error)


BITS = {
    "gene-counts": "9253952b9e5df3f3",
    "hmm": "98acda6b6e9189fc",
    "markov": "319924f25cdd15d6",
    "mixed-table": "af0701f2d6db55eb",
    "moons": "b0c0ca5cda5e142f",
    "pinwheel": "4b09e63dcf8d93e4",
    "quadratic": "b46e09a29a98c7e3",
    "rings": "df70d4a3c4bd4240",
    "spirals": "b8b3b213b7496e9b",
    "swiss-roll": "21739ab07cd4bf93",
    "two-views": "dbe3868ea64c73fd",
    "waves": "855945fa7af1d144",
}


def test_examples_are_the_same_on_every_processor_bit_for_bit() -> None:
    """These were made where torch's logarithm and cosine of single precision have other last bits than elsewhere."""
    entries = [entry for entry in registry().matching("dataset") if issubclass(entry.load(), Generated)]
    assert {entry.name for entry in entries} == BITS.keys()
    for name, expected in BITS.items():
        digest = hashlib.sha256()
        for split in load(name, train=200, validation=20, test=20):
            digest.update(split.x.contiguous().numpy().tobytes())
        assert digest.hexdigest()[:16] == expected, name
