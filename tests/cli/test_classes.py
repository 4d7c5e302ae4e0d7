"""`genzoo sample --class`, and the figure of a conditional model."""

from __future__ import annotations

from pathlib import Path

import drawing
import numpy as np
import pytest
import torch
from commandline import genzoo, refused
from genzoo_plugins.vae.vae import VAE
from PIL import Image
from torch import Tensor

import genzoo as package
from genzoo.runs.run import Run


class Shaded(VAE):
    """A VAE whose samples are as bright as their class: class c of C is c/(C − 1) throughout, none given is −1."""

    conditional = True

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        shade = torch.zeros(n) if y is None else y / (self.spec.classes - 1)
        return shade.view(-1, 1, 1, 1).expand(n, *self.spec.shape)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    package.register_model("shaded", Shaded, loss="elbo")
    folder = tmp_path_factory.mktemp("shaded") / "run"
    with drawing.drawn():
        return package.run("shaded", "digits", out=folder, epochs=1, hidden=(8,), quiet=True)


def shades(run: Run, folder: Path, *words: object) -> list[float]:
    out = folder / "s.npy"
    result = genzoo("sample", run.path, "--out", out, *words)
    assert (result.code, result.err) == (0, "")
    values: np.ndarray = np.load(out, allow_pickle=False)
    return [float(value) for value in (9 * values[:, 0, 0, 0]).round(4)]


def test_the_classes_asked_for_are_drawn(run: Run, tmp_path: Path) -> None:
    assert shades(run, tmp_path, "--class", 3) == [3] * 64
    assert shades(run, tmp_path, "--class", 3, "-n", 5) == [3] * 5
    assert shades(run, tmp_path, "--class", "7,2", "-n", 2) == [7, 7, 2, 2]
    assert shades(run, tmp_path, "--class", "all") == [c for c in range(10) for _ in range(8)]
    assert shades(run, tmp_path, "-n", 3) == [0, 0, 0]


@pytest.mark.usefixtures("drawn_figures")
def test_a_picture_has_a_row_a_class(run: Run) -> None:
    result = genzoo("sample", run.path, "--class", "0,9", "-n", 4)
    out = Path(result.out.strip())
    assert out.name == "samples-8-seed0-class0-9.png"
    with Image.open(out) as picture:
        grey = np.asarray(picture.convert("L")).astype(int)
    black = np.flatnonzero(grey[:, grey.shape[1] // 7] < 20)  # class 0 is black, and its row above that of class 9
    assert 0.2 < len(black) / len(grey) < 0.5
    assert black[-1] < 0.7 * len(grey)


def test_the_runs_own_figure_has_a_row_a_class(run: Run) -> None:
    with Image.open(run.path / "figures/samples.png") as picture:
        assert picture.height > picture.width  # ten rows of eight


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--class 10", "--class 10: the classes are 0 to 9"),
        ("--class -1", "--class -1: the classes are 0 to 9"),
        ("--class three", "--class three: the classes are 0 to 9"),
        ("--class 1 --sampler gmm:2", "--class draws from the prior, and so not with --sampler"),
        ("--class 1 -n 0", "-n and --batch-size must be at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(run: Run, words: str, said: str) -> None:
    assert refused(genzoo("sample", run.path, *words.split())) == said


def test_a_model_that_is_not_conditional_cannot_be_asked(vae_run: Run) -> None:
    said = "--class 3: vae is not conditional, so nobody can ask it for a class"
    assert refused(genzoo("sample", vae_run.path, "--class", 3)) == said


def test_classes_are_asked_for_by_their_names(tmp_path: Path) -> None:
    package.register_model("shaded", Shaded, loss="elbo")
    rng = np.random.Generator(np.random.Philox(0))
    for names in (["1", "2", "10"], ["cat", "cat, wild", "dog"]):
        data = tmp_path / f"{names[1]}.npz"
        np.savez(data, x=rng.random((30, 4, 4)), y=np.array(names * 10))
        made = package.run("shaded", "npz", data={"path": str(data)}, runs=tmp_path, epochs=1, hidden=(8,), quiet=True)
        for number, name in enumerate(names):
            drawn = shades(made, tmp_path, "--class", name, "-n", 3)
            assert drawn == pytest.approx([9 * number / 2] * 3, abs=1e-3)
        asked = f"{names[2]},{names[0]}"
        assert shades(made, tmp_path, "--class", asked, "-n", 1) == pytest.approx([9, 0], abs=1e-3)
        message = refused(genzoo("sample", made.path, "--class", "0"))
        assert message == f"--class 0: the classes are {', '.join(names)}"
