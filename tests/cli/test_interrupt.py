"""Ctrl-C: once to finish the step and save, twice to stop at once."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from commandline import command, environment, genzoo, trained
from odd_model import SMALL, plugin, run_odd

import genzoo as package
from genzoo.experiment import experiment, final_evaluation
from genzoo.figures import draw as figures
from genzoo.registry import current as registry
from genzoo.runs.run import Run
from genzoo.training.trainer import Trainer

SIGNAL = "import signal; signal.raise_signal(signal.SIGINT)"
FINISHING = "genzoo: finishing this step and saving; Ctrl-C again stops at once"


def interrupt(*arguments: object, **options: object) -> None:
    signal.raise_signal(signal.SIGINT)


def assert_told(err: str, run: Run, *words: object) -> None:
    """The last lines tell how to go on with the run."""
    told = [
        "genzoo: interrupted; resume it:",
        f"  genzoo {' '.join(map(str, words))}".rstrip() + f" resume {run.path}",
    ]
    assert err.splitlines()[-2:] == told
    assert "Traceback" not in err
    assert run.record["status"] == "interrupted"
    assert run.record["ended"] > run.record["started"]


def test_the_step_is_finished_and_saved(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    result, run = run_odd(tmp_path, SIGNAL, step=7)
    assert result.code == 130
    assert result.out == ""
    assert FINISHING in result.err
    assert_told(result.err, run, "-p", tmp_path / "odd.py")
    eight = trained(tmp_path / "eight", "vae", *SMALL, "--epochs", 1).model.state_dict()
    saved = package.load(run.path).state_dict()
    assert all(torch.equal(value, eight[name]) for name, value in saved.items())
    assert run.history == []
    assert signal.getsignal(signal.SIGINT) is handler
    assert genzoo("evaluate", run.path).code == 0
    assert genzoo("sample", run.path, "-n", 4).code == 0


def test_twice_in_one_step_stops_at_once(tmp_path: Path) -> None:
    result, run = run_odd(tmp_path, f"{SIGNAL}; signal.raise_signal(signal.SIGINT)")
    assert (result.code, result.out) == (130, "")
    assert result.err.splitlines()[-1] == "genzoo: interrupted"
    assert "Traceback" not in result.err
    assert run.record["status"] == "interrupted"
    assert not (run.path / "model.safetensors").exists()


def test_during_the_last_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps are made then, but whoever types Ctrl-C wants no evaluation: it is made when the run goes on."""
    validate = Trainer.validate

    def interrupted(self: Trainer) -> dict[str, float]:
        interrupt()
        return validate(self)

    monkeypatch.setattr(Trainer, "validate", interrupted)
    result = genzoo("run", "vae", *SMALL, "--epochs", 1, "--out", tmp_path / "run", "--quiet")
    assert result.code == 130
    run = Run(tmp_path / "run")
    assert_told(result.err, run)
    assert run.history == []
    assert not (run.path / "results.json").exists()
    monkeypatch.undo()
    assert genzoo("resume", run.path, "--quiet").code == 0
    undisturbed = trained(tmp_path / "undisturbed", "vae", *SMALL, "--epochs", 1)
    assert run.history[0]["validation"] == undisturbed.history[0]["validation"]
    assert run.results["test"] == undisturbed.results["test"]


@pytest.mark.parametrize(
    ("module", "name"), [(final_evaluation, "evaluate"), (final_evaluation, "pca_mse"), (figures, "render")]
)
def test_during_evaluation_and_figures(
    module: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, interrupt)
    result = genzoo("run", "vae", *SMALL, "--epochs", 1, "--latent-dim", 1, "--out", tmp_path / "run", "--quiet")
    assert (result.code, result.out) == (130, "")
    run = Run(tmp_path / "run")
    assert_told(result.err, run)
    assert package.load(run.path).config == run.config.model_config  # type: ignore[attr-defined]
    assert (run.path / "results.json").exists() == (name == "render")
    monkeypatch.undo()
    results = run.path / "results.json"
    written = results.stat().st_mtime_ns if results.exists() else None
    assert genzoo("resume", run.path, "--quiet").code == 0
    assert run.record["status"] == "finished"
    assert (run.path / "report.html").exists()
    assert written in (None, results.stat().st_mtime_ns), "what was there already is not done again"


def test_before_the_run_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "introduce", interrupt)
    result = genzoo("run", "vae", *SMALL, "--runs", tmp_path / "runs")
    assert (result.code, result.out, result.err) == (130, "", "\ngenzoo: interrupted\n")
    assert not (tmp_path / "runs").exists()


def test_outside_the_main_thread_signals_are_left_alone(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(package.run, "vae", "moons", epochs=1, out=tmp_path / "run", quiet=True).result()
    assert run.record["status"] == "finished"


@contextmanager
def training(*words: object) -> Iterator[subprocess.Popen[str]]:
    """A process that has finished its first epoch."""
    process = subprocess.Popen(
        command(*words), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        for line in process.stderr:
            if re.match(r"epoch +1/", line):
                break
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_real_process_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    words = ("run", "vae", "--dataset", "digits", "--epochs", 100_000, "--out", tmp_path / "run")
    with training(*words) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert FINISHING in err
    run = Run(tmp_path / "run")
    assert_told(err, run)
    assert package.load(run.path).sample(3).shape == (3, 1, 8, 8)
    assert len(run.history) >= 1


@pytest.mark.long
def test_a_real_process_in_a_long_step_stops_at_the_second(tmp_path: Path) -> None:
    file = plugin(tmp_path, "import time; time.sleep(60)")
    with training("-p", file, "run", "odd", *SMALL, "--epochs", 3, "--out", tmp_path / "run") as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr
        while FINISHING not in (line := process.stderr.readline()):
            assert line, "it ended without a word"
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert (process.returncode, out, err) == (130, "", "\ngenzoo: interrupted\n")
    assert Run(tmp_path / "run").record["status"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("verb", ["run", "bench"])
def test_every_verb_that_trains_saves_first(number: int, verb: str, tmp_path: Path) -> None:
    """The signal comes in the seventh step; it comes once more to the run that goes on."""
    happens = f"import signal; signal.raise_signal(signal.{signal.Signals(number).name})"
    file = plugin(tmp_path, happens, step=7)
    words = ["-p", file, "run", "odd", *SMALL, "--quiet", "--epochs", 1, "--out", tmp_path / "run" / "first"]
    if verb == "bench":
        words = [
            "-p",
            file,
            "bench",
            "--models",
            "odd",
            *SMALL,
            "--epochs",
            1,
            "--seeds",
            "0",
            "--runs",
            tmp_path / "run",
        ]
    result = genzoo(*words)
    assert result.code == 128 + number
    (folder,) = (path for path in (tmp_path / "run").iterdir() if (path / "config.json").exists())
    assert Run(folder).record["status"] == "interrupted"
    assert (folder / "model.safetensors").exists()
    assert list((folder / "checkpoints").iterdir())
    registry.reset()
    plugin(tmp_path, happens, step=20)
    assert genzoo("-p", file, "resume", folder, "--epochs", 4, "--quiet").code == 128 + number
    assert Run(folder).record["status"] == "interrupted"
