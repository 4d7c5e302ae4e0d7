"""The W&B listener in W&B's offline mode, read back from the file that `wandb sync` would send."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killed_run import kill_run

import genzoo

pytestmark = pytest.mark.long
QUICK = {"epochs": 2, "hidden": (8,), "quiet": True}
BLOCK = 32768


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="pip install 'genzoo[wandb]'")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "user"))


def trained(folder: Path, listeners: str = "wandb", **options: Any) -> genzoo.Run:
    return genzoo.run("vae", "digits", out=folder, listeners=[listeners], **{**QUICK, **options})


def entries(file: Path) -> Iterator[bytes]:
    """Yield the entries of a log in LevelDB's framing: blocks of pieces with a check sum, a length and a kind."""
    data, entry, at = file.read_bytes(), b"", 7  # after W&B's own header
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:  # too small for a piece: padding
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        entry += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield entry
            entry = b""


class Tracked:
    """What the files of a run have: each of its sessions wrote one, in which all its epochs so far are."""

    def __init__(self, run: genzoo.Run, ended: bool = True) -> None:
        self.read(run)
        deadline = time.monotonic() + 20
        while ended and self.exit_code is None:  # W&B's own process writes the end a moment later
            assert time.monotonic() < deadline
            time.sleep(0.2)
            self.read(run)

    def read(self, run: genzoo.Run) -> None:
        from wandb.proto.wandb_internal_pb2 import Record

        self.files = sorted(run.path.glob(f"wandb/offline-run-*/run-{run.identity}.wandb"))
        assert len(self.files) == len(list(run.path.glob("wandb/offline-run-*")))
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.exit_code: int | None = None
        self.artifacts: list[str] = []
        for entry in entries(self.files[-1]):
            record = Record.FromString(entry)
            self.config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            if row := plain(record.history.item):
                self.rows.append(row)
            self.summary |= plain(record.summary.update)
            if record.HasField("exit"):
                self.exit_code = record.exit.exit_code
            if record.request.log_artifact.artifact.name or record.artifact.name:
                self.artifacts.append(record.artifact.type or record.request.log_artifact.artifact.type)

    def history(self, name: str) -> list[tuple[int, float]]:
        return [(row["_step"], row[name]) for row in self.rows if name in row]


def plain(items: Any) -> dict[str, Any]:
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def told(run: genzoo.Run) -> list[tuple[int, float]]:
    return [(epoch["step"], epoch["train"]["loss"]) for epoch in run.history]


def test_wandb_gets_options_curves_results_and_figures(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "wandb:model", metrics=("nll:10",))
    tracked = Tracked(run)
    assert tracked.exit_code == 0
    assert tracked.config["model.name"] == "vae"
    assert tracked.config["model.hidden"] == [8]
    assert tracked.history("loss/train") == told(run)
    assert tracked.history("kl/validation") == [(epoch["step"], epoch["validation"]["kl"]) for epoch in run.history]
    results = {name: value for name, value in run.results["test"].items() if isinstance(value, float)}
    assert {name[:-5]: value for name, value in tracked.summary.items() if name.endswith("/test")} == results
    assert run.results["test"]["nll"] is None  # of grey pixels
    pictures = {path.stem for path in (run.path / "figures").glob("*.png")}
    assert {name.split("/")[1] for row in tracked.rows for name in row if name.startswith("figures/")} == pictures
    assert len(list(tracked.files[0].parent.glob("files/media/images/figures/*.png"))) == len(pictures) > 0
    assert tracked.artifacts == ["model"]


def test_a_resumed_run_is_one_run(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    assert Tracked(run).artifacts == []
    genzoo.resume(run.path, epochs=4, quiet=True)
    tracked = Tracked(run)
    assert len(tracked.files) == 2
    assert tracked.history("loss/train") == told(run)
    assert tracked.config["training.epochs"] == 4


def test_a_killed_and_resumed_run_is_one_run_with_each_epoch_once(tmp_path: Path) -> None:
    run = genzoo.Run(tmp_path / "run")
    done = kill_run(run.path, "wandb", when=lambda: list(run.path.glob("wandb/*/*.wandb")))
    assert Tracked(run, ended=False).exit_code is None
    genzoo.resume(run.path, epochs=done + 2, quiet=True)
    after = Tracked(run)
    assert len(after.files) == 2
    assert after.history("loss/train") == told(run)


def test_a_run_that_fails_is_closed_as_failed(tmp_path: Path) -> None:
    with pytest.raises(genzoo.NonFiniteError):
        trained(tmp_path / "run", lr=1e30)
    tracked = Tracked(genzoo.Run(tmp_path / "run"))
    assert tracked.exit_code == 1
    assert tracked.summary["status"].startswith("failed: NonFiniteError")


def in_a_process(folder: Path, limit: float = 3.0, **environment: str) -> subprocess.CompletedProcess[str]:
    program = f"""
import sys, genzoo
from genzoo_plugins.trackers.wandb import WandB
WandB.limit = {limit}
genzoo.run("vae", "digits", out=sys.argv[1], epochs=2, hidden=(8,), listeners=("wandb",), quiet=True)
"""
    words = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(words, capture_output=True, text=True, timeout=200, env={**os.environ, **environment})


def test_a_server_that_is_down_costs_one_line_and_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    down = {"WANDB_MODE": "online", "WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": 40 * "a"}
    found = in_a_process(tmp_path / "run", **down)
    assert time.monotonic() - began < 80  # W&B itself waits 90 s to begin, and then for its own process
    assert genzoo.Run(tmp_path / "run").record["status"] == "finished"
    (line,) = found.stderr.splitlines()
    assert "GenzooError: not everything was sent within 3 s; later: wandb sync " in line
    assert found.stdout == ""


def test_who_is_not_logged_in_is_refused_and_not_asked(tmp_path: Path) -> None:
    found = in_a_process(tmp_path / "run", WANDB_MODE="online", WANDB_API_KEY="", HOME=str(tmp_path), NETRC="")
    assert 'UsageError: listeners=["wandb"]: nobody is logged in' in found.stderr
    assert not (tmp_path / "run").exists()
