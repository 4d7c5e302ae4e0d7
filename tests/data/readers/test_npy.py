"""Large .npy files, which are mapped and not read: the checks of small ones, and the same runs."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from genzoo_plugins.own_data import npz
from torch import Tensor

import genzoo
from genzoo.cli.main import main
from genzoo.core.errors import UsageError
from genzoo.core.rows import Rows, chunks
from genzoo.data import streamed
from genzoo.data.store import Store
from genzoo.registry.current import registry

RNG = np.random.Generator(np.random.Philox(1))
PICTURES = RNG.integers(0, 256, (60, 1, 6, 5), np.uint8)


def dataset(path: Path, **options: Any) -> Any:
    cls = registry().get("dataset", "npz").load()
    return cls(cls.Config(path=str(path), **options))


@pytest.mark.parametrize("shape", [(30, 7), (30, 4, 5), (30, 1, 4, 5), (30, 4, 5, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_large_npy_file_is_what_a_small_one_is(
    shape: tuple[int, ...], dtype: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = RNG.integers(0, 256, shape, np.uint8)
    np.save(tmp_path / "x.npy", array if dtype is np.uint8 else array.astype(np.float32) / 255)
    store, other_store = Store(say=lambda line: None), Store(say=lambda line: None)
    small = dataset(tmp_path / "x.npy")
    splits = small.load(store)
    monkeypatch.setattr(npz, "MAPPED", 0)
    large = dataset(tmp_path / "x.npy")
    assert large.spec == small.spec
    for one, other in zip(splits, large.load(other_store), strict=True):
        assert isinstance(other.x, Rows)
        assert torch.equal(torch.cat(list(chunks(other.x))), one.x)
    assert store.found == other_store.found  # the digest too


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4)), r"holds float64; so large a file must be uint8 or float32"),
        (np.zeros((3, 4), np.float32, order="F"), "holds float32 in Fortran order"),
        (np.zeros((3, 4, 5, 6), np.uint8), "no axis of 1 or 3 channels"),
        (np.append(np.zeros((99, 4), np.float32), np.float32([[0, 0, 0, np.nan]]), 0), "not finite"),
        (np.append(np.zeros((99, 2, 2), np.float32), np.float32([[[0, 0], [0, 1.5]]]), 0), "values from 0 to 1.5"),
        (np.array([[None]]), "pickled objects"),
    ],
    ids=["float64", "Fortran", "channels", "nan", "range", "objects"],
)
def test_large_files_that_are_refused(
    array: np.ndarray[Any, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "MAPPED", 0)
    monkeypatch.setattr("genzoo.data.readers.as_examples.CHUNK_VALUES", 8)
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(UsageError, match=message):
        _ = dataset(tmp_path / "x.npy").spec


def test_a_large_file_that_is_cut_short_or_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "MAPPED", 0)
    path = tmp_path / "x.npy"
    np.save(path, PICTURES)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"declares 1,800 bytes and holds 1,799"):
        _ = dataset(path).spec
    path.write_bytes(b"no array")
    with pytest.raises(UsageError, match=r"is not a numpy array"):
        _ = dataset(path).spec


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ({"binarize": "dynamic"}, [("x.npy", "auto"), ("x.npy", "always")]),
        ({"standardize": "global"}, [("x.npy", "always"), ("x.npz", "always")]),
    ],
    ids=["dynamic", "global"],
)
def test_a_run_on_a_mapped_file_is_the_run_on_the_same_array_in_memory(
    options: dict[str, Any],
    others: list[tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    x = RNG.integers(0, 256, (120, 4, 4), np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr(npz, "MAPPED", 0)

    def outcome(name: str, stream: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
        small: dict[str, Any] = {"hidden": (8,), "latent_dim": 2, "epochs": 2, "batch_size": 16, **options}
        data = {"path": str(tmp_path / name)}
        run = genzoo.run("vae", "npz", data=data, runs=tmp_path, stream=stream, **small)
        results = {part: figures for part, figures in run.results.items() if part != "training"}
        history = [(epoch["train"], epoch["validation"]) for epoch in run.history]
        return {"results": results, "history": history}, run.model.state_dict()

    figures, weights = outcome("x.npz", "auto")
    assert "streaming" not in capsys.readouterr().err
    for name, stream in others:
        other, other_weights = outcome(name, stream)
        assert other == figures
        assert all(torch.equal(value, weights[key]) for key, value in other_weights.items())
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("streaming 96 examples")]
        source = str(tmp_path / "x.npy") if name == "x.npy" else "memory"
        assert [f"from {source};" in line for line in said] == [True] * (stream == "always")


def test_an_error_of_the_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", PICTURES)
    monkeypatch.setattr(npz, "MAPPED", 0)
    monkeypatch.setattr(streamed, "GROUP", 0)
    read, reads = np.take, itertools.count()

    def failing(*arguments: Any, **options: Any) -> Any:
        if threading.current_thread() is not threading.main_thread() and next(reads) == 5:
            raise OSError(5, "Input/output error")
        return read(*arguments, **options)

    monkeypatch.setattr(np, "take", failing)
    words = f"run vae --dataset npz --data.path {tmp_path}/x.npy --stream always --batch-size 8 --quiet --hidden 8"
    code = main([*words.split(), "--epochs", "3", "--runs", str(tmp_path)])
    assert code == 1
    assert capsys.readouterr().err.splitlines()[0] == f"genzoo: {tmp_path}/x.npy: Input/output error"
