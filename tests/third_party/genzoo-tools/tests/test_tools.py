"""The command, the listener and the dataset do what their texts say."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from genzoo_tools.data import Sines

import genzoo
from genzoo.cli.main import main

QUICK = {"epochs": 2, "hidden": (8,), "latent_dim": 2, "quiet": True}
EXAMPLES = 3000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, root: Path) -> genzoo.Run:
    out = tmp_path_factory.mktemp("run") / "run"
    options = {**QUICK, "listeners": ("epochs-csv",), "stream": "always"}
    return genzoo.run("vae", "sines", out=out, data_root=root, data={"examples": EXAMPLES}, **options)


def test_the_command_names_every_parameter(run: genzoo.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers", str(run.path)]) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    expected = dict(run.model.named_parameters())
    assert rows.keys() == expected.keys()
    for name, value in expected.items():
        shape, count, rms = rows[name]
        assert shape == ("×".join(map(str, value.shape)) or "1")
        assert int(count.replace(",", "")) == value.numel()
        assert float(rms) == pytest.approx(math.sqrt((value.double() ** 2).mean().item()), abs=1e-4)


def test_samples_stand_above_their_nearest_training_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], run: genzoo.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = genzoo.run("vae", "noisy", out=tmp_path / "run", **QUICK)
    drawn: list[torch.Tensor] = []
    monkeypatch.setattr(genzoo, "save_grid", lambda path, x, title, columns: drawn.append(x))
    assert main(["nearest", str(images.path), "--out", str(tmp_path / "near.png")]) == 0
    samples, nearest = drawn[0].chunk(2)
    train = genzoo.load_data(images)["train"]
    every = train.batch(torch.arange(len(train))).x
    distances = (samples[:, None] - every).square().flatten(2).sum(2)
    assert torch.equal(nearest, every[distances.argmin(1)])
    capsys.readouterr()
    assert main(["nearest", str(run.path)]) == 2
    assert "these data are not images" in capsys.readouterr().err


def test_noise_of_an_image_is_the_same_at_each_load() -> None:
    plain, noisy, again = (
        genzoo.make_dataset(name, **options).load(genzoo.Store(say=lambda line: None))
        for name, options in (("digits", {}), ("noisy", {}), ("noisy", {}))
    )
    assert isinstance(noisy.train.x, torch.Tensor)
    assert isinstance(again.train.x, torch.Tensor)
    assert torch.equal(noisy.train.x, again.train.x)
    inside = plain.test.x[:].float()
    noise = (noisy.test.x[:].float() - inside)[(inside > 100) & (inside < 150)]
    assert abs(noise.std().item() - 25) < 1


def test_the_listener_has_a_row_an_epoch_and_repeats_none(run: genzoo.Run, root: Path) -> None:
    def rows() -> list[dict[str, str]]:
        with open(run.path / "epochs.csv", newline="") as file:
            return list(csv.DictReader(file))

    genzoo.resume(run.path, epochs=3, quiet=True, data_root=root)
    history = run.history
    assert [int(row["epoch"]) for row in rows()] == [epoch["epoch"] for epoch in history] == [1, 2, 3]
    assert [float(row["train_loss"]) for row in rows()] == [epoch["train"]["loss"] for epoch in history]
    assert [float(row["validation_kl"]) for row in rows()] == [epoch["validation"]["kl"] for epoch in history]


def test_the_sines_are_sines(root: Path) -> None:
    sines = Sines(Sines.Config(examples=EXAMPLES, noise=0.1))
    splits = sines.load(genzoo.Store(root))
    assert isinstance(splits.train.x, genzoo.Rows)
    x = splits.train.x[:]
    assert (x.shape, x.dtype) == ((EXAMPLES, 64), torch.float32)
    # A sine of random phase has variance ½ at every time; the noise adds 0.01.
    assert (x.var(0) - 0.51).abs().max() < 0.06
    assert x.mean(0).abs().max() < 0.06
    spectrum = torch.fft.rfft(x).abs()[:, 1:].argmax(1) + 1
    assert set(spectrum.tolist()) <= {1, 2, 3, 4}
    again = Sines(Sines.Config(examples=EXAMPLES, noise=0.1)).load(genzoo.Store(root))
    assert torch.equal(again.train.x[:], x)
    assert not torch.equal(splits.test.x[:EXAMPLES], x)


def test_no_chunk_is_another_again() -> None:
    sines = Sines(Sines.Config())
    drawn = [
        sines.drawn(8, f"{name} {number}") for name in ("train", "validation", "test") for number in (0, 1, 10, 11)
    ]
    assert len({values.tobytes() for values in drawn}) == len(drawn)


def test_a_file_is_whole_or_not_there(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sines = Sines(Sines.Config(examples=EXAMPLES))

    def full(*arguments: object) -> np.ndarray:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Sines, "drawn", full)
        with pytest.raises(OSError, match="No space"):
            sines.load(genzoo.Store(tmp_path))
    assert not list(tmp_path.rglob("*.npy"))
    assert sines.load(genzoo.Store(tmp_path)).train.x[:2].isfinite().all()


LARGE = """
import resource, sys
import genzoo
run = genzoo.run("vae", "sines", out=sys.argv[1], data_root=sys.argv[2], data={"examples": int(sys.argv[3])},
                 epochs=1, batch_size=8192, hidden=(8,), latent_dim=2, quiet=True, stream="always")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    """256 MB more of data; what of the file the system keeps in memory counts, and it is free to drop that."""

    def megabytes(examples: int) -> int:
        words = [sys.executable, "-c", LARGE, tmp_path / str(examples), tmp_path / "data", str(examples)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=200, check=True)
        return int(done.stdout.splitlines()[-1])

    small, large = megabytes(20_000), megabytes(1_000_000)
    assert large - small < 200 + 256
