"""`genzoo reconstruct`, with pictures of several kinds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import genzoo, refused, trained
from PIL import Image

from genzoo.cli.main import main
from genzoo.runs.run import Run


def picture(path: Path, size: tuple[int, int], mode: str = "L") -> Path:
    """A smooth picture, (width, height)."""
    x, y = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    grey = Image.fromarray(((x + y) / 2).astype(np.uint8))
    grey.convert(mode).save(path)
    return path


@pytest.mark.usefixtures("drawn_figures")
def test_reconstructions_of_test_images(vae_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "r.npy"
    result = genzoo("reconstruct", vae_run.path, "-n", 7, "--out", out)
    assert (result.code, result.out, result.err) == (0, f"{out}\n", "")
    assert np.load(out).shape == (7, 1, 8, 8)
    result = genzoo("reconstruct", vae_run.path)
    assert result.out == f"{vae_run.path}/figures/reconstructed.png\n"
    with Image.open(result.out.strip()) as drawn:
        assert drawn.size == (922, 622)
    Path(result.out.strip()).unlink()


def test_several_runs_are_named_before_the_files(
    vae_run: Run, ae_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "own.png")
    names = [str(shutil.copytree(run.path, tmp_path / run.config.model)) for run in (vae_run, ae_run)]
    assert main(["reconstruct", *names, str(tmp_path / "own.png"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["runs"]
    assert [(one["run"], one["n"]) for one in found] == [(name, 1) for name in names]
    assert main(["sample", *names, "-n", "2"]) == 0
    assert [str(Path(line).parents[1]) for line in capsys.readouterr().out.split()] == names
    assert main(["sample", *names, "--out", str(tmp_path / "one.png")]) == 2
    assert main(["reconstruct", str(tmp_path / "own.png")]) == 2
    assert "which run?" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "mode"), [("a.png", "L"), ("a.png", "RGB"), ("a.png", "RGBA"), ("a.jpg", "RGB")])
def test_reconstructions_of_own_images(vae_run: Run, tmp_path: Path, name: str, mode: str) -> None:
    file = picture(tmp_path / name, (8, 8), mode)
    out = tmp_path / "r.npy"
    result = genzoo("reconstruct", vae_run.path, file, "--out", out)
    assert result.code == 0
    x = torch.from_numpy(np.asarray(Image.open(file).convert("L"), dtype=np.float32) / 255)[None, None]
    with torch.no_grad():
        again = vae_run.model.reconstruct(x).numpy()  # type: ignore[operator]
    np.testing.assert_allclose(np.load(out), again, atol=0.02 if name == "a.jpg" else 1e-6)
    error = float(((np.load(out) - x.numpy()) ** 2).mean())
    line, last = result.out.splitlines()
    assert line.startswith(f"{file}  MSE ")
    assert float(line.split()[-1]) == pytest.approx(error, abs=2e-4)
    assert last == str(out)


def test_own_images_of_another_size_are_scaled_when_asked(vae_run: Run, tmp_path: Path) -> None:
    files = [picture(tmp_path / "small.png", (8, 8)), picture(tmp_path / "large.png", (20, 28))]
    message = refused(genzoo("reconstruct", vae_run.path, *files, "--out", tmp_path / "r.npy"))
    assert message == f"{files[1]} is 28x20; the model takes 8x8"
    assert not (tmp_path / "r.npy").exists()
    result = genzoo("reconstruct", vae_run.path, *files, "--resize", "--out", tmp_path / "r.npy")
    assert result.code == 0
    assert len(result.out.splitlines()) == 3
    assert np.load(tmp_path / "r.npy").shape == (2, 1, 8, 8)


def test_own_images_are_scaled_as_those_of_the_training_were(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    files = [picture(folder / f"{number}.png", (9 + number % 3, 12)) for number in range(40)]
    words = ("--data.path", folder, "--data.size", "8x8", "--epochs", 1, "--hidden", 4, "--latent-dim", 2, "--quiet")
    assert genzoo("run", "vae", "folder", *words, "--out", tmp_path / "run").code == 0
    assert genzoo("reconstruct", tmp_path / "run", *files[:2], "--out", tmp_path / "r.npy").code == 0
    assert np.load(tmp_path / "r.npy").shape[2:] == (8, 8)


def test_what_is_no_image_is_refused(vae_run: Run, moons_run: Run, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("I am no picture")
    cut = tmp_path / "cut.png"
    cut.write_bytes(picture(tmp_path / "whole.png", (8, 8)).read_bytes()[:40])
    (tmp_path / "empty.png").touch()
    for file in (text, cut, tmp_path / "empty.png"):
        assert refused(genzoo("reconstruct", vae_run.path, file)) == f"{file} is not a readable picture"
    assert refused(genzoo("reconstruct", vae_run.path, tmp_path / "no.png")).endswith(
        "no.png: No such file or directory"
    )
    (tmp_path / "none").mkdir()
    message = refused(genzoo("reconstruct", vae_run.path, tmp_path / "none"))
    assert message == f"{tmp_path}/none holds no picture"
    assert refused(genzoo("reconstruct", moons_run.path, text)) == "this model takes no pictures"


def test_files_are_seen_as_the_run_saw_its_data(tmp_path: Path) -> None:
    """A run on black and white images is given grey ones black and white too, as every other command gives them."""
    words = ("--epochs", 1, "--binarize", "threshold")
    run = trained(tmp_path / "runs", "vae", "--dataset", "digits", *words)
    file, out = picture(tmp_path / "grey.png", (8, 8)), tmp_path / "r.npy"
    assert genzoo("reconstruct", run.path, file, "--out", out).code == 0
    bits = torch.from_numpy((np.asarray(Image.open(file)) > 127).astype(np.float32))[None, None]
    with torch.no_grad():
        np.testing.assert_allclose(np.load(out), run.model.reconstruct(bits).numpy(), atol=1e-6)  # type: ignore[operator]


@pytest.mark.usefixtures("drawn_figures")
def test_points_are_reconstructed_as_a_scatter(moons_run: Run, tmp_path: Path) -> None:
    assert genzoo("reconstruct", moons_run.path, "-n", 50, "--out", tmp_path / "r.png").code == 0
    with Image.open(tmp_path / "r.png") as drawn:
        assert drawn.size == (720, 720)
