"""What the built-in datasets hold, and how they are cut."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from registered_data import dataset, load
from sklearn.datasets import load_digits
from tiny_datasets import Example
from torchvision.datasets import MNIST

from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.core.errors import UsageError
from genzoo.core.noise import content_keys
from genzoo.data.splits import fixed_permutation
from genzoo.data.store import Found


def sizes(splits: Splits) -> tuple[int, ...]:
    return tuple(0 if split is None else len(split.x) for split in splits)


def keys(*splits: Split | None) -> torch.Tensor:
    """A multiset of examples, sorted."""
    return torch.cat([content_keys(split.x) for split in splits if split is not None]).sort().values


CHOICES: list[dict[str, int]] = [{}, {"validation": 0}, {"validation": 100, "resize": 16}]


@pytest.mark.parametrize("name", [pytest.param("mnist", marks=pytest.mark.long), "digits"])
def test_a_class_is_left_out_of_training_alone(real_mnist: Found, name: str) -> None:
    whole, without, only = load(name), load(name, without=3), load(name, only=3)
    for all_of_it, others, threes in zip(whole[:2], without[:2], only[:2], strict=True):
        assert others.y is not None
        assert threes.y is not None
        assert set(others.y.tolist()) == set(range(10)) - {3}
        assert set(threes.y.tolist()) == {3}
        assert torch.equal(keys(others, threes), keys(all_of_it))  # the parts are cut as ever, then filtered
    assert torch.equal(keys(without.test), keys(whole.test))
    assert torch.equal(keys(only.test), keys(whole.test))
    assert dataset(name, without=3).spec.size == 0  # not known before the labels are read


@pytest.mark.parametrize("options", CHOICES)
@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_images_are_as_the_spec_says(real_mnist: Found, name: str, options: dict[str, int]) -> None:
    spec = dataset(name, **options).spec
    splits = load(name, **options)
    assert spec.likelihood == "bernoulli"
    assert spec.size == len(splits.train.x)
    assert (splits.validation is None) == (options.get("validation") == 0)
    for split in filter(None, splits):
        assert split.x.dtype == torch.uint8
        assert split.x.shape[1:] == spec.shape
        assert split.y is not None
        assert split.y.dtype == torch.int64
        assert split.y.shape == split.x.shape[:1]
        assert sorted(split.y.unique().tolist()) == list(range(spec.classes))


def test_mnist(real_mnist: Found) -> None:
    splits, whole = load("mnist"), load("mnist", validation=0)
    assert sizes(splits) == (55_000, 5_000, 10_000)
    assert sizes(whole) == (60_000, 0, 10_000)
    assert torch.equal(keys(splits.train, splits.validation), keys(whole.train)), "disjoint and complete"
    assert torch.equal(splits.test.x, whole.test.x)
    assert whole.train.y is not None
    assert whole.train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    # The mean and standard deviation that everybody normalises MNIST with.
    pixels = whole.train.x.double() / 255
    assert pixels.mean().item() == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std().item() == pytest.approx(0.3081, abs=5e-5)


def test_torchvision_reads_the_same_folder(real_mnist: Found) -> None:
    theirs = MNIST(str(real_mnist.folder.parents[1]), train=False)
    ours = load("mnist").test
    assert torch.equal(theirs.data[:, None], ours.x)
    assert ours.y is not None
    assert torch.equal(theirs.targets, ours.y)


def test_spec_is_known_before_any_file_is_opened(home: Path) -> None:
    for name, size in (("mnist", 55_000), ("fashion-mnist", 55_000)):
        assert dataset(name).spec == DataSpec((1, 28, 28), "bernoulli", 10, size)
    assert dataset("mnist", validation=0, resize=32).spec == DataSpec((1, 32, 32), "bernoulli", 10, 60_000)
    assert not list(home.iterdir())


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_a_validation_split_that_takes_everything_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="leaves nothing to train on"):
        dataset(name, validation=60_000)
    with pytest.raises(UsageError, match="--resize must be at least 0 and at most 256"):
        dataset(name, resize=10**6)


def test_a_third_party_dataset_needs_five_lines(cache: Path, tiny: Example) -> None:
    tiny.put(cache / "Tiny/raw")
    splits = load("tiny", validation=5)
    assert sizes(splits) == (15, 5, 10)
    assert splits.test.x.numpy().tobytes() == tiny.right["t10k-images-idx3-ubyte"][16:]


def test_digits_are_those_of_scikit_learn(home: Path) -> None:
    splits, theirs = load("digits"), load_digits()
    assert sizes(splits) == (1257, 180, 360)
    images = np.floor(theirs.images * 255 / 16 + 0.5).astype(np.uint8)
    expected = Split(torch.from_numpy(images)[:, None], torch.from_numpy(theirs.target))
    assert torch.equal(keys(*splits), keys(expected))
    test = fixed_permutation(1797)[:360].sort().values
    assert torch.equal(splits.test.x, expected.x[test])
    assert splits.test.y is not None
    assert expected.y is not None
    assert torch.equal(splits.test.y, expected.y[test])
    assert splits.train.x.max() == 255
    assert not list(home.iterdir()), "nothing is written"


def test_moons(home: Path) -> None:
    splits = load("moons", train=20_000)
    assert sizes(splits) == (20_000, 200, 1_000)
    assert dataset("moons").spec == DataSpec((2,), "gaussian-learned", 2, 1000)
    x, y, _ = splits.train
    assert y is not None
    assert (x.dtype, x.shape, y.dtype) == (torch.float32, (20_000, 2), torch.int64)
    # Standardised by the exact moments: the sample's own are off by about 1/√20,000.
    torch.testing.assert_close(x.mean(0), torch.zeros(2), atol=0.03, rtol=0)
    torch.testing.assert_close(x.std(0), torch.ones(2), atol=0.03, rtol=0)
    assert y.sum() == 10_000


def test_moons_without_noise_lie_on_two_half_circles() -> None:
    x, y, _ = load("moons", noise=0.0).train
    assert y is not None
    height = 2 / torch.pi
    variance = torch.tensor([0.75, 0.5 - height**2 + (height - 0.25) ** 2])
    plain = x * variance.sqrt() + torch.tensor([0.5, 0.25])
    upper, lower = plain[y == 0], plain[y == 1] - torch.tensor([1.0, 0.5])
    for arc in (upper, lower):
        torch.testing.assert_close(arc.norm(dim=1), torch.ones(500))
    assert upper[:, 1].min() > -1e-6
    assert lower[:, 1].max() < 1e-6


def test_moons_depend_on_their_seed_alone() -> None:
    assert torch.equal(load("moons").train.x, load("moons", test=5).train.x)
    assert torch.equal(load("moons").train.x[:10], load("moons", train=10).train.x)
    assert not torch.equal(load("moons").train.x, load("moons", seed=1).train.x)
    assert not torch.equal(load("moons").train.x, load("moons").test.x)
    assert load("moons", validation=0).validation is None


FAMILIES = sorted(
    path.parent.name for path in (Path(__file__).parents[2] / "plugins/genzoo_plugins").glob("*/__init__.py")
)


@pytest.mark.every(3)
@pytest.mark.parametrize("module", FAMILIES)
def test_registering_imports_no_torch(module: str) -> None:
    code = f"import sys, genzoo_plugins.{module}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
