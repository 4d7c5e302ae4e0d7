"""The codes of a run as data: their distribution, a model of them, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import genzoo, refused, trained
from PIL import Image
from registered_data import dataset, load
from scipy.stats import kstest

import genzoo as library
from genzoo.core.distributions import DiagGaussian
from genzoo.core.model import LatentModel
from genzoo.core.noise import content_keys
from genzoo.figures import samples as figures
from genzoo.figures.context import FigureContext
from genzoo.figures.draw import draw_samples
from genzoo.registry.current import registry
from genzoo.runs.reference import pin
from genzoo.runs.run import Run
from genzoo.testing.dataset_checks import DATASET, DatasetTarget

FLOW = ("flow-matching", "--dataset", "codes", "--width", 32, "--depth", 1, "--steps", 5)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("first")
    net = ("--latent-dim", 3, "--hidden", 16, "--standardize", "global")
    return trained(folder, "vae", "--dataset", "digits", "--epochs", 2, *net)


@pytest.fixture(scope="module")
def second(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("second"), *FLOW, "--data.on", first.path, "--epochs", 3)


def model_of(run: Run) -> LatentModel:
    assert isinstance(run.model, LatentModel)
    return run.model


@torch.no_grad()
def test_codes_are_samples_of_the_posterior(first: Run) -> None:
    x = library.load_data(first)["train"].batch(torch.arange(1257)).x
    z = load("codes", on=str(first.path)).train.x[:]
    q = model_of(first).posterior(x)
    assert isinstance(q, DiagGaussian)
    noise = (z - q.mean) / (0.5 * q.log_var).exp()
    assert kstest(noise.flatten().numpy(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise.T.numpy()) - np.eye(3)).max() < 0.1


@torch.no_grad()
def test_a_code_depends_on_its_example_only(first: Run) -> None:
    data = library.load_data(first)["test"]
    codes = load("codes", on=str(first.path)).test
    for number in (0, 7, 359):
        index = torch.tensor([number])
        with library.of_examples(content_keys(data.x[index])):
            alone = model_of(first).posterior(data.batch(index).x).rsample()
        torch.testing.assert_close(codes.x[index], alone, rtol=1e-5, atol=1e-6)
    assert codes.y is not None
    assert data.y is not None
    assert torch.equal(codes.y, data.y)


def test_decoding_is_the_first_model_s_in_the_units_of_its_data(first: Run) -> None:
    z = torch.randn(5, 3)
    model = model_of(first)
    expected = (model.decode(z) * model.spec.scale + model.spec.shift).detach()
    assert model.spec.scale != 1
    assert torch.equal(dataset("codes", on=str(first.path)).decode(z), expected)


def test_codes_pass_the_checks_of_every_dataset(first: Run) -> None:
    target = DatasetTarget(replace(registry().get("dataset", "codes"), options={"on": str(first.path)}))
    found = {name: check(target) for name, check in DATASET.items() if name != "log-density"}
    assert found == {**dict.fromkeys(found), "factors": "it has no factors"}


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> Run:
    options = ("--codes", 8, "--levels", 1, "--width", 8, "--residual-blocks", 0)
    return trained(tmp_path_factory.mktemp("quantised"), "vq-vae", "--dataset", "digits", "--epochs", 1, *options)


@pytest.mark.parametrize("vectors", [True, False])
def test_a_grid_of_codes_is_decoded_to_its_reconstruction(vectors: bool, quantised: Run) -> None:
    found = dataset("codes", on=str(quantised.path), vectors=vectors)
    assert found.spec.shape == ((4 * 4 * 4,) if vectors else (4 * 4,))
    z = load("codes", on=str(quantised.path), vectors=vectors).test.x[:6]
    data = library.load_data(quantised)["test"]
    again = model_of(quantised).reconstruct(data.batch(torch.arange(6)).x).detach()
    torch.testing.assert_close(found.decode(z), again)


@torch.no_grad()
def test_tokens_are_the_codes_plus_1_row_by_row(quantised: Run) -> None:
    spec, test = dataset("codes", on=str(quantised.path)).spec, load("codes", on=str(quantised.path)).test
    assert (spec.kind, spec.levels, spec.grid, spec.likelihood) == ("tokens", 9, (4, 4), "")
    assert test.x.dtype == torch.int8
    x = library.load_data(quantised)["test"].batch(torch.arange(5)).x
    model = model_of(quantised)
    assert isinstance(model, library.Tokeniser)
    assert torch.equal(test.x[:5].long(), model.codes(x).flatten(1) + 1)


def test_a_transformer_of_the_codes_draws_pictures(quantised: Run, tmp_path: Path) -> None:
    net = ("--width", 16, "--depth", 1, "--heads", 2)
    run = trained(tmp_path, "transformer", "--dataset", "codes", "--data.on", quantised.path, "--epochs", 1, *net)
    assert run.model.spec.grid == (4, 4)
    assert genzoo("sample", run.path, "-n", 5, "--out", tmp_path / "x.npy").code == 0
    tokens, _ = draw_samples(run.model, None, 5)
    assert int(tokens.min()) > 0
    assert np.load(tmp_path / "x.npy") == pytest.approx(dataset("codes", on=str(quantised.path)).decode(tokens).numpy())
    assert np.load(tmp_path / "x.npy").shape == (5, 1, 8, 8)


def test_samples_are_decoded_by_the_first_model(first: Run, second: Run, tmp_path: Path) -> None:
    assert genzoo("sample", second.path, "-n", 9, "--out", tmp_path / "x.npy").code == 0
    z, _ = draw_samples(second.model, None, 9)
    assert np.load(tmp_path / "x.npy") == pytest.approx(dataset("codes", on=str(first.path)).decode(z).numpy())
    assert genzoo("sample", second.path, "-n", 9, "--out", tmp_path / "x.png").code == 0
    with Image.open(tmp_path / "x.png") as drawn:
        assert drawn.size[0] > 100


def test_figures_show_what_the_codes_stand_for(
    first: Run, second: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[torch.Tensor] = []
    monkeypatch.setattr(figures, "save_grid", lambda path, images, title: drawn.append(images))
    codes = dataset("codes", on=str(first.path))
    figures.samples(FigureContext(second, second.model, library.load_data(second), codes), tmp_path / "x.png")
    torch.testing.assert_close(drawn[0], codes.decode(draw_samples(second.model, None, 64)[0]))
    own = trained(tmp_path / "runs", "vae", "--dataset", "codes", "--data.on", first.path, "--epochs", 1)
    drawn.clear()
    monkeypatch.setattr(figures, "save_pairs", lambda path, x, again, title: drawn.extend([x, again]))
    figures.reconstructions(FigureContext(own, own.model, library.load_data(own), codes), tmp_path / "x.png")
    z = load("codes", on=str(first.path)).test.x[:30]
    torch.testing.assert_close(drawn[0], codes.decode(z))
    torch.testing.assert_close(drawn[1], codes.decode(model_of(own).reconstruct(z).detach()))


def test_the_record_names_the_first_run_and_the_digest_of_its_model(first: Run, second: Run) -> None:
    pinned = pin(first.path)
    assert second.record["runs"] == {"data.on": {"path": str(first.path), "sha256": pinned.digest}}
    assert second.plain_config["data"]["on"] == str(pinned)
    assert second.record["data"]["codes"]["sha256"]["model.safetensors"] == pinned.digest


def test_a_resumed_run_is_the_run_without_a_pause(first: Run, second: Run, tmp_path: Path) -> None:
    run = trained(tmp_path, *FLOW, "--data.on", first.path, "--epochs", 1)
    assert genzoo("resume", run.path, "--epochs", 3, "--quiet").code == 0
    weights = Run(run.path).model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in second.model.state_dict().items())


@pytest.mark.long
def test_a_first_run_that_is_gone_or_moved(first: Run, tmp_path: Path) -> None:
    runs, there, moved = tmp_path / "runs", tmp_path / "there", tmp_path / "moved"
    shutil.copytree(first.path, there)
    run = trained(runs, *FLOW, "--data.on", there, "--epochs", 1)
    there.rename(moved)
    for verb in ("sample", "evaluate", "resume"):
        result = genzoo(verb, run.path, *(["--epochs", 2] if verb == "resume" else []))
        assert refused(result) == f"{there}, whose model is needed here, is gone"
        assert f"genzoo {verb} {run.path} --data.on PATH" in result.err
    assert genzoo("sample", run.path, "-n", 4, "--data.on", moved).code == 0
    assert genzoo("evaluate", run.path, "--data.on", moved).code == 0
    assert genzoo("resume", run.path, "--epochs", 2, "--quiet", "--data.on", moved).code == 0
    assert Run(run.path).plain_config["data"]["on"] == str(pin(moved))


def test_another_first_run_is_refused(first: Run, second: Run, tmp_path: Path) -> None:
    there = tmp_path / "there"
    shutil.copytree(first.path, there)
    run = trained(tmp_path / "runs", *FLOW, "--data.on", there, "--epochs", 1)
    for verb in ("sample", "evaluate", "resume"):
        message = refused(genzoo(verb, run.path, "--data.on", second.path))
        assert message == f"--data.on {second.path}: its model is not the one that was used"
    was, now = pin(first.path).digest[:8], pin(second.path).digest[:8]
    shutil.copy(second.path / "model.safetensors", there)
    for verb in ("sample", "evaluate", "resume"):
        message = refused(genzoo(verb, run.path, *(["--epochs", 2] if verb == "resume" else [])))
        assert message == f"{there} has another model than the one that is needed here: {now}…, not {was}…"
    result = genzoo("run", "--config", run.path / "config.json", "--epochs", 1)
    assert refused(result).startswith(f"{there} has another model")
    assert "--data.on RUN" in result.err


def test_a_run_without_codes_is_refused(second: Run, tmp_path: Path) -> None:
    def message(*words: object) -> str:
        return refused(genzoo("run", "vae", "--dataset", "codes", "--epochs", 1, "--runs", tmp_path, *words))

    assert message() == "codes need a run"
    assert message("--data.on", second.path) == f"{second.path} has no codes: flow-matching has no encoder"
    assert message("--data.on", "@last") == f"--data.on @last: no runs in {tmp_path}/"
    assert not list(tmp_path.iterdir())
