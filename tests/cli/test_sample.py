"""`genzoo sample`."""

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


@pytest.mark.usefixtures("drawn_figures")
@pytest.mark.parametrize(("n", "size"), [(1, (732, 760)), (5, (712, 515)), (64, (669, 697))])
def test_samples_as_a_picture(vae_run: Run, tmp_path: Path, n: int, size: tuple[int, int]) -> None:
    out = tmp_path / "s.png"
    result = genzoo("sample", vae_run.path, "-n", n, "--out", out)
    assert (result.code, result.out, result.err) == (0, f"{out}\n", "")
    with Image.open(out) as picture:
        assert picture.size == size


def test_samples_as_numbers_are_a_function_of_the_seed(vae_run: Run, tmp_path: Path) -> None:
    def drawn(name: str, *words: object) -> np.ndarray:
        assert genzoo("sample", vae_run.path, "-n", 9, "--out", tmp_path / f"{name}.npy", *words).code == 0
        values: np.ndarray = np.load(tmp_path / f"{name}.npy", allow_pickle=False)
        return values

    first = drawn("a")
    assert (first.shape, first.dtype) == ((9, 1, 8, 8), np.float32)
    assert np.array_equal(first, drawn("b"))
    assert np.array_equal(first, drawn("c", "--seed", 0))
    assert not np.array_equal(first, drawn("d", "--seed", 1))
    assert 0 <= first.min() < first.max() <= 1


def test_samples_lie_in_the_run_folder_by_default(vae_run: Run) -> None:
    result = genzoo("sample", vae_run.path, "-n", 4, "--seed", 3)
    assert result.out == f"{vae_run.path}/figures/samples-4-seed3.png\n"
    Path(result.out.strip()).unlink()


def titles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every title that is drawn from now on."""
    from matplotlib.axes import Axes

    from genzoo.figures import image_grid

    seen: list[str] = []
    set_title, save_grids = Axes.set_title, image_grid.save_grids

    def noted_grids(path: Path, grids: object, title: str, *args: object, **kwargs: object) -> None:
        seen.append(title)
        save_grids(path, grids, title, *args, **kwargs)  # type: ignore[arg-type]

    def noted(self: Axes, label: str, *args: object, **kwargs: object) -> object:
        seen.append(label)
        return set_title(self, label, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Axes, "set_title", noted)
    monkeypatch.setattr(image_grid, "save_grids", noted_grids)
    return seen


def test_a_picture_says_where_its_samples_come_from(
    vae_run: Run, ae_run: Run, moons_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = titles(monkeypatch)
    for run in (vae_run, ae_run, moons_run):
        assert genzoo("sample", run.path, "-n", 20, "--out", tmp_path / "s.png").code == 0
    assert seen == [
        "20 samples, z from the prior",
        "20 samples, z from gaussian, fitted to training codes",
        "20 samples, z from the prior",
    ]


@pytest.mark.usefixtures("drawn_figures")
def test_points_are_drawn_beside_the_data(moons_run: Run, tmp_path: Path) -> None:
    assert genzoo("sample", moons_run.path, "-n", 500, "--out", tmp_path / "s.png").code == 0
    with Image.open(tmp_path / "s.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
    assert any(b > 140 and r < 90 for r, _, b in colours), "the data's blue"
    assert any(r > 200 and b < 90 for r, _, b in colours), "the model's orange"


@pytest.mark.parametrize("sampler", ["prior", "gaussian", "gmm:3"])
def test_codes_come_from_the_given_sampler(vae_run: Run, sampler: str, tmp_path: Path) -> None:
    numbers = tmp_path / "s.npy"
    assert genzoo("sample", vae_run.path, "-n", 20, "--sampler", sampler, "--out", numbers).code == 0
    own = tmp_path / "own.npy"
    assert genzoo("sample", vae_run.path, "-n", 20, "--out", own).code == 0
    assert np.array_equal(np.load(numbers), np.load(own)) == (sampler == "prior")


def test_a_sampler_is_fitted_once_and_used_by_samples_and_metrics(ae_run: Run, tmp_path: Path) -> None:
    """In Python too, where a run or its model draws. The data are not read again."""
    words = ("sample", ae_run.path, "-n", 5, "--sampler", "gmm:4", "--out", tmp_path / "s.npy")
    assert "sampler gmm:4 fitted to 1,257 codes of the training data" in genzoo(*words).err
    first = np.load(tmp_path / "s.npy")
    again = genzoo(*words, "--data-root", tmp_path)
    assert (again.code, again.err) == (0, f"genzoo: replaced {tmp_path / 's.npy'}, which was there already\n")
    assert np.array_equal(first, np.load(tmp_path / "s.npy"))
    assert np.array_equal(first, package.sample(ae_run, 5, sampler="gmm:4").numpy())
    assert not np.array_equal(first, package.sample(ae_run, 5).numpy())  # the default of a model without a prior
    with pytest.raises(package.UsageError, match="is fitted to training data, which a model does not have"):
        package.sample(ae_run.model, 5, sampler="gmm:4")
    with pytest.raises(package.UsageError, match="AE has no prior"):
        package.sample(ae_run.model, 5)


def test_a_sampler_that_does_not_suit_is_refused(ae_run: Run, tmp_path: Path) -> None:
    result = genzoo("sample", ae_run.path, "--sampler", "prior", "--out", tmp_path / "s.npy")
    assert refused(result) == "--sampler prior: ae has no prior p(z)"
    result = genzoo("sample", ae_run.path, "--sampler", "gnm:10", "--out", tmp_path / "s.npy")
    assert refused(result) == "no sampler named 'gnm'. Did you mean 'gmm'?"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-n 0", "-n and --batch-size must be at least 1"),
        ("-n -3", "-n and --batch-size must be at least 1"),
        ("-n x", "argument -n: invalid int value: 'x'"),
        ("--out x.pdf", "--out x.pdf: not .png, .jpg, .jpeg, .webp, .npy, .txt, .wav or .csv"),
        ("--out no/such/folder/x.png", "--out no/such/folder/x.png: no folder no/such/folder"),
        ("--out figures/x.png", "--out figures/x.png: no folder figures"),
    ],
)
def test_sample_refuses(
    vae_run: Run, words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(genzoo("sample", vae_run.path, *words.split())) == message
    assert not list(tmp_path.iterdir())


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
    out.unlink(missing_ok=True)
    result = genzoo("sample", run.path, "--out", out, *words)
    assert (result.code, result.err) == (0, "")
    values: np.ndarray = np.load(out, allow_pickle=False)
    return [float(value) for value in (9 * values[:, 0, 0, 0]).round(4)]


def test_the_classes_asked_for_are_drawn(run: Run, tmp_path: Path) -> None:
    assert shades(run, tmp_path, "--class", 3) == [3] * 64
    assert shades(run, tmp_path, "--class", 3, "-n", 5) == [3] * 5
    assert shades(run, tmp_path, "--class", "7,2", "-n", 2) == [7, 7, 2, 2]
    assert shades(run, tmp_path, "--class", "2-4,0", "-n", 1) == [2, 3, 4, 0]
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
        ("--class 1 --sampler gmm:2", "--class draws codes from the prior, not with this --sampler"),
        ("--class 1 -n 0", "-n and --batch-size must be at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(run: Run, words: str, said: str) -> None:
    assert refused(genzoo("sample", run.path, *words.split())) == said


def test_a_model_that_is_not_conditional_cannot_be_asked(vae_run: Run) -> None:
    said = "--class 3: vae is not a conditional model"
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
