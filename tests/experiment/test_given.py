"""Data that are given to `genzoo.run` itself: arrays, datasets of torch, dataset objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from genzoo_plugins.own_data import arrays
from torch.utils.data import Dataset, TensorDataset

import genzoo
from genzoo.core.spelling import as_typed
from genzoo.experiment.given import named
from genzoo.experiment.job import Job

SMALL: dict[str, Any] = {"hidden": (8,), "latent_dim": 2, "epochs": 1, "batch_size": 32, "quiet": True}
X = np.random.Generator(np.random.Philox(0)).normal(size=(60, 3)).astype(np.float32)
Y = np.arange(60) % 3


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job, "draw", lambda self, run, model: None)


def test_a_run_on_arrays_is_the_run_on_their_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    of_file = genzoo.run("vae", "npz", data={"path": str(tmp_path / "data.npz")}, runs=tmp_path, **SMALL)
    for number, given in enumerate((X, torch.from_numpy(X))):
        run = genzoo.run("vae", given, data={"labels": Y}, runs=tmp_path, seed=0, **SMALL)
        assert run.results.test == of_file.results.test, number
    assert run.record["data_digest"] == of_file.record["data_digest"]
    assert run.record["data"]["arrays"]["source"] == "given in Python: x float32 [60, 3], 3 classes"
    assert len(genzoo.load_data(run)["train"]) == len(genzoo.load_data(run.path)["train"]) == 48
    assert torch.equal(genzoo.sample(run, 3), genzoo.sample(str(run.path), 3))


def test_a_run_goes_on_only_with_the_data_that_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = genzoo.run("vae", (X, Y), runs=tmp_path, **SMALL | {"epochs": 2})
    run = genzoo.run("vae", (X, Y), runs=tmp_path, **SMALL)
    monkeypatch.setattr(arrays, "_kept", type(arrays._kept)())  # as in another process
    with pytest.raises(genzoo.UsageError, match="were given to another process") as refused:
        genzoo.resume(run, epochs=2, quiet=True)
    assert "data=x" in refused.value.hint
    for other in (X, (X + 1, Y), (X[::-1], Y)):
        with pytest.raises(genzoo.UsageError, match="these are not the data that"):
            genzoo.resume(run, epochs=2, quiet=True, data=other)
    assert genzoo.resume(run, epochs=2, quiet=True, data=(X, Y)).results.test == whole.results.test


class Pairs(Dataset[Any]):
    def __len__(self) -> int:
        return 60

    def __getitem__(self, place: int) -> tuple[np.ndarray[Any, Any], int]:
        return X[place], int(Y[place])


class OwnKind:
    """A dataset class that is not registered."""

    @genzoo.config
    class Config:
        n: int = 20

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def spec(self) -> genzoo.DataSpec:
        return genzoo.DataSpec((3,), "gaussian", size=self.config.n)

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        x = torch.from_numpy(X)
        return genzoo.Splits(genzoo.Split(x[: self.config.n]), None, genzoo.Split(x[40:]))


def test_datasets_of_torch_are_their_items() -> None:
    expected = named((X, Y), {})
    assert expected[0] == "arrays"
    assert named(Pairs(), {}) == expected
    assert named(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), {}) == expected
    assert named(TensorDataset(torch.from_numpy(X)), {}) == named(X, {})
    assert named(X, {"labels": Y, "validation": 0.2}) == ("arrays", {**expected[1], "validation": 0.2})


def test_a_dataset_object_is_its_registered_name_or_gets_one(tmp_path: Path) -> None:
    moons = genzoo.make_dataset("moons", train=50)
    name, options = named(moons, {"noise": 0.3})
    assert (name, options["train"], options["noise"]) == ("moons", 50, 0.3)
    run = genzoo.run("vae", OwnKind(OwnKind.Config(n=30)), runs=tmp_path, **SMALL)
    assert run.plain_config["data"] == {"name": "own-kind", "n": 30}
    assert genzoo.resume(run, data=OwnKind(OwnKind.Config(n=30)), quiet=True).path == run.path
    with pytest.raises(genzoo.UsageError, match="n 20, not 30"):
        genzoo.resume(run, data=OwnKind(OwnKind.Config()), quiet=True)
    with pytest.raises(genzoo.UsageError, match=r"was trained on own-kind, and this is arrays"):
        genzoo.resume(run, data=X, quiet=True)


@pytest.mark.parametrize(
    ("given", "data", "message"),
    [
        (None, {}, "dataset cannot be None"),
        (3, {}, "dataset cannot be 3"),
        (int, {}, "dataset cannot be <class 'int'>"),
        ((X, Y), {"labels": Y}, "the labels are there twice"),
        (TensorDataset(torch.zeros(0, 3)), {}, "the dataset is empty"),
        (type("Loose", (), {"spec": None, "load": None})(), {}, "the dataset of class Loose does not say what"),
    ],
)
def test_what_is_no_data_is_refused(given: Any, data: dict[str, Any], message: str) -> None:
    with pytest.raises(genzoo.UsageError) as refused:
        named(given, data)
    assert refused.value.message.startswith(message)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: genzoo.run("vae", "shapes"), 'a folder\n  genzoo.run("vae", "folder", data={"path": "shapes"})'),
        (lambda: genzoo.run("vae", Path("shapes")), 'a folder\n  genzoo.run("vae", "folder", data={"path": "shapes"})'),
        (lambda: genzoo.options("vae", "nope.npz"), "nope.npz: no such file or folder"),
        (lambda: genzoo.options("vae", "shapse/"), "shapse/: no such file or folder. Did you mean 'shapes'?"),
        (lambda: genzoo.options("vae", "genzoo/digist"), "no dataset named 'genzoo/digist'."),
        (lambda: genzoo.bench(["vae"], "shapes"), 'genzoo.run(MODEL, "folder", data={"path": "shapes"})'),
        (lambda: genzoo.run("vae", "folder", path="a b"), 'of the dataset\n  write: data={"path": "a b"}'),
        (lambda: genzoo.run("vae", "folder", data_path="a"), 'of the dataset\n  write: data={"path": "a"}'),
        (lambda: genzoo.run("vae", "digits", validaton=5), 'Did you mean data={"validation": …}?'),
        (lambda: genzoo.run("vae", "digits", hidden=64), "hidden= must be a list, not 64\n  such as hidden=[64]"),
        (lambda: genzoo.run(X, "vae"), 'the model comes first\n  write: genzoo.run("vae", x)'),  # type: ignore[call-overload]
        (lambda: genzoo.run("digits", "vae"), 'the model comes first\n  write: genzoo.run("vae", "digits")'),
    ],
)
def test_a_call_that_was_meant_otherwise_is_written_out(
    call: Callable[[], Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shapes").mkdir()
    Path("shapes/a.png").touch()
    with as_typed(False), pytest.raises(genzoo.UsageError) as error:
        call()
    with as_typed(False):
        assert message in str(error.value)
