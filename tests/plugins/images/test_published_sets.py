"""The datasets that torchvision knows too: the same images and labels, from verified files alone."""

from __future__ import annotations

import os
import pickle
import shutil
import tarfile
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from genzoo_plugins.images.cifar import Arrays
from published_files import TEST, TRAIN, WRITERS, md5
from registered_data import dataset
from torch import Tensor
from torchvision import datasets as theirs
from torchvision.datasets import cifar, mnist, omniglot, svhn, usps, utils

from genzoo.core.dataset import DataSpec, Split, Splits
from genzoo.core.errors import GenzooError, UsageError
from genzoo.data.raw_files import FileSet
from genzoo.data.store import Store
from genzoo.registry.current import registry
from genzoo.system import tensor_cache

NAMES = sorted(WRITERS.keys() - {"celeba"})


def loaded(name: str, root: Path, **options: Any) -> Splits:
    options = options if name == "celeba" else {"validation": 0, **options}
    splits: Splits = dataset(name, **options).load(Store(root, offline=True, say=lambda line: None))
    return splits


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torchvision take files of other digests than those of its own tables."""
    for module in (cifar, mnist, omniglot, svhn, utils):
        monkeypatch.setattr(module, "check_integrity", lambda path, md5=None: os.path.isfile(path))


def by_torchvision(name: str, root: Path) -> list[tuple[Any, Any]]:
    """Return the images and labels of the training and the test part as torchvision reads them."""
    if name in ("kmnist", "qmnist"):
        for packed in root.glob("*/raw/*.gz"):
            utils.extract_archive(str(packed))
    if name == "emnist":
        utils.extract_archive(str(root / "EMNIST/raw/gzip.zip"))
        for packed in root.glob("EMNIST/raw/gzip/*.gz"):
            utils.extract_archive(str(packed), str(root / "EMNIST/raw"))
    kinds: dict[str, Callable[[bool], Any]] = {
        "cifar10": lambda train: theirs.CIFAR10(root, train),
        "cifar100": lambda train: theirs.CIFAR100(root, train),
        "svhn": lambda train: theirs.SVHN(root / "SVHN", "train" if train else "test"),
        "kmnist": lambda train: theirs.KMNIST(root, train),
        "qmnist": lambda train: theirs.QMNIST(root, train=train),
        "emnist": lambda train: theirs.EMNIST(root, "balanced", train=train),
        "usps": lambda train: theirs.USPS(root / "USPS", train),
    }
    parts = [kinds[name](train) for train in (True, False)]
    return [(torch.as_tensor(part.data), part.labels if name == "svhn" else part.targets) for part in parts]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "omniglot"])
def test_the_images_are_those_that_torchvision_reads(
    published: Callable[[str], Path], lenient: None, name: str
) -> None:
    root = published(name)
    ours = loaded(name, root)
    assert (len(ours.train.x), len(ours.test.x)) == (TRAIN, TEST)
    for split, (x, y) in zip((ours.train, ours.test), by_torchvision(name, root), strict=True):
        assert split.x.dtype == torch.uint8
        assert torch.equal(whole(split), in_our_axes(name, x))
        labels = torch.as_tensor(y).long()
        assert split.y is not None
        assert torch.equal(split.y, labels[:, 0] if labels.ndim == 2 else labels)


def whole(split: Split) -> Tensor:
    assert isinstance(split.x, Tensor)
    return split.x


def in_our_axes(name: str, x: Tensor) -> Tensor:
    """Return torchvision's images as [N, C, H, W]; those of EMNIST upright."""
    if name.startswith("cifar"):
        return x.permute(0, 3, 1, 2)
    return x if x.ndim == 4 else (x.mT if name == "emnist" else x)[:, None]


def test_omniglot_numbers_characters_in_the_order_of_their_names(
    published: Callable[[str], Path], lenient: None
) -> None:
    root = published("omniglot")
    ours = loaded("omniglot", root, resize=0)
    assert ours.train.y is not None
    assert ours.train.y.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert ours.test.y is not None
    assert ours.test.y.tolist() == [964] * 5 + [965] * 5
    utils.extract_archive(str(root / "omniglot-py/images_background.zip"))
    part = theirs.Omniglot(root)
    pictures = {
        (part._characters[label], image): part[row][0] for row, (image, label) in enumerate(part._flat_character_images)
    }
    for x, (_, picture) in zip(whole(ours.train), sorted(pictures.items()), strict=True):
        ink = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(1, 105, 105)
        assert torch.equal(255 - x, ink)
    assert loaded("omniglot", root).train.x.shape == (24, 1, 28, 28)


def test_letters_are_numbered_from_0(published: Callable[[str], Path]) -> None:
    letters = loaded("emnist", published("emnist"), selection="letters")
    assert letters.train.y is not None
    assert 0 <= int(letters.train.y.min()) <= int(letters.train.y.max()) < 26
    made = dataset("emnist", selection="letters")
    assert (made.spec.class_names[0], made.spec.size) == ("a", 119_800)
    with pytest.raises(UsageError, match=r"--data.only must be a class, 0 to 25"):
        dataset("emnist", selection="letters", only=26)


SPECS = {
    "cifar10": ((3, 32, 32), 10, 45_000), "cifar100": ((3, 32, 32), 100, 45_000), "svhn": ((3, 32, 32), 10, 68_257),
    "kmnist": ((1, 28, 28), 10, 55_000), "qmnist": ((1, 28, 28), 10, 55_000), "emnist": ((1, 28, 28), 47, 107_800),
    "usps": ((1, 16, 16), 10, 6291), "omniglot": ((1, 28, 28), 1623, 18_280),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_spec_is_known_before_any_file_is_opened(home: Path, name: str) -> None:
    spec, (shape, classes, size) = dataset(name).spec, SPECS[name]
    assert spec._replace(class_names=()) == DataSpec(shape, "bernoulli", classes, size)
    assert len(set(spec.class_names)) in (0, classes)
    assert not list(home.iterdir())


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_file_with_another_digest_is_refused(published: Callable[[str], Path], name: str) -> None:
    root = published(name)
    files: FileSet = registry().get("dataset", name).load().files
    path = root / files.folder / files.files[-1].name
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(GenzooError) as caught:
        loaded(name, root)
    assert caught.value.message == (
        f"{path} is not {files.title}'s (md5 {md5(path)[:4]}… instead of {files.files[-1].md5[:4]}…)."
    )
    assert f"genzoo data add {name} FILES…" in caught.value.hint


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_missing_file_is_named_offline(published: Callable[[str], Path], name: str) -> None:
    root = published(name)
    files: FileSet = registry().get("dataset", name).load().files
    (root / files.folder / files.files[-1].name).unlink()
    with pytest.raises(GenzooError) as caught:
        loaded(name, root)
    assert caught.value.message == f"{files.title} is not here (offline)"
    assert f"put {files.files[-1].name} into {root / files.folder}" in caught.value.hint
    assert "from torchvision.datasets import" in caught.value.hint


@pytest.fixture
def server(lenient: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files that torchvision downloads by their names; its loading runs as ever."""
    folder = tmp_path / "server"
    folder.mkdir()

    def retrieve(url: str, target: str) -> None:
        source = folder / url.rpartition("/")[2]
        if not source.is_file():
            raise urllib.error.URLError("no route to host")
        shutil.copy(source, target)

    monkeypatch.setattr(utils, "_urlretrieve", retrieve)
    monkeypatch.setattr(utils, "_get_redirect_url", lambda url, max_hops: url)
    assert usps.download_url is utils.download_url
    return folder


def upload(name: str, root: Path, server: Path) -> None:
    """Move the files of a dataset to the server in the form in which they are downloaded."""
    files: FileSet = registry().get("dataset", name).load().files
    folder = root / files.folder
    if name.startswith("cifar"):
        with tarfile.open(server / f"cifar-{name.removeprefix('cifar')}-python.tar.gz", "w:gz") as archive:
            archive.add(folder, folder.name)
    else:
        for raw in files.files:
            shutil.copy(folder / raw.name, server)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", NAMES)
def test_missing_files_are_downloaded_by_torchvision(published: Callable[[str], Path], server: Path, name: str) -> None:
    root = published(name)
    before = loaded(name, root)
    upload(name, root, server)
    store = Store(root, offline=False, say=lambda line: None)
    after = dataset(name, validation=0).load(store)
    assert torch.equal(whole(after.train), whole(before.train))
    assert store.found[name].source.startswith("torchvision.datasets.")
    assert not list(root.glob(f".{name}.part"))


def test_a_failing_download_is_one_line(published: Callable[[str], Path], server: Path) -> None:
    root = published("usps")
    shutil.rmtree(root / "USPS")
    with pytest.raises(GenzooError, match="USPS is not here") as caught:
        dataset("usps").load(Store(root, offline=False, say=lambda line: None))
    assert "tried  torchvision.datasets.USPS: no route to host\n" in caught.value.hint


def test_slow_formats_are_converted_once(
    published: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_cache, "folder", lambda: tmp_path / "computed")
    root = published("usps")
    first = loaded("usps", root)
    kind = registry().get("dataset", "usps").load()
    monkeypatch.setattr(kind, "convert", lambda self, folder: pytest.fail("converted again"))
    assert torch.equal(whole(loaded("usps", root).train), whole(first.train))
    monkeypatch.setattr(kind, "version", 2)
    with pytest.raises(pytest.fail.Exception):
        loaded("usps", root)


def test_files_that_torchvision_keeps_in_its_root_are_found(published: Callable[[str], Path]) -> None:
    root = published("usps")
    for path in (root / "USPS").iterdir():
        path.rename(root / path.name)
    assert len(loaded("usps", root).train.x) == TRAIN


def test_a_pickle_of_anything_but_arrays_is_refused_before_it_runs(tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> Any:
            return print, ("it ran",)

    (tmp_path / "file").write_bytes(pickle.dumps({"data": Runs()}))
    with (tmp_path / "file").open("rb") as file, pytest.raises(UsageError, match=r"names builtins\.print"):
        Arrays(file).load()
