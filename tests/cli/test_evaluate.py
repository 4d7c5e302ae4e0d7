"""`genzoo evaluate`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from commandline import genzoo, refused
from genzoo_plugins.classical.ppca import PPCA

import genzoo as package
from genzoo.core.text import number
from genzoo.reporting.format import half_width
from genzoo.runs.run import Run

OF_THE_COMMAND = ("schema", "verb", "run", "split", "samples", "seed")


def bare(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in OF_THE_COMMAND}


# evaluate
@pytest.mark.parametrize("fixture", ["vae_run", "ae_run", "moons_run"])
def test_evaluate_gives_the_metrics_of_the_run(fixture: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(fixture)
    for split in ("test", "validation"):
        result = genzoo("evaluate", run.path, "--split", split, "--json")
        assert (result.code, result.err) == (0, "")
        found = bare(json.loads(result.out))
        known = found.pop("known_density", None)
        assert (known is not None) == ("known_density" in run.results["baselines"])
        assert found == run.results[split]


@pytest.mark.long
@pytest.mark.parametrize("size", [1, 7, 128])
def test_the_batch_size_does_not_change_the_metrics(vae_run: Run, size: int) -> None:
    found = json.loads(genzoo("evaluate", vae_run.path, "--batch-size", size, "--json").out)
    expected = vae_run.results["test"]
    for name in ("negative_elbo", "reconstruction", "kl", "mse", "active_units"):
        assert found[name] == pytest.approx(expected[name], rel=1e-5)


def test_evaluate_prints_a_table(vae_run: Run) -> None:
    result = genzoo("evaluate", vae_run.path)
    header, *rows = result.out.splitlines()
    assert re.split("  +", header.strip()) == ["test", "± 95 %, examples"]
    shown = {label: values for label, *values in (re.split("  +", row.strip()) for row in rows)}
    test = vae_run.results["test"]
    for label, name in {"−ELBO (nats)": "negative_elbo", "KL (nats)": "kl"}.items():
        assert shown[label] == [number(test[name]), half_width(test["standard_error"][name])]
    assert shown["active units"] == [number(test["active_units"])]
    assert shown["examples"] == ["360"]


def test_several_runs_are_evaluated_one_after_another(vae_run: Run, ae_run: Run) -> None:
    runs, file = (vae_run, ae_run), vae_run.path / "model.safetensors"
    words = ("evaluate", file, ae_run.path, "--metrics", "mse")
    found = json.loads(genzoo(*words, "--json").out)["runs"]
    assert [one["run"] for one in found] == [str(run.path) for run in runs]
    assert [one["mse"] for one in found] == [run.results["test"]["mse"] for run in runs]
    lines = genzoo(*words).out.splitlines()
    assert [line for line in lines if line.startswith("/")] == [str(run.path) for run in runs]
    assert sum("MSE" in line for line in lines) == 2
    assert genzoo("evaluate", vae_run.path, "--metrics", "mse").out.splitlines() == lines[1 : len(lines) // 2]
    result = genzoo("evaluate", vae_run.path, "nosuch")
    assert refused(result)  # before the first is evaluated


def test_evaluate_takes_only_the_metrics_asked_for(vae_run: Run) -> None:
    values = json.loads(genzoo("evaluate", vae_run.path, "--metrics", "kl,mse", "--json").out)
    assert set(bare(values)) == {"n", "kl", "mse", "standard_error", "monte_carlo_error", "not_available"}
    assert values["monte_carlo_error"] == {"kl": None, "mse": None}
    assert values["kl"] == vae_run.results["test"]["kl"]
    assert values["split"] == "test"


def test_the_whole_training_split_can_be_evaluated(vae_run: Run) -> None:
    assert json.loads(genzoo("evaluate", vae_run.path, "--split", "train", "--json").out)["n"] == 1257


def test_metrics_that_are_not_available_say_why(ae_run: Run) -> None:
    values = json.loads(genzoo("evaluate", ae_run.path, "--json").out)
    assert values["kl"] is None
    assert values["not_available"]["kl"] == "no prior p(z)"


def test_metrics_that_are_not_finite_are_shown(vae_run: Run, tmp_path: Path) -> None:
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
        ("--metrics ,", "--metrics ',' names none"),
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


def test_a_density_that_is_better_than_the_truth_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model claims 20 nats too many for each example, in training and afterwards."""
    right = PPCA.log_prob
    monkeypatch.setattr(PPCA, "log_prob", lambda self, x, y=None: right(self, x, y) + 20)
    small = ("--data.train", 200, "--data.validation", 50, "--data.test", 50)
    words = ("run", "ppca", "--dataset", "quadratic", *small, "--out", tmp_path / "run", "--json")
    for command in (words, ("evaluate", tmp_path / "run"), ("evaluate", tmp_path / "run", "--json")):
        (line,) = [line for line in genzoo(*command).err.splitlines() if "no likelihood can" in line]
        assert line.startswith("genzoo: −ln p(x) lies ")
        assert line.endswith("(genzoo check ppca examines it)")
    monkeypatch.undo()
    assert genzoo("evaluate", tmp_path / "run").err == ""
