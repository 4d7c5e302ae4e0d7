"""Two tiny datasets, a clean environment, and the real MNIST."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tiny_datasets import Example, example

import genzoo
from genzoo.data.image_dataset import IdxImages
from genzoo.data.store import Found, Store
from genzoo.registry import current as registry


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder: no data, no clients on the PATH, no variables."""
    for variable in ("XDG_CACHE_HOME", "GENZOO_DATA", "GENZOO_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    for variable, folder in (("HOME", "home"), ("PATH", "bin"), ("TMPDIR", "tmp")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "home"


@pytest.fixture
def cache(home: Path) -> Path:
    return home / ".cache/genzoo/data"


@pytest.fixture
def tiny() -> Example:
    """A dataset registered as "tiny"."""
    return _registered(example("tiny", "Tiny", 1))


@pytest.fixture
def other() -> Example:
    """A dataset registered as "other": the same shapes and names, other bytes."""
    return _registered(example("other", "Other-Tiny", 2))


def _registered(made: Example) -> Example:
    class Images(IdxImages):
        side, train_size, test_size, files = 8, 20, 10, made.files

    genzoo.register_dataset(made.files.name, Images)
    return made


@pytest.fixture(scope="session")
def real_mnist() -> Found:
    """MNIST from genzoo's own store: downloaded on first use, then read from the user's cache."""
    return Store().ensure(registry.registry().get("dataset", "mnist").load().files)
