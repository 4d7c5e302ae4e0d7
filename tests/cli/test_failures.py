"""Runs that go wrong: what is not finite, a plugin's bug, a figure that cannot be drawn."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import torch
from commandline import genzoo, refused, trained
from odd_model import SMALL, plugin, run_odd

import genzoo as package
from genzoo.registry.current import registry
from genzoo.runs.run import Run

POISONS = {
    "loss nan": "loss = loss * torch.nan",
    "loss inf": "loss = loss + torch.inf",
    "gradient nan": "loss = Backwards.apply(loss, torch.nan)",
    "gradient inf": "loss = Backwards.apply(loss, torch.inf)",
}


@pytest.fixture(scope="module")
def eight_steps(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One epoch of the same model with nothing wrong."""
    return trained(tmp_path_factory.mktemp("eight"), "vae", *SMALL, "--epochs", 1)


@pytest.mark.every(2)
@pytest.mark.parametrize("what", POISONS.values(), ids=POISONS)
def test_what_is_not_finite_ends_the_run_before_it_touches_the_weights(
    what: str, tmp_path: Path, eight_steps: Run
) -> None:
    result, run = run_odd(tmp_path, what)
    message = refused(result, 3)
    assert re.sub(r"norm .*", "norm", message) == (
        "the loss or its gradient is not finite at epoch 2, step 9 (batch 1 of 8, gradient norm"
    )
    assert result.err.splitlines()[1:] == [
        "  the weights are those before that step; try --lr 0.0003 or --grad-clip 1",
        f"  go on from there: genzoo resume {run.path} --lr 0.0003",
        f"  saved before it: {run.path}/model.safetensors",
    ]
    saved, expected = package.load(run.path).state_dict(), eight_steps.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in saved.items())
    assert run.record["status"].startswith("failed: NonFiniteError: the loss or its gradient is not finite")
    assert run.record["ended"] > run.record["started"]
    assert [epoch["epoch"] for epoch in run.history] == [1]
    assert not (run.path / "results.json").exists()


def test_whatever_loads_the_model_of_a_failed_run_says_that_it_is_not_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = run_odd(tmp_path, POISONS["loss nan"])
    state = f"genzoo: {run.path} is not finished (failed, 1 of 3 epochs): these are its weights so far"
    embed = ("embed", "--out", tmp_path / "codes.npz")
    for verb, *words in (("sample", "-n", 4), ("evaluate",), ("reconstruct", "-n", 4), embed):
        result = genzoo("-p", tmp_path / "odd.py", verb, run.path, *words)
        assert result.code == 0
        assert result.err.splitlines()[0] == f"{state} (go on: genzoo resume {run.path})"
    capsys.readouterr()
    package.load(run.path)
    package.sample(run.path, 2)
    assert [line.startswith(state) for line in capsys.readouterr().err.splitlines()] == [True, True]
    words = ["run", "vae", "codes", "--data.on", run.path, "--max-steps", 1, "--out", tmp_path / "next", "--quiet"]
    assert genzoo("-p", tmp_path / "odd.py", *words).err.splitlines()[0].startswith(state)
    os.utime(run.path / "model.safetensors", (1e9, 1e9))
    err = genzoo("-p", tmp_path / "odd.py", "evaluate", run.path).err
    assert "(failed, 1 of 3 epochs): these are its weights from before its last session (go on: " in err


def test_of_a_finished_run_nothing_is_said(eight_steps: Run) -> None:
    assert genzoo("evaluate", eight_steps.path).err == ""


def test_after_a_wild_rate_the_rate_of_the_models_registration_is_suggested(tmp_path: Path) -> None:
    file = plugin(tmp_path, POISONS["loss nan"], step=0)
    file.write_text(file.read_text().replace('loss="odd"', 'loss="odd", training={"lr": 0.00025}'))
    result = genzoo("-p", file, "run", "odd", *SMALL, "--lr", 100, "--out", tmp_path / "run", "--quiet")
    assert result.code == 3
    hints = [line.strip() for line in result.err.splitlines()[1:3]]
    assert hints[0] == "the weights are those before that step; try --lr 0.00025 or --grad-clip 1"
    again = f"genzoo run --config {tmp_path}/run/config.json --lr 0.00025"
    assert hints[1] == f"train it anew: {again}"  # a step with such a rate has spoilt the weights
    assert "genzoo resume" not in result.err


@pytest.mark.parametrize("words", ["--ema 0.9", "--grad-clip 1", "--optimizer adamw --weight-decay 0.1"])
def test_what_is_saved_is_finite_with_every_option(words: str, tmp_path: Path) -> None:
    result, run = run_odd(tmp_path, POISONS["gradient nan"], *words.split())
    assert result.code == 3
    assert all(bool(value.isfinite().all()) for value in package.load(run.path).state_dict().values())


def test_the_very_first_step_may_be_the_wrong_one(tmp_path: Path) -> None:
    result, run = run_odd(tmp_path, POISONS["loss nan"], step=0)
    assert refused(result, 3) == (
        "the loss or its gradient is not finite at epoch 1, step 1 (batch 1 of 8, gradient norm nan)"
    )
    assert run.history == []
    package.load(run.path)


def test_python_gets_the_error(tmp_path: Path) -> None:
    from genzoo.registry.current import registry
    from genzoo.registry.discovery import load_file

    load_file(plugin(tmp_path, POISONS["loss nan"]), registry())
    with pytest.raises(package.NonFiniteError, match="not finite at epoch 2"):
        package.run("odd", "moons", epochs=3, batch_size=125, out=tmp_path / "run", quiet=True)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("raise RuntimeError('boom' + chr(10) + 'and more')", "RuntimeError: boom"),
        ("model.encoder(batch.x[:, :1])", "RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        ("{}['key']", "KeyError: 'key'"),
        ("raise ValueError", "ValueError"),
    ],
)
def test_a_bug_of_a_plugin_names_its_line(what: str, error: str, tmp_path: Path) -> None:
    file = plugin(tmp_path, what)
    line = file.read_text().splitlines().index(f"            {what}") + 1
    result, run = run_odd(tmp_path, what)
    first = refused(result, 4).replace("addmm: ", "")  # newer versions of torch name the operator
    assert first.startswith(error)
    assert first.endswith(f", in odd.py:{line}")
    (advice,) = result.err.splitlines()[1:]
    assert advice == f"  at {file}:{line}; this is a fault of that plugin. For the traceback: genzoo --debug …"
    assert run.record["status"].startswith(f"failed: {error.partition(':')[0]}")


@pytest.mark.parametrize("place", ["first", "last"])
def test_debug_shows_the_traceback(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENZOO_DEBUG", "")
    file = plugin(tmp_path, "raise RuntimeError('boom')")
    words = ["-p", file, "run", "odd", *SMALL, "--out", tmp_path / "run", "--quiet"]
    result = genzoo(*(["--debug", *words] if place == "first" else [*words, "--debug"]))
    assert result.code == 4
    assert "Traceback (most recent call last)" in result.err
    assert "raise RuntimeError('boom')" in result.err
    assert "genzoo: RuntimeError: boom, in odd.py:" in result.err


def test_a_plugin_file_may_be_named_after_the_verb(tmp_path: Path) -> None:
    file = plugin(tmp_path, "pass")
    assert "odd" in genzoo("list", "odd", "-p", file).out


def test_a_plugin_file_with_a_bug_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("1 / 0\n")
    assert refused(genzoo("-p", file, "list"), 4) == f"-p {file}: ZeroDivisionError: division by zero"
    assert refused(genzoo("-p", tmp_path, "list")) == f"-p {tmp_path}: no such file"


def test_out_of_memory_says_so(tmp_path: Path) -> None:
    """And what to type; the weights of the steps before are saved, if there were any."""
    memory = "raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 3.1 TiB')"
    result, run = run_odd(tmp_path, memory)
    assert refused(result, 5) == "out of memory in training with batches of 125"
    hint = ["  try --batch-size 62, or a smaller model", f"  saved before it: {run.path / 'model.safetensors'}"]
    assert result.err.splitlines()[1:] == hint
    assert genzoo("evaluate", run.path).code == 0
    assert run.record["status"].startswith("failed: OutOfMemory")


def test_out_of_memory_in_the_first_step_saves_nothing(tmp_path: Path) -> None:
    result, run = run_odd(tmp_path, "raise torch.OutOfMemoryError('CUDA out of memory')", step=0)
    assert refused(result, 5) == "out of memory in training with batches of 125"
    assert not (run.path / "model.safetensors").exists()


def test_out_of_memory_in_the_evaluation_leaves_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr("genzoo.experiment.final_evaluation.evaluate", full)
    out = tmp_path / "run"
    result = genzoo("run", "vae", *SMALL, "--epochs", 1, "--out", out, "--quiet")
    assert refused(result, 5) == "out of memory in the evaluation, with batches of 500"
    assert result.err.splitlines()[1] == f"  the model is saved: genzoo evaluate {out} --batch-size 250"
    monkeypatch.undo()
    assert genzoo("evaluate", out, "--batch-size", 250).code == 0


def test_a_batch_larger_than_the_data_says_so(tmp_path: Path) -> None:
    words = ("--dataset", "moons", "--latent-dim", 2, "--hidden", 8, "--epochs", 1, "--quiet")
    result = genzoo("run", "vae", *words, "--batch-size", 5000, "--out", tmp_path / "run")
    assert result.code == 0
    said = "genzoo: 1,000 training examples and --batch-size 5000 make 1 step in all"
    assert result.err == f"{said}; for more: --batch-size 64 or --epochs 2000\n"


def test_a_mode_that_the_device_does_not_have_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = genzoo("run", "vae", *SMALL, "--device", "cpu", "--mode", "graph", "--out", out)
    assert refused(result, 2) == "--mode=graph captures steps for a CUDA device, and this run is on cpu"
    assert not out.exists()


@pytest.mark.long
def test_a_profiled_run_has_its_trace_and_the_same_results(tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain", "vae", *SMALL, "--epochs", 2)
    out = tmp_path / "profiled"
    result = genzoo("run", "vae", *SMALL, "--epochs", 2, "--out", out, "--profile")
    run = Run(out)
    assert run.results["test"] == plain.results["test"]
    assert run.record["mode"] == {"name": "eager", "why": "auto: compiling gains too little here"}
    assert run.results["training"]["mode"] == "eager"
    assert f"trace       {out / 'trace.json'}" in result.err
    assert "8 steps profiled" in result.err
    assert json.loads((out / "trace.json").read_text())["traceEvents"]


def test_a_disk_that_is_full_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    result = genzoo("run", "vae", *SMALL, "--epochs", 1, "--out", tmp_path / "run", "--quiet")
    assert refused(result, 1) == f"cannot write {tmp_path}/run/config.json: No space left on device"


@pytest.mark.usefixtures("composed_figures")
@pytest.mark.parametrize(
    ("name", "quiet"),
    [
        pytest.param(name, quiet, marks=[] if number == place else pytest.mark.long)
        for number, name in enumerate(("samples", "latent", "kl-per-dim"))
        for place, quiet in enumerate(((), ("--quiet",), ("--json",)))
    ],
)
def test_a_figure_that_fails_costs_a_line_and_nothing_else(
    name: str, quiet: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise MemoryError("no more canvas")

    monkeypatch.setattr(registry().get("figure", name).load(), "draw", fail)
    result = genzoo("run", "vae", *SMALL, "--epochs", 1, "--out", tmp_path / "run", *quiet)
    assert result.code == 0
    warnings = [line for line in result.err.splitlines() if line.startswith("genzoo: ")]
    assert warnings == [f"genzoo: figure {name} could not be drawn: MemoryError: no more canvas"]
    run = Run(tmp_path / "run")
    assert run.results["test"]["n"] == 1000
    assert run.record["status"] == "finished"
    drawn = {path.stem for path in (run.path / "figures").iterdir()}
    assert drawn == {"samples", "reconstructions", "latent", "manifold", "kl-per-dim", "curves"} - {name}
    if quiet == ("--json",):
        assert json.loads(result.out)["run"] == str(run.path)
