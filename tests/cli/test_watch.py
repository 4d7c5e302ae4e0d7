"""genzoo watch: rows of runs that train, end, are killed or belong to another host."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from commandline import command, environment, genzoo, refused

from genzoo.cli import watch
from genzoo.cli.watch import is_running, line_of, sparkline, state, table
from genzoo.runs.overview import Overview
from genzoo.runs.run import Run
from genzoo.system import lock


def epoch(number: int, loss: float, seconds: float = 2.0) -> dict[str, Any]:
    return {"epoch": number, "train": {"loss": 9.0}, "validation": {"loss": loss}, "seconds": seconds}


def made(folder: Path, status: str, *losses: float, started: float = 1.0) -> Overview:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model": {"name": "vae"}, "training": {"epochs": 10}}')
    (folder / "run.json").write_text(json.dumps({"status": status, "started": started, "sessions": []}))
    lines = [json.dumps(epoch(number, loss)) for number, loss in enumerate(losses, 1)]
    (folder / "metrics.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return Overview(Run(folder))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watch, "SECONDS", 0.01)
    return tmp_path


def test_a_row_has_status_epochs_loss_time_left_and_curve(place: Path) -> None:
    one = made(place / "runs/a", "running", 4.0, 3.0, 2.5)
    with lock.locked(one.run.path):
        assert line_of(one) == ["a", "running", "3/10", "2.5000", "14 s", "█▃▁"]
    assert line_of(Overview(one.run)) == ["a", "killed", "3/10", "2.5000", "", "█▃▁"]
    assert line_of(made(place / "runs/b", "finished")) == ["b", "finished", "0/10", "", "", ""]
    assert state(made(place / "runs/c", "failed: the disk is full")) == "failed: the disk is full"


def test_a_run_of_another_host_is_judged_by_its_files(place: Path) -> None:
    one = made(place / "runs/a", "running", 4.0)
    (one.run.path / "lock").write_text('{"pid": 1, "host": "far-away"}')
    assert is_running(one)
    long_ago = time.time() - 3600
    for path in (*one.run.path.glob("*"), one.run.path):
        os.utime(path, (long_ago, long_ago))
    assert state(one) == "silent for 1 h"
    slow = Overview(one.run)
    (slow.run.path / "metrics.jsonl").write_text(json.dumps(epoch(1, 2.0, seconds=1800.0)))
    os.utime(slow.run.path / "metrics.jsonl", (long_ago, long_ago))
    assert is_running(slow)  # its epochs take half an hour


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([1.0], ""), ([2.0, 2.0], "▁▁"), ([0.0, 7.0], "▁█"), (list(range(32)), "▁▁▂▂▃▃▄▄▅▅▆▆▇▇██")],
)
def test_a_curve_in_one_line(values: list[float], line: str) -> None:
    assert sparkline(values) == line


def test_it_ends_when_none_is_running(place: Path) -> None:
    made(place / "runs/new", "finished", 3.0, started=2.0)
    made(place / "bench/digits/old", "interrupted", 4.0, started=1.0)
    result = genzoo("watch")
    assert (result.code, result.err) == (0, "")
    assert result.out == "old  interrupted  1/10  4\nnew  finished  1/10  3\n"
    assert genzoo("watch runs").out == genzoo("watch new").out == genzoo("watch runs/new").out
    assert refused(genzoo("watch nosuch")).startswith("no run 'nosuch'")


def test_without_runs_it_says_how_to_make_one() -> None:
    assert refused(genzoo("watch")) == "no runs to watch"


def test_a_line_is_printed_for_each_change(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = made(place / "runs/a", "running", 4.0)

    def step(seconds: float) -> None:
        done = len(Overview(one.run).history)
        if done < 3:
            one.run.append(epoch(done + 1, 3.0))
        else:
            (one.run.path / "run.json").write_text('{"status": "finished", "sessions": []}')

    monkeypatch.setattr(time, "sleep", step)
    with lock.locked(one.run.path):
        lines = genzoo("watch").out.splitlines()
    assert [line.split()[1:3] for line in lines] == [
        ["running", "1/10"], ["running", "2/10"], ["running", "3/10"], ["finished", "3/10"],
    ]  # fmt: skip


def test_a_terminal_of_80_columns_cuts_names_and_no_number(place: Path) -> None:
    from rich.console import Console

    long = made(place / "runs" / ("a-name-" * 9), "failed: a reason", *map(float, range(20)))
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(table([long]))
    lines = console.export_text().splitlines()
    assert len(lines) == 2
    assert "20/10" in lines[1]
    assert "failed: a reason" in lines[1]
    assert "a-name-" in lines[1]


@pytest.mark.long
def test_a_run_is_watched_to_its_end(place: Path) -> None:
    words = ("run", "vae", "digits", "--hidden", "8", "--epochs", "20", "--batch-size", "32", "--quiet")
    with subprocess.Popen(command(*words), env=environment(), stdout=subprocess.DEVNULL) as training:
        while not list(place.glob("runs/*/run.json")):
            time.sleep(0.1)
        program = [*command("watch"), "@last"]
        done = subprocess.run(program, env=environment(), capture_output=True, text=True, timeout=100)
        assert training.wait(10) == 0
    lines = done.stdout.splitlines()
    assert " running " in lines[0]
    assert " finished  20/20 " in lines[-1]
    imports = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "genzoo", "watch"], env=environment(), capture_output=True, text=True
    )
    assert "torch" not in {row.rpartition("|")[2].strip() for row in imports.stderr.splitlines()}
