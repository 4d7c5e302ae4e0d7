"""`genzoo evaluate` and `genzoo sample`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import genzoo, refused
from PIL import Image
from torch import Tensor

import genzoo as package
from genzoo.core.text import number
from genzoo.evaluation.sampling import fitted_codes
from genzoo.runs.run import Run


def bare(figures: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in figures.items() if name not in ("run", "split", "samples", "seed")}


# evaluate


@pytest.mark.parametrize("fixture", ["vae_run", "ae_run", "moons_run"])
def test_evaluate_gives_the_figures_of_the_run(fixture: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(fixture)
    for split in ("test", "validation"):
        result = genzoo("evaluate", run.path, "--split", split, "--json")
        assert (result.code, result.err) == (0, "")
        assert bare(json.loads(result.out)) == run.results[split]


@pytest.mark.parametrize("size", [1, 7, 128])
def test_the_batch_size_does_not_change_the_figures(vae_run: Run, size: int) -> None:
    found = json.loads(genzoo("evaluate", vae_run.path, "--batch-size", size, "--json").out)
    expected = vae_run.results["test"]
    for name in ("negative_elbo", "reconstruction", "kl", "mse", "active_units"):
        assert found[name] == pytest.approx(expected[name], rel=1e-5)


def test_evaluate_prints_a_table(vae_run: Run) -> None:
    result = genzoo("evaluate", vae_run.path)
    header, *rows = result.out.splitlines()
    assert re.split("  +", header.strip()) == ["test (360)", "± over examples"]
    shown = {label: values for label, *values in (re.split("  +", row.strip()) for row in rows)}
    test = vae_run.results["test"]
    for label, name in {"−ELBO (nats)": "negative_elbo", "KL (nats)": "kl"}.items():
        assert shown[label] == [number(test[name]), f"{test['standard_error'][name]:.2g}"]
    assert shown["active units"] == [number(test["active_units"])]


def test_evaluate_takes_only_the_metrics_asked_for(vae_run: Run) -> None:
    values = json.loads(genzoo("evaluate", vae_run.path, "--metrics", "kl,mse", "--json").out)
    assert set(bare(values)) == {"n", "kl", "mse", "standard_error", "monte_carlo_error", "not_available"}
    assert values["monte_carlo_error"] == {"kl": None, "mse": None}
    assert values["kl"] == vae_run.results["test"]["kl"]
    assert values["split"] == "test"


def test_the_whole_training_split_can_be_evaluated(vae_run: Run) -> None:
    assert json.loads(genzoo("evaluate", vae_run.path, "--split", "train", "--json").out)["n"] == 1257


def test_figures_that_cannot_be_had_say_why(ae_run: Run) -> None:
    values = json.loads(genzoo("evaluate", ae_run.path, "--json").out)
    assert values["kl"] is None
    assert values["not_available"]["kl"] == "no prior p(z)"


def test_figures_that_are_not_finite_are_told(vae_run: Run, tmp_path: Path) -> None:
    from genzoo.runs.model_file import save_model

    copy = tmp_path / "broken"
    shutil.copytree(vae_run.path, copy)
    model = vae_run.model
    broken = package.load(copy)
    with torch.no_grad():
        next(iter(broken.decoder.parameters())).fill_(3e38)  # type: ignore[union-attr]
    from genzoo.registry.current import registry

    save_model(copy / "model.safetensors", broken, registry().get("model", "vae"))
    result = genzoo("evaluate", copy, "--json")
    assert json.loads(result.out)["negative_elbo"] == "nan"
    assert " nan\n" in genzoo("evaluate", copy).out
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--metrics kl,elbow", "no metric named 'elbow'"),
        ("--metrics ,", "no metric named ''"),
        ("--split tets", "argument --split: invalid choice: 'tets'"),
        ("--batch-size 0", "-n and --batch-size must be at least 1"),
        ("--batch-size x", "argument --batch-size: invalid int value: 'x'"),
        ("--device cuda:99", "--device cuda:99, but torch sees"),
        ("--device foo", "--device foo: no such kind of device"),
        ("--frobnicate", "unrecognised: --frobnicate"),
    ],
)
def test_evaluate_refuses(vae_run: Run, words: str, message: str) -> None:
    assert refused(genzoo("evaluate", vae_run.path, *words.split())).startswith(message)


def test_evaluate_refuses_a_split_that_is_not_there(tmp_path: Path) -> None:
    package.run("vae", "moons", data={"validation": 0}, epochs=1, out=tmp_path / "run", quiet=True)
    message = refused(genzoo("evaluate", tmp_path / "run", "--split", "validation"))
    assert message.endswith("was trained with no validation data")


# sample


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


def test_samples_lie_in_the_run_folder_unless_told_otherwise(vae_run: Run) -> None:
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
        "20 samples, z from a Gaussian fitted to training codes",
        "20 samples, z from the prior",
    ]


@pytest.mark.usefixtures("drawn_figures")
def test_points_are_drawn_beside_the_data(moons_run: Run, tmp_path: Path) -> None:
    assert genzoo("sample", moons_run.path, "-n", 500, "--out", tmp_path / "s.png").code == 0
    with Image.open(tmp_path / "s.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
    assert any(b > 140 and r < 90 for r, _, b in colours), "the data's blue"
    assert any(r > 200 and b < 90 for r, _, b in colours), "the model's orange"


def test_fitted_codes_have_the_codes_mean_and_covariance(ae_run: Run) -> None:
    from genzoo.data.resident import Resident
    from genzoo.data.store import Store
    from genzoo.registry.current import registry

    split = registry().get("dataset", "digits").load()(ae_run.config.data_config).load(Store()).train
    data = Resident(split, torch.device("cpu"))
    model = ae_run.model
    with torch.no_grad():
        codes: Tensor = model.encode(data.batch(torch.arange(len(data))).x)  # type: ignore[operator]
        torch.manual_seed(0)
        drawn = fitted_codes(model, data, 1, 40_000)  # type: ignore[arg-type]
    scale = codes.std(0)
    assert ((drawn.mean(0) - codes.mean(0)) / scale).abs().max() < 0.03  # σ of the mean: 0.005
    assert (drawn.T.cov() - codes.T.cov()).abs().max() / scale.max() ** 2 < 0.05


@pytest.mark.parametrize("sampler", ["prior", "gaussian", "gmm:3"])
def test_codes_come_from_where_they_were_asked_for(vae_run: Run, sampler: str, tmp_path: Path) -> None:
    numbers = tmp_path / "s.npy"
    assert genzoo("sample", vae_run.path, "-n", 20, "--sampler", sampler, "--out", numbers).code == 0
    own = tmp_path / "own.npy"
    assert genzoo("sample", vae_run.path, "-n", 20, "--out", own).code == 0
    assert np.array_equal(np.load(numbers), np.load(own)) == (sampler == "prior")


def test_a_sampler_that_does_not_suit_is_refused(ae_run: Run, tmp_path: Path) -> None:
    result = genzoo("sample", ae_run.path, "--sampler", "prior", "--out", tmp_path / "s.npy")
    assert refused(result) == "--sampler prior: ae has no prior p(z)"
    result = genzoo("sample", ae_run.path, "--sampler", "gnm:10", "--out", tmp_path / "s.npy")
    assert refused(result) == "no sampler 'gnm:10'"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-n 0", "-n and --batch-size must be at least 1"),
        ("-n -3", "-n and --batch-size must be at least 1"),
        ("-n x", "argument -n: invalid int value: 'x'"),
        ("--out x.jpg", "--out x.jpg: not .png or .npy"),
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
