"""The Trackio listener, read back from Trackio's own database."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from killed_run import kill_run

import genzoo

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def installed() -> None:
    pytest.importorskip("trackio", reason="pip install 'genzoo[trackio]'")


def trained(folder: Path, words: str, listeners: str = "trackio") -> genzoo.Run:
    """Make or resume a run in a process of its own: Trackio chooses its folder when it is imported."""
    verb = ["run", "vae", "digits", "--hidden", "8", "--out", folder / "run", "--listeners", listeners]
    command = [*(verb if not (folder / "run").exists() else ["resume", folder / "run"]), *words.split(), "--quiet"]
    environment = {**os.environ, "TRACKIO_DIR": str(folder / "trackio")}
    program = [sys.executable, "-m", "genzoo", *map(str, command)]
    found = subprocess.run(program, capture_output=True, text=True, env=environment, timeout=200)
    assert "* " not in found.stdout + found.stderr  # so begins what Trackio prints
    return genzoo.Run(folder / "run")


def rows(folder: Path) -> list[Any]:
    """What the database has been told so far."""
    with contextlib.suppress(sqlite3.OperationalError), sqlite3.connect(folder / "trackio/genzoo.db") as database:
        return database.execute("SELECT step FROM metrics").fetchall()
    return []


class Tracked:
    """What the database has of the only run in it."""

    def __init__(self, folder: Path) -> None:
        with sqlite3.connect(folder / "trackio/genzoo.db") as database:
            rows = database.execute("SELECT step, run_name, metrics FROM metrics ORDER BY id").fetchall()
            configs = database.execute("SELECT config FROM configs").fetchall()  # written with the first values
            self.alerts = [title for (title,) in database.execute("SELECT title FROM alerts")]
        self.rows = [(step, json.loads(metrics)) for step, _, metrics in rows]
        self.config: dict[str, Any] = json.loads(configs[0][0]) if configs else {}
        assert len(configs) == len({name for _, name, _ in rows}) <= 1

    def history(self, name: str) -> list[tuple[int, float]]:
        return [(step, row[name]) for step, row in self.rows if name in row]


def told(run: genzoo.Run) -> list[tuple[int, float]]:
    return [(epoch["step"], epoch["train"]["loss"]) for epoch in run.history]


def test_trackio_gets_options_curves_results_and_figures_and_a_resumed_run_is_one_run(tmp_path: Path) -> None:
    run = trained(tmp_path, "--epochs 2 --metrics nll:10", "trackio:model")
    tracked = Tracked(tmp_path)
    assert tracked.config["model.name"] == "vae"
    assert tracked.config["model.hidden"] == [8]
    assert tracked.history("loss/train") == told(run)
    results = {name: value for name, value in run.results["test"].items() if isinstance(value, float)}
    (found,) = [row for _, row in tracked.rows if "mse/test" in row]
    assert {name.removesuffix("/test"): value for name, value in found.items()} == results
    assert run.results["test"]["nll"] is None  # of grey pixels
    pictures = {f"figures/{path.stem}" for path in (run.path / "figures").glob("*.png")}
    assert {name for _, row in tracked.rows for name in row if "figures/" in name} == pictures
    assert len(list((tmp_path / "trackio/media").rglob("*.png"))) == len(pictures) > 0
    assert list((tmp_path / "trackio/artifacts").rglob("*"))
    trained(tmp_path, "--epochs 4")
    assert Tracked(tmp_path).history("loss/train") == told(run)


def test_a_killed_and_resumed_run_is_one_run_with_each_epoch_once(tmp_path: Path) -> None:
    done = kill_run(tmp_path / "run", "trackio", when=lambda: rows(tmp_path), TRACKIO_DIR=str(tmp_path / "trackio"))
    assert Tracked(tmp_path).history("loss/train")
    run = trained(tmp_path, f"--epochs {done + 2}")
    tracked = Tracked(tmp_path)
    assert tracked.history("loss/train") == told(run)
    assert tracked.alerts == []


def test_a_run_that_fails_has_an_alert(tmp_path: Path) -> None:
    trained(tmp_path, "--lr 1e30")
    (alert,) = Tracked(tmp_path).alerts
    assert alert.startswith("failed: NonFiniteError")
