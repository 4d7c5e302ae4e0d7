"""`genzoo resume`: a resumed run equals an uninterrupted one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from commandline import command, environment, genzoo, refused, trained
from odd_model import SMALL

import genzoo as package
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.options import option
from genzoo.experiment.checkpointing import Checkpointer
from genzoo.experiment.resume import MAY_CHANGE
from genzoo.registry import current as registry
from genzoo.registry.discovery import load_file
from genzoo.runs import checkpoints
from genzoo.runs.run import CHECKPOINTS, Run
from genzoo.system import computing
from genzoo.training.trainer import Trainer

WORDS = ("vae", *SMALL, "--ema", 0.9, "--schedule", "cosine", "--lr-warmup", 5, "--patience", 3, "--epochs", 4)


def outcome(run: Run) -> tuple[bytes, list[Any], Any]:
    """All of a run that does not depend on the clock."""
    results = run.results
    took = {name: results["training"][name] for name in ("epochs", "stopped", "best_epoch", "step")}
    history = [{**line, "seconds": 0} for line in run.history]
    return (run.path / "model.safetensors").read_bytes(), history, {**results, "training": took}


def stopped(step: int, *words: object) -> Run:
    """A run that Ctrl-C stopped after so many steps."""
    made = Trainer._train_step

    def stopping(self: Trainer, *inputs: Any) -> None:
        made(self, *inputs)
        if self.step == step:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_train_step", stopping)
        result = genzoo("run", *words, "--quiet")
    assert result.code == 130, result
    return Run(Path(str(words[words.index("--out") + 1])))


@pytest.fixture(autouse=True, scope="module")
def no_figures() -> Iterator[None]:
    """Drawing takes the longest part of a small run, and there are many of them here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genzoo.figures.draw.draw_all", lambda *_: [])
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("whole"), *WORDS)


@pytest.fixture(scope="module")
def stopped_half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a run was stopped in the midst of its second epoch of eight steps."""
    folder = tmp_path_factory.mktemp("half")
    with contextlib.chdir(folder):
        Path("runs").mkdir()
        stopped(11, *WORDS, "--out", "runs/half")
    return folder


@pytest.fixture
def half(stopped_half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A copy of that run."""
    shutil.copytree(stopped_half, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Run(Path("runs/half"))


def test_the_end_is_the_same_bit_for_bit(half: Run, whole: Run) -> None:
    assert [line["epoch"] for line in half.history] == [1]
    result = genzoo("resume", half.path)
    assert result.code == 0
    assert "resuming  runs/half at step 11: 1.375 of 4 epochs are done" in result.err
    assert "−ELBO (nats)" in result.out
    assert outcome(half) == outcome(whole)
    assert half.config == whole.config


@pytest.fixture
def onednn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Multiply matrices by oneDNN; the other tests use BLAS."""
    monkeypatch.setattr(computing, "onednn_is_exact", lambda: True)
    monkeypatch.setenv(computing.VARIABLE, computing.ONEDNN)
    computing.matmul.cache_clear()
    yield
    computing.matmul.cache_clear()


@pytest.mark.usefixtures("onednn")
def test_augmentation_goes_on_with_the_same_draws_and_products_of_onednn(tmp_path: Path) -> None:
    words = ("vae", "--dataset", "digits", "--batch-size", 157, "--latent-dim", 2, "--hidden", 400, "--epochs", 2)
    words += ("--data.augment", "flip,crop:1")
    through = trained(tmp_path / "through", *words)
    cut = stopped(11, *words, "--out", tmp_path / "cut")
    assert genzoo("resume", cut.path, "--quiet").code == 0
    assert outcome(cut) == outcome(through)
    assert cut.record["matmul"] == "onednn"


def test_the_record_tells_of_both_sessions(half: Run) -> None:
    first = half.record
    genzoo("resume", half.path, "--quiet", "--save-every", 30)
    record = half.record
    assert (first["status"], record["status"]) == ("interrupted", "finished")
    assert record["started"] == first["started"] < first["ended"] < record["ended"]
    one, two = record["sessions"]
    assert (one["status"], one["step"], two["status"], two["step"]) == ("interrupted", 0, "finished", 11)
    assert two["changed"] == {"save_every": [60.0, 30.0]}
    assert one["seconds"] > 0 < two["seconds"]
    seconds = half.results["training"]["seconds"]
    assert seconds == pytest.approx(sum(line["seconds"] for line in half.history))
    assert half.history[1]["seconds"] > 0


@pytest.mark.parametrize(
    "reference", ["@last", *(pytest.param(name, marks=pytest.mark.long) for name in ("half", "runs/half"))]
)
def test_a_run_is_called_as_elsewhere(reference: str, half: Run) -> None:
    assert genzoo("resume", reference, "--quiet").code == 0
    assert half.record["status"] == "finished"


def test_python_goes_on_too(half: Run, whole: Run) -> None:
    assert outcome(package.resume("half", quiet=True)) == outcome(whole)
    with pytest.raises(UsageError, match="unknown option 'betta'"):
        package.resume("half", betta=1)


def test_a_run_that_is_compared_with_others_changes_with_a_warning(whole: Run, tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    copy = shutil.copytree(whole.path, tmp_path / "copy")
    told = (
        f"genzoo: copy is one of the runs that are compared in {tmp_path}/: with another --epochs it is none of them ("
    )
    assert genzoo("resume", copy, "--epochs", 3).err.startswith(told)
    assert told not in genzoo("resume", copy, "--save-every", 3).err
    assert told not in genzoo("resume", whole.path, "--epochs", 3).err


def test_a_run_whose_time_was_up_is_told_twice_the_time_in_seconds(tmp_path: Path) -> None:
    run = trained(tmp_path, "vae", *SMALL, "--epochs", 100, "--max-time", "0.01s")
    assert genzoo("resume", run.path).err.endswith(f"To go on: genzoo resume {run.path} --max-time 0.02s\n")


def test_the_help_has_all_options_that_may_change() -> None:
    shown = genzoo("resume --help").out
    assert all(option(name) in shown for name in MAY_CHANGE)


def test_a_finished_run_says_that_nothing_is_left(whole: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.path.rglob("*") if path.name != "lock"}
    result = genzoo("resume", whole.path)
    assert result.code == 0
    assert "−ELBO (nats)" in result.out
    how = f"To go on: genzoo resume {whole.path} --epochs 8\n"
    assert result.err == f"{whole.path} is finished: 4 epochs are done. {how}"
    fewer = genzoo("resume", whole.path, "--epochs", 3)
    assert fewer.err == f"{whole.path} is finished: 4 epochs are done, and 3 is fewer. {how}"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    shown = genzoo("resume", whole.path, "--json")
    assert json.loads(shown.out)["test"] == whole.results["test"]


def test_more_epochs_go_on_with_a_finished_run(tmp_path: Path) -> None:
    words = ("vae", *SMALL, "--lr-warmup", 3)
    long, short = (trained(tmp_path / str(n), *words, "--epochs", n) for n in (5, 2))
    assert len(list((short.path / CHECKPOINTS).iterdir())) == 1, "one is enough for more epochs"
    assert genzoo("resume", short.path, "--epochs", 5, "--quiet").code == 0
    assert outcome(short) == outcome(long)
    assert short.config == long.config


def test_more_steps_go_on_inside_an_epoch(tmp_path: Path) -> None:
    words = ("vae", *SMALL, "--lr-warmup", 3)
    whole = trained(tmp_path / "whole", *words, "--epochs", 2)
    short = trained(tmp_path / "short", *words, "--max-steps", 11)
    took = short.results["training"]
    assert (took["step"], took["epochs"], took["stopped"], short.record["status"]) == (11, 1, "", "finished")
    again = f"{short.path} is finished: 11 steps are done. To go on: genzoo resume {short.path} --max-steps 22\n"
    assert genzoo("resume", short.path).err == again
    assert "11 steps are done, and 5 is fewer. To" in genzoo("resume", short.path, "--max-steps", 5).err
    assert genzoo("resume", short.path, "--max-steps", 16, "--quiet").code == 0
    assert outcome(short) == outcome(whole)


def test_a_cosine_of_another_length_is_told_of(tmp_path: Path) -> None:
    run = trained(tmp_path, "vae", *SMALL, "--schedule", "cosine", "--epochs", 2)
    result = genzoo("resume", run.path, "--epochs", 4)
    assert "the cosine now ends at epoch 4: the rate goes from 9.6e-6 to 0.0005" in result.err
    assert run.history[-1]["lr"] < 1e-5 < run.history[2]["lr"]


@pytest.mark.long
def test_one_that_stopped_early_goes_on_with_more_patience(tmp_path: Path) -> None:
    run = trained(tmp_path, "vae", *SMALL, "--lr", 0.5, "--epochs", 30, "--patience", 1)
    epochs = len(run.history)
    assert run.results["training"]["stopped"]
    assert "finished after" in genzoo("resume", run.path).err
    assert "finished after" in genzoo("resume", run.path, "--epochs", 40).err
    assert genzoo("resume", run.path, "--patience", 4, "--quiet").code == 0
    assert len(run.history) > epochs


def test_options_that_make_it_another_run_are_refused(half: Run) -> None:
    files = {path: path.read_bytes() for path in half.path.rglob("*") if path.is_file()}
    for words in (["--batch-size", 50], ["--latent-dim", 3], ["--data.noise", 0.5], ["--seed", 1], ["--ema", 0]):
        result = genzoo("resume", half.path, *words)
        name, value = words
        assert refused(result).startswith(f"{name} cannot change in a run: it is ")
        assert f"genzoo run --config {half.path}/config.json {name} {value}" in result.err
    assert refused(genzoo("resume", half.path, "--betta", 1)).startswith("no option --betta. Did you mean --beta?")
    assert refused(genzoo("resume", half.path, "--epochs", 1)) == f"--epochs 1: {half.path} is in epoch 2 already"
    assert refused(genzoo("resume", half.path, "--max-steps", 9)) == f"--max-steps 9: {half.path} is at step 11 already"
    assert refused(genzoo("resume", half.path, "more")).startswith("unrecognised: 'more'")
    assert {path: path.read_bytes() for path in files if path.name != "lock"} == {
        path: content for path, content in files.items() if path.name != "lock"
    }


def damage(folder: Path) -> None:
    for file in folder.glob("step-*/optimizer.safetensors"):
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)


@pytest.mark.long
def test_a_damaged_checkpoint_is_one_line_and_the_one_before_is_used(
    tmp_path: Path, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stopped(11, *WORDS, "--save-every", 1e-9, "--out", tmp_path / "run")
    newest, _ = checkpoints.published(run.path / CHECKPOINTS)
    damage(newest.parent)
    shutil.rmtree(newest.parent / "step-000000010")
    shutil.copytree(newest, newest.parent / "step-000000010")
    result = genzoo("resume", run.path, "--quiet")
    message = refused(result, 1)
    assert message.startswith(f"{newest}/optimizer.safetensors is damaged: SHA-256 ")
    assert f"no other checkpoint is whole, but the model is: genzoo evaluate {run.path}" in result.err
    assert f"genzoo run --config {run.path}/config.json" in result.err

    again = stopped(11, *WORDS, "--save-every", 1e-9, "--out", tmp_path / "again")
    (again.path / CHECKPOINTS / "step-000000011/manifest.json").write_text("{}")
    result = genzoo("resume", again.path, "--quiet")
    assert result.code == 0
    (line,) = result.err.splitlines()
    assert line.startswith(f"genzoo: {again.path}/checkpoints/step-000000011/manifest.json is damaged")
    assert line.endswith("an older checkpoint is used")
    assert outcome(again)[:2] == outcome(whole)[:2]


def test_without_any_checkpoint(half: Run, whole: Run) -> None:
    """A run that was killed in its first minute begins again; one with a model is not overwritten."""
    shutil.rmtree(half.path / CHECKPOINTS)
    result = genzoo("resume", half.path)
    assert refused(result, 1) == f"{half.path} has no checkpoint to go on from"
    (half.path / "model.safetensors").unlink()
    result = genzoo("resume", half.path)
    assert f"resuming  {half.path}, which has no checkpoint yet: from the beginning" in result.err
    assert outcome(half) == outcome(whole)


def test_a_config_that_was_changed_since(half: Run) -> None:
    file = half.path / "config.json"
    file.write_text(file.read_text().replace('"latent_dim": 2', '"latent_dim": 3'))
    assert "was made with another config.json than is there now" in refused(genzoo("resume", half.path), 1)


def test_other_threads_and_versions_are_one_line(half: Run) -> None:
    (path,) = checkpoints.published(half.path / CHECKPOINTS)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["facts"]["made"] |= {"threads": 64, "packages": {**manifest["facts"]["made"]["packages"], "torch": "1.0"}}
    del manifest["sha256"]
    (path / "manifest.json").write_bytes(
        checkpoints.with_digest(json.dumps(manifest, indent=1).removesuffix("\n}") + ",\n")
    )
    (line,) = genzoo("resume", half.path, "--quiet").err.splitlines()
    here = f"threads 64 → {torch.get_num_threads()}, torch 1.0 → {half.record['packages']['torch']}"
    assert line == f"genzoo: not as before: {here}; results differ from an uninterrupted run in their last digits"


def test_a_torn_line_of_the_log_is_written_anew(half: Run, whole: Run) -> None:
    with open(half.path / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 2, "step": 1')
    assert len(half.history) == 1
    assert genzoo("resume", half.path, "--quiet").code == 0
    assert outcome(half) == outcome(whole)


def test_a_clock_that_goes_backwards(half: Run, whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e6)
    assert genzoo("resume", half.path, "--quiet").code == 0
    assert outcome(half) == outcome(whole)
    assert all(session["seconds"] >= 0 for session in half.record["sessions"])


def test_results_of_fewer_epochs_do_not_pass_for_those_of_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends between the last checkpoint and the new results."""
    words = ("vae", *SMALL, "--epochs")
    long, short = (trained(tmp_path / str(n), *words, n) for n in (3, 2))

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("genzoo.experiment.training.save_model", end)
    assert genzoo("resume", short.path, "--epochs", 3, "--quiet").code == 130
    monkeypatch.undo()
    assert short.results["training"]["epochs"] == 2
    assert genzoo("resume", short.path, "--quiet").code == 0
    assert outcome(short) == outcome(long)
    assert "3 epochs" in (short.path / "report.html").read_text()


NOISY = """
    import torch
    from genzoo import hookimpl
    from genzoo_plugins.vae.vae import VAE

    class Noisy(VAE):
        def posterior(self, x):
            return super().posterior(x + 0.1 * torch.randn(x.shape) * self.training)

    @hookimpl
    def register_models(register):
        register("noisy", Noisy, summary="a VAE of noisy data", loss="elbo")
"""


@pytest.mark.long
def test_a_plugin_that_draws_its_own_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "noisy.py"
    file.write_text(dedent(NOISY))
    load_file(file, registry.registry())
    words = ("noisy", *WORDS[1:])
    one = trained(tmp_path / "one", *words)
    two = stopped(13, *words, "--out", tmp_path / "two")
    assert genzoo("resume", two.path, "--quiet").code == 0
    assert outcome(two) == outcome(one)
    registry.reset()
    assert "was made with model 'noisy' of" in refused(genzoo("resume", two.path), 4)


def test_a_final_save_that_fails_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Checkpointer) -> bool:
        self.error = GenzooError("cannot save it", "df -h")
        return False

    monkeypatch.setattr(Checkpointer, "write", fail)
    result = genzoo("run", "vae", *SMALL, "--epochs", 1, "--out", tmp_path / "run", "--quiet")
    assert refused(result, 1) == "cannot save it"
    run = Run(tmp_path / "run")
    assert run.record["status"] == "failed: GenzooError: cannot save it df -h"
    assert run.model


def test_a_live_run_is_not_resumed(half: Run) -> None:
    from genzoo.system.lock import locked

    with locked(half.path):
        assert refused(genzoo("resume", half.path)).startswith(
            f"{half.path} is being written by process {os.getpid()} on "
        )


@pytest.mark.long
@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.long), signal.SIGKILL])
def test_a_real_process_goes_on(number: signal.Signals, tmp_path: Path) -> None:
    words = ("run", "vae", "--dataset", "digits", "--epochs", 100_000, "--save-every", 0.2, "--out", tmp_path / "run")
    process = subprocess.Popen(
        command(*words), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    folder = tmp_path / "run" / CHECKPOINTS
    end = time.monotonic() + 90
    while len(checkpoints.published(folder)) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (143 if number == signal.SIGTERM else -9)
    run = Run(tmp_path / "run")
    if number == signal.SIGTERM:
        assert err.splitlines()[-1] == f"  genzoo resume {run.path}"
        assert run.record["status"] == "interrupted"
    done = checkpoints.newest(folder, lambda checkpoint: checkpoint.facts["progress"]["epochs"])[0]
    assert done is not None
    assert genzoo("resume", run.path, "--epochs", done + 1, "--quiet").code == 0
    assert [line["epoch"] for line in run.history] == list(range(1, done + 2))
