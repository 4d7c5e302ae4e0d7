"""A standardised view of a dataset: it is saved with the model, and inverted wherever values are shown."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import genzoo
from genzoo.cli.loading import load_data
from genzoo.cli.main import main
from genzoo.core.dataset import DataSpec, Split
from genzoo.data.resident import Resident
from genzoo.evaluation.baselines import pca_mse
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.reporting.format import notes

CPU = torch.device("cpu")


def test_without_standardising_nothing_is_touched() -> None:
    x = torch.rand(3, 2)
    spec = DataSpec((2,), "gaussian")
    assert spec.view(x) is x
    assert spec.original(x) is x


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> genzoo.Run:
    """An epoch of a small VAE on standardised digits."""
    out = tmp_path_factory.mktemp("views") / "run"
    return genzoo.run("vae", "digits", out=out, quiet=True, standardize="global", epochs=3, lr=3e-3)


def pixels(name: str) -> Tensor:
    cls = registry().get("dataset", "digits").load()
    split: Split = getattr(cls(cls.Config()).load(None), name)
    return split.x.double() / 255


def test_the_view_is_that_of_the_training_data_and_is_saved_with_the_model(run: genzoo.Run) -> None:
    train = pixels("train")
    spec = genzoo.load(run.path).spec
    assert (spec.shift, spec.scale) == pytest.approx((train.mean().item(), train.std(correction=0).item()))
    assert spec.likelihood == "gaussian-learned"


def test_evaluating_again_sees_the_same_view(run: genzoo.Run) -> None:
    data = load_data(run)["test"]
    figures = evaluate(run.model, data, find_metrics(registry()))
    assert figures["mse"] == pytest.approx(run.results["test"]["mse"], rel=1e-6)
    assert figures["negative_elbo"] == pytest.approx(run.results["test"]["negative_elbo"], rel=1e-6)


def test_errors_are_in_the_datas_own_units_beside_pca_in_the_same(run: genzoo.Run) -> None:
    x = pixels("test")
    again = run.model.spec.original(run.model.reconstruct(run.model.spec.view(x.float()))).double()
    mse = (again - x).square().mean().item()
    assert run.results["test"]["mse"] == pytest.approx(mse, rel=1e-4)
    train, test = (Resident(Split((255 * pixels(name)).round().byte()), CPU) for name in ("train", "test"))
    plain = pca_mse(train, test, 20)
    assert plain is not None
    pca = run.results["baselines"]["pca"]["mse"]
    assert pca == pytest.approx(plain, rel=1e-4)


def test_pictures_are_in_the_datas_own_units(run: genzoo.Run, capsys: pytest.CaptureFixture[str]) -> None:
    originals, out = pixels("test"), run.path / "figures"
    assert main(["reconstruct", str(run.path), "-n", "200", "--out", str(out / "again.npy")]) == 0
    again = torch.from_numpy(np.load(out / "again.npy"))
    view = run.model.spec.view(originals[:200].float())
    torch.testing.assert_close(again, run.model.spec.original(run.model.reconstruct(view)).detach())
    # Three epochs are better than the mean picture, but only in the right units.
    assert (again - originals[:200]).square().mean() < 0.8 * originals.var()
    assert main(["sample", str(run.path), "-n", "500", "--out", str(out / "new.npy")]) == 0
    new = np.load(out / "new.npy")
    assert new.mean() == pytest.approx(originals.mean().item(), abs=0.1)
    assert {path.stem for path in out.glob("*.png")} >= {"samples", "reconstructions", "curves"}
    capsys.readouterr()


def test_a_picture_file_is_seen_as_the_training_data_were(
    run: genzoo.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = pixels("test")[:1].float()
    Image.fromarray((255 * picture[0, 0]).round().byte().numpy()).save(tmp_path / "0.png")
    assert main(["reconstruct", str(run.path), str(tmp_path / "0.png"), "--out", str(tmp_path / "again.npy")]) == 0
    view, spec = run.model.spec.view(picture), run.model.spec
    expected = run.model.reconstruct(view).detach()
    torch.testing.assert_close(torch.from_numpy(np.load(tmp_path / "again.npy")), spec.original(expected))
    error = (spec.original(expected) - picture).square().mean().item()
    assert float(capsys.readouterr().out.split()[2]) == pytest.approx(error, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "measure", "remarked"),
    [
        ({}, "none", True),
        ({"binarize": "static"}, "probability", False),
        ({"likelihood": "discretised-logistic"}, "probability", False),
        ({"likelihood": "continuous-bernoulli"}, "density", False),
    ],
    ids=str,
)
def test_results_say_what_their_likelihood_measures(
    tmp_path: Path, options: dict[str, str], measure: str, remarked: bool
) -> None:
    results = genzoo.run("vae", "digits", out=tmp_path / "run", quiet=True, epochs=1, **options).results
    assert results["measure"] == measure
    assert any("not a density" in line for line in notes(results)) is remarked
    assert math.isfinite(results["test"]["negative_elbo"])
