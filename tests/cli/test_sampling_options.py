"""Sampling options: of a run, of `genzoo sample`, of metrics and in Python; and runs from before they were options."""

from __future__ import annotations

import json
import re
from pathlib import Path

import drawing
import numpy as np
import pytest
import torch
from commandline import genzoo, refused, trained

import genzoo as package
from genzoo.runs.run import Run

WORDS = ("--dataset", "moons", "--epochs", 4, "--width", 16, "--depth", 1, "--lr", 0.01, "--data.test", 60)

SOLVERS = ("euler", "midpoint", "heun")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Flow matching with options of its solver that are not the defaults."""
    return trained(tmp_path_factory.mktemp("flow"), "flow-matching", *WORDS, "--steps", 3, "--solver", "euler")


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A diffusion model, which has a `sampler` of its own."""
    words = ("--timesteps", 20, "--steps", 4, "--model.schedule", "cosine")
    return trained(tmp_path_factory.mktemp("ddpm"), "ddpm", *WORDS, *words)


def drawn(run: Run, folder: Path, *words: object) -> np.ndarray:
    (folder / "x.npy").unlink(missing_ok=True)
    result = genzoo("sample", run.path, "-n", 5, "--out", folder / "x.npy", *words)
    assert (result.code, result.err) == (0, "")
    values: np.ndarray = np.load(folder / "x.npy")
    return values


def test_the_runs_own_are_stored_with_the_models_options(run: Run, tmp_path: Path) -> None:
    stored = json.loads((run.path / "config.json").read_text())["model"]
    assert stored == {"name": "flow-matching", "width": 16, "depth": 1, "steps": 3, "solver": "euler"}
    assert (run.model.sampling.steps, run.model.sampling.solver) == (3, "euler")
    assert package.load(run.path / "model.safetensors").sampling == run.model.sampling
    own = drawn(run, tmp_path)
    assert np.array_equal(own, drawn(run, tmp_path, "--steps", 3))
    assert not np.array_equal(own, drawn(run, tmp_path, "--steps", 4))


def test_the_command_line_and_python_draw_the_same(run: Run, tmp_path: Path) -> None:
    for words in (("--steps", 9, "--solver", "midpoint"), ("--model.steps=9", "--solver=midpoint")):
        found = drawn(run, tmp_path, *words)
        in_python = package.sample(run.model, 5, noise=True, steps=9, solver="midpoint")
        assert np.array_equal(found, in_python.numpy())
    result = genzoo("sample", "--steps", 9, run.path, "--solver", "midpoint", "-n", 5, "--out", tmp_path / "y.npy")
    assert result.code == 0
    assert np.array_equal(np.load(tmp_path / "y.npy"), found)


def test_samples_in_python_are_a_function_of_the_seed(run: Run) -> None:
    one, same, other = (package.sample(run.model, 4, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_picture_says_how_it_was_drawn(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from genzoo.figures import draw

    titles: list[str] = []
    monkeypatch.setattr(draw, "scatter", lambda path, real, new, title: titles.append(title))
    with drawing.drawn():
        paths = [genzoo("sample", run.path, "-n", 4, *words).out.strip() for words in ((), ("--steps", 8))]
    how = "4 samples, drawn by the model, steps"
    assert titles == [f"{how} 3, solver euler", f"{how} 8, solver euler"]
    assert [Path(path).name for path in paths] == ["samples-4-seed0.png", "samples-4-seed0-steps8.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--stepz 3", "no sampling option --stepz: this model has --steps, --solver"),
        ("--steps x", "--steps must be a whole number, not 'x'"),
        ("--steps 0", "--steps must be at least 1, not 0"),
        (
            "--solver rk4",
            "invalid choice 'rk4' for argument '--solver'. Expected one of ('euler', 'midpoint', 'heun').",
        ),
        ("--sampler gmm:3", "--sampler gmm:3: flow-matching has no codes to fit a density to"),
    ],
)
def test_what_the_model_does_not_have_is_refused(run: Run, words: str, message: str) -> None:
    assert refused(genzoo(f"sample {run.path} {words}")) == message


def test_a_model_without_sampling_options_says_so(moons_run: Run) -> None:
    assert refused(genzoo(f"sample {moons_run.path} --steps 3")) == "no sampling option --steps: this model has none"
    with pytest.raises(package.UsageError, match="no sampling option --steps: this model has none"):
        package.sample(moons_run.model, 3, steps=3)


def test_a_models_sampler_is_the_models(denoiser: Run, tmp_path: Path) -> None:
    """`--sampler` chooses the source of codes only where there are codes."""
    own, ddim = drawn(denoiser, tmp_path), drawn(denoiser, tmp_path, "--sampler", "ddim")
    assert not np.array_equal(own, ddim)
    assert np.array_equal(ddim, drawn(denoiser, tmp_path, "--model.sampler", "ddim", "--eta", 0))
    assert not np.array_equal(ddim, drawn(denoiser, tmp_path, "--sampler", "ddim", "--eta", 1))
    assert denoiser.config.model_config.schedule == "cosine"
    assert denoiser.config.training.ema == 0.999
    assert refused(genzoo("run ddpm --dataset moons --schedule cosine")) == (
        "--schedule belongs to several sections: write --model.schedule or --train.schedule"
    )


def test_metrics_of_different_steps_are_different_rows(run: Run) -> None:
    names = "sliced-wasserstein:steps=1,sliced-wasserstein:steps=20:solver=midpoint,sliced-wasserstein"
    found = json.loads(genzoo("evaluate", run.path, "--metrics", names, "--json").out)
    keys = ["sliced_wasserstein_steps_1", "sliced_wasserstein_steps_20_solver_midpoint", "sliced_wasserstein"]
    values = [found[key] for key in keys]
    assert len(set(values)) == 3
    assert [found["details"][key].get("sampling") for key in keys] == [
        {"steps": 1, "solver": "euler"},
        {"steps": 20},
        {"steps": 3, "solver": "euler"},
    ]
    assert found["details"][keys[0]]["note"].endswith(", steps 1, solver euler")
    own = "sliced-wasserstein:steps=3:solver=euler"
    again = json.loads(genzoo("evaluate", run.path, "--metrics", own, "--json").out)
    assert again["sliced_wasserstein_steps_3_solver_euler"] == values[2]
    rows = genzoo("evaluate", run.path, "--metrics", names).out
    assert "sliced Wasserstein distance, steps=20:solver=midpoint" in rows


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("sliced-wasserstein:stepz=1", "unknown option 'stepz'. Did you mean 'steps'?"),
        ("sliced-wasserstein:steps=x", "--steps must be a whole number, not 'x'"),
    ],
)
def test_metrics_with_options_that_the_model_does_not_have_are_refused(run: Run, metric: str, message: str) -> None:
    message = f"--metrics {metric}: {message}"
    assert refused(genzoo("evaluate", run.path, "--metrics", metric)) == message
    words = f"run flow-matching --dataset moons --metrics {metric}"
    assert refused(genzoo(words)) == message


def test_a_run_evaluates_with_the_options_that_it_asks_for(tmp_path: Path) -> None:
    run = trained(tmp_path, "flow-matching", *WORDS, "--metrics", "sliced-wasserstein:steps=2,sliced-wasserstein")
    test = run.results["test"]
    assert test["sliced_wasserstein_steps_2"] != test["sliced_wasserstein"]
    assert test["details"]["sliced_wasserstein_steps_2"]["sampling"] == {"steps": 2}
    assert "sampling" not in test["details"]["sliced_wasserstein"]


def test_the_help_of_a_run_shows_its_own(run: Run, moons_run: Run) -> None:
    shown = genzoo("sample", run.path, "--help").out
    own = " ".join(shown.partition("sampling options of flow-matching:\n")[2].split())
    assert re.search(r"--steps INT [^(]*\(default: 3\)", own)
    assert re.search(r"--solver \{euler,midpoint,heun\} [^(]*\(default: euler\)", own)
    assert "vae has no sampling options of its own" in genzoo("sample", moons_run.path, "--help").out
    assert "sampling options of" not in genzoo("sample", "--help").out
    assert refused(genzoo("sample", "nowhere", "--runs", run.path.parent, "--help")).startswith("no run 'nowhere'")


def test_info_shows_them() -> None:
    assert "--steps INT" in genzoo("info flow-matching").out
    assert "--sampler {ancestral,ddim}" in genzoo("info ddpm").out
    assert "trained with ema 0.999" in " ".join(genzoo("info ddpm").out.split())
