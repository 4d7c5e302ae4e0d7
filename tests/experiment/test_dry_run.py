"""What `genzoo run --dry-run` says of a run, held against the run itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from commandline import genzoo, refused

WORDS = "run vae digits --hidden 8 --latent-dim 2 --lr 0.01 --epochs 3"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_says_what_the_run_takes_and_leaves_nothing(place: Path) -> None:
    said = json.loads(genzoo(f"{WORDS} --dry-run --json").out)
    assert os.listdir(place) == []
    assert genzoo(f"{WORDS} --out run --quiet").code == 0
    results = json.loads((place / "run/results.json").read_text())
    record = json.loads((place / "run/run.json").read_text())
    training = results["training"]
    assert said["parameters"] == results["parameters"]
    assert (said["steps"], said["tried"], said["examples"]) == (training["step"], training["step"], 1257)
    assert said["device"] == record["device"]
    assert said["options"] == {"--hidden": "8", "--latent-dim": "2", "--lr": "0.01", "--epochs": "3"}
    stored = sum(path.stat().st_size for path in (place / "run").rglob("*.safetensors"))
    assert 0.3 < said["disk"] / stored < 3


def test_a_long_training_is_not_waited_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genzoo.experiment import dry_run

    monkeypatch.setattr(dry_run, "SECONDS", 0.05)
    said = json.loads(genzoo(f"{WORDS} --epochs 100000 --dry-run --json").out)
    assert said["steps"] == 900_000
    assert 0 < said["tried"] < 9000
    assert said["seconds"] > 0.05 * 900_000 / 9000
    limited = json.loads(genzoo(f"{WORDS} --epochs 100000 --max-time 7s --dry-run --json").out)
    assert limited["seconds"] == 7.0
    text = genzoo(f"{WORDS} --epochs 100000 --dry-run").out
    assert "100,000 epochs of 1,257 examples, 900,000 steps" in text
    assert "--lr 0.01" in text


def test_few_steps_are_told(place: Path) -> None:
    words = "run vae digits --hidden 8 --latent-dim 2 --data.validation 1300 --epochs 2 --dry-run"
    told = "137 training examples and --batch-size 128 make 2 steps in all; for more: --batch-size 8 or --epochs 2000"
    assert json.loads(genzoo(f"{words} --json").out)["few_steps"] == told
    assert told.partition(";")[0] in " ".join(genzoo(words).out.split())
    assert "few steps" not in genzoo(f"{words} --batch-size 8").out


def test_a_model_in_closed_form_has_no_steps(place: Path) -> None:
    said = json.loads(genzoo("run ppca digits --dry-run --json").out)
    assert (said["steps"], said["seconds"], said["mode"]) == (0, 0.0, "fitted in closed form, in one pass")


def test_what_the_run_refuses_it_refuses(place: Path) -> None:
    assert refused(genzoo("run conv-vae moons --dry-run")).startswith("conv-vae needs images")
