"""`genzoo run`: what it says, where, and what lies in the run folder afterwards."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import pty
import re
import termios
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from commandline import Result, genzoo, in_own_process, trained
from PIL import Image

import genzoo as package
from genzoo.cli.main import main
from genzoo.cli.run import config_file
from genzoo.evaluation import baselines
from genzoo.runs.run import Run
from genzoo.system.devices import describe_device

FILES = {
    "checkpoints",
    "data.json",
    "config.json",
    "lock",
    "run.json",
    "metrics.jsonl",
    "results.json",
    "model.safetensors",
    "examples.safetensors",
    "figures",
    "report.html",
}
DRAWN = "curves, interpolations, kl-per-dim, latent, reconstructions, samples, traversals"
METRICS = ("negative_elbo", "reconstruction", "kl", "mse", "active_units")


def test_standard_output_carries_the_table_and_nothing_else(told: Result, vae_run: Run) -> None:
    lines = told.out.splitlines()
    assert re.split("  +", lines[0].strip())[-2:] == ["test", "± 95 %, examples"]
    rows = {label: values[2] for label, *values in (re.split("  +", line.strip()) for line in lines[1:6])}
    test = vae_run.results["test"]
    assert rows["−ELBO (nats)"] == f"{test['negative_elbo']:.2f}"
    assert rows["reconstruction (nats)"] == f"{test['reconstruction']:.2f}"
    assert rows["KL (nats)"] == f"{test['kl']:.4f}"
    assert rows["MSE per dimension"] == f"{test['mse']:.4f}"
    assert rows["active units"] == f"{test['active_units']:.0f}"
    assert f"figures   {vae_run.path}/figures/ ({DRAWN})" in lines
    assert f"genzoo evaluate {vae_run.path}" in lines[-1]
    assert (
        "  each epoch used 91.6% of the training data: 105 of 1,257 examples, others each time, do not fill a batch"
        in lines
    )
    assert "epoch 1" not in told.out


def test_standard_error_carries_the_progress_a_line_an_epoch(told: Result, vae_run: Run) -> None:
    introduction, circumstances, folder, mode, *epochs = told.err.splitlines()
    assert introduction == "vae (76,104 parameters) on digits (1,257 train / 180 validation / 360 test)"
    assert circumstances == f"bernoulli likelihood · {describe_device(torch.device('cpu'))} · seed 0"
    assert folder == f"run folder  {vae_run.path}"
    assert mode == "eager steps (auto: compiling gains too little here)"
    assert len(epochs) == 2
    for number, (line, record) in enumerate(zip(epochs, vae_run.history, strict=True), start=1):
        train, validation = record["train"], record["validation"]["loss"]
        parts = (
            f"−elbo {train['negative_elbo']:.2f}  reconstruction {train['reconstruction']:.2f}  kl {train['kl']:.2f}"
        )
        assert line.startswith(f"epoch {number}/2  {parts}  validation {validation:.2f}  ")
        assert re.search(r"  [\d,]+ img/s(  eta \d+:\d\d)?$", line)
    assert not re.search("[\r█▌\x1b]", told.err)


def test_the_options_of_a_run_are_named_by_it(vae_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(vae_run.path.parent)
    for name in (str(vae_run.path), vae_run.path.name, "runs/" + vae_run.path.name):
        assert config_file(Path(name)).samefile(vae_run.path / "config.json")
    for name in ("no.toml", "@last.toml"):
        assert config_file(Path(name)) == Path(name)
    words = ("run", "--config", vae_run.path.name, "--seed", "5", "--dry-run", "--json")
    assert "--seed" in json.loads(genzoo(*words).out)["options"]


def test_a_run_folder_is_complete(vae_run: Run) -> None:
    assert {path.name for path in vae_run.path.iterdir()} == FILES
    assert re.fullmatch(r"vae-digits-\d{8}-\d{4}-[0-9a-f]{4}", vae_run.path.name)
    record = vae_run.record
    assert record["status"] == "finished"
    assert record["genzoo"] == package.__version__
    assert record["started"] < record["ended"]
    assert record["plugins"]["model"] == {"name": "vae", "origin": f"genzoo {package.__version__}"}
    assert set(record["packages"]) >= {"torch", "safetensors"}
    assert [epoch["epoch"] for epoch in vae_run.history] == [1, 2]
    assert [epoch["step"] for epoch in vae_run.history] == [9, 18]  # ⌊1257 / 128⌋ steps an epoch
    assert all(epoch["images"] == 9 * 128 for epoch in vae_run.history)


def test_results_of_every_split_with_their_errors(vae_run: Run) -> None:
    results = vae_run.results
    assert [results[split]["n"] for split in ("train", "validation", "test")] == [360, 180, 360]
    for split in ("train", "validation", "test"):
        for metric in METRICS:
            assert math.isfinite(results[split][metric])
        assert 0 < results[split]["standard_error"]["negative_elbo"] < 1
        total = results[split]["reconstruction"] + results[split]["kl"]
        assert results[split]["negative_elbo"] == pytest.approx(total, rel=1e-6)
    assert results["training"]["epochs"] == 2
    assert (results["training"]["examples"], results["training"]["examples_per_epoch"]) == (1257, 1152)
    assert results["training"]["seconds"] > 0
    assert results["parameters"] == 76_104
    assert 0 < results["baselines"]["pca"]["mse"] < results["test"]["mse"]


@pytest.mark.parametrize(
    ("name", "size"), [("samples", (669, 697)), ("reconstructions", (922, 622)), ("curves", (1224, 414))]
)
def test_figures_are_real_pictures(vae_run: Run, name: str, size: tuple[int, int]) -> None:
    with Image.open(vae_run.path / "figures" / f"{name}.png") as picture:
        picture.load()
        assert picture.size == size
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20


def test_the_last_epoch_is_what_was_saved(vae_run: Run) -> None:
    """The validation figures of the last epoch and of the evaluation are of the same weights and the same noise."""
    last = vae_run.history[-1]["validation"]["negative_elbo"]
    assert vae_run.results["validation"]["negative_elbo"] == pytest.approx(last, rel=1e-5)


def test_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    result = genzoo("run", "vae", "--dataset", "moons", "--epochs", 1, "--runs", tmp_path, "--json")
    assert (result.code, result.err) == (0, "")
    assert result.out.count("\n") == 1
    values = json.loads(result.out)
    assert (values.pop("schema"), values.pop("verb")) == (1, "run")
    run = Run(Path(values.pop("run")))
    assert values == run.results
    assert run.path.parent == tmp_path


def test_quiet_leaves_the_table_alone(tmp_path: Path) -> None:
    result = genzoo("run", "ae", "--dataset", "moons", "--epochs", 1, "--out", tmp_path / "mine", "--quiet")
    assert (result.code, result.err) == (0, "")
    assert "not available: −ELBO, KL, −ln p(x), active units (no prior p(z))" in result.out
    assert Run(tmp_path / "mine").record["status"] == "finished"


@pytest.mark.usefixtures("drawn_figures")
def test_without_validation_data_there_is_no_column_for_them(tmp_path: Path) -> None:
    run = trained(tmp_path, "vae", "--dataset", "digits", "--epochs", 1, "--data.validation", 0)
    assert "validation" not in run.results
    assert run.history[0]["validation"] == {}
    assert run.history[0]["step"] == 1437 // 128
    assert (run.path / "figures/curves.png").stat().st_size > 5000


def test_without_the_error_of_pca_it_is_said_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "LARGEST", 63)
    out = tmp_path / "run"
    why = "the error of PCA (64 dimensions; it is computed for at most 63)"
    words = ("run", "vae", "digits", "--latent-dim", 2, "--hidden", 8, "--max-steps", 1, "--out", out, "--quiet")
    assert re.search(rf"\n  not available: .*{re.escape(why)}\n", genzoo(*words).out)
    assert why in (out / "report.html").read_text()
    assert f"\nnot available: {why}\n" in genzoo("anomaly", out).out


def test_an_empty_folder_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = genzoo("run", "vae", "--dataset", "moons", "--epochs", 1, "--out", tmp_path / "empty", "--quiet")
    assert result.code == 0
    assert {path.name for path in (tmp_path / "empty").iterdir()} == FILES


def test_a_model_too_large_for_small_images_runs_on_resized_ones(tmp_path: Path) -> None:
    small = ("--channels", 4, 8, "--base", 4, "--batch-size", 256)
    words = ("conv-vae", "--dataset", "digits", "--data.resize", 16, "--epochs", 1, *small)
    assert trained(tmp_path, *words).model.spec.shape == (1, 16, 16)


def test_a_beta_of_its_own_shows_objective_and_bound(tmp_path: Path) -> None:
    result = genzoo("run", "beta-vae", "--dataset", "moons", "--epochs", 1, "--runs", tmp_path)
    (line,) = [line for line in result.err.splitlines() if line.startswith("epoch 1/1")]
    assert re.match(r"epoch 1/1  loss \S+  −elbo \S+  reconstruction \S+  kl \S+  validation ", line)
    (folder,) = tmp_path.iterdir()
    terms = Run(folder).history[0]["train"]
    assert terms["loss"] == pytest.approx(terms["reconstruction"] + 4.0 * terms["kl"], rel=1e-5)
    assert terms["negative_elbo"] == pytest.approx(terms["reconstruction"] + terms["kl"], rel=1e-5)


@pytest.mark.long
def test_as_a_process_of_its_own_it_is_the_same_run(vae_run: Run, tmp_path: Path) -> None:
    result = in_own_process("run", "vae", "--dataset", "digits", "--epochs", 2, "--out", "mine", cwd=tmp_path)
    assert result.code == 0
    assert result.err.count("\nepoch ") == 2
    assert f"figures   mine/figures/ ({DRAWN})" in result.out
    same = Run(tmp_path / "mine")
    assert (same.path / "model.safetensors").read_bytes() == (vae_run.path / "model.safetensors").read_bytes()
    assert same.results["test"] == vae_run.results["test"]
    assert "--epochs" in same.record["command"]


@pytest.mark.parametrize("columns", [150, 0], ids=["wide", "of unknown width"])
def test_on_a_terminal_each_epoch_is_one_bar(tmp_path: Path, columns: int) -> None:
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (50, columns))
    with ThreadPoolExecutor() as pool, open(follower, "w", encoding="utf-8") as terminal:
        screen = pool.submit(read_all, leader)
        out = io.StringIO()
        with contextlib.redirect_stderr(terminal), contextlib.redirect_stdout(out):
            code = main(["run", "vae", "--dataset", "moons", "--epochs", "3", "--runs", str(tmp_path)])
        terminal.close()
        text = screen.result().replace("\r\n", "\n")
    assert code == 0
    bars = [line for line in text.split("\n") if "epoch " in line]
    assert len(bars) == 3
    for number, bar in enumerate(bars, start=1):
        assert set(re.findall(r"epoch (\d)/3", bar)) == {str(number)}
        *drawn, final = bar.split("\r")
        assert any(re.search(rf"epoch {number}/3 .*\d+%", shown) for shown in drawn)
        assert "%" not in final
        assert re.search(r"−elbo \S+  reconstruction \S+  kl \S+  validation \S+  [\d,]+ img/s", final)
    assert "epoch 1" not in out.getvalue()
    assert "−ELBO (nats)" in out.getvalue()


def read_all(leader: int) -> str:
    """All that is written to a pseudo-terminal until it is closed."""
    chunks = []
    try:
        while chunk := os.read(leader, 1 << 16):
            chunks.append(chunk)
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(leader)
    return b"".join(chunks).decode()


def test_a_known_density_stands_beside_the_bound(tmp_path: Path) -> None:
    """In the table, in results.json, in the report and in later evaluations; where it is not known, nowhere."""
    words = ("--epochs", 2, "--latent-dim", 2, "--runs", tmp_path, "--quiet")
    result = genzoo("run", "vae", "--dataset", "quadratic", *words)
    (folder,) = tmp_path.iterdir()
    run = Run(folder)
    known = run.results["baselines"]["known_density"]
    assert known["nats"] == pytest.approx(1.9542, abs=4 * known["standard_error"])  # 3·½(1 + ln 2π) + ln 0.1
    told = "the data's own −E ln p(x) is known"
    assert told in result.out
    assert told in (folder / "report.html").read_text().replace("&#39;", "'")
    again = json.loads(genzoo("evaluate", folder, "--metrics", "iwae:3", "--json").out)
    assert again["known_density"] == known
    assert again["iwae_3"] > known["nats"]
    assert "−ln p(x), at most, iwae:3 (nats)" in genzoo("evaluate", folder, "--metrics", "iwae:3").out
    result = genzoo("run", "vae", "--dataset", "spirals", *words)
    assert result.code == 0
    assert told not in result.out


def test_a_training_that_ends_too_early_is_told(tmp_path: Path, runs_without_figures: None) -> None:
    words = ("run", "ae", "digits", "--hidden", 16, "--lr", 1e-4, "--quiet", "--out", tmp_path / "a", "--epochs", 12)
    assert "the validation loss was still falling" in genzoo(*words).out
