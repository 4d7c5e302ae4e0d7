"""`--worker` and `--jobs`: several processes make the runs of one command."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from commandline import genzoo, in_own_process, refused
from worker_processes import Start, in_training, waited

from genzoo.cli import sharing
from genzoo.runs.run import MODEL_FILE, Run
from genzoo.system.checksummed import stored_digest
from genzoo.system.signals import interruption

SMALL = "--dataset moons --latent-dim 1 --hidden 8 --data.train 200 --data.validation 60 --data.test 100"
pytestmark = pytest.mark.usefixtures("runs_without_figures")


def runs_in(folder: Path) -> dict[int, list[Run]]:
    """The finished runs of a folder by their seeds."""
    found: dict[int, list[Run]] = {}
    for path in folder.glob("*/results.json"):
        run = Run(path.parent)
        found.setdefault(run.plain_config["training"]["seed"], []).append(run)
    return found


def same(one: Run, other: Run) -> bool:
    """Whether two runs have the same weights and results, bit for bit."""
    results = [{**run.results, "training": None} for run in (one, other)]
    return results[0] == results[1] and stored_digest(one.path / MODEL_FILE) == stored_digest(other.path / MODEL_FILE)


def test_a_worker_prints_what_it_made_and_the_command_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genzoo.experiment.speed.SECONDS", 0.0)
    words = f"bench --models vae --seeds 0..1 --epochs 1 {SMALL} --quiet --runs {tmp_path}"
    first = genzoo(f"{words} --worker")
    assert (first.code, first.err) == (0, "")
    lines = first.out.splitlines()
    assert [line.partition(": finished after ")[0] for line in lines] == ["[1/2] vae, seed 0", "[2/2] vae, seed 1"]
    assert all(Path(line.rpartition(", ")[2]) in tmp_path.iterdir() for line in lines)
    again = genzoo(f"{words.replace(' --quiet', '')} --worker")
    assert (again.code, again.out) == (0, "")
    assert again.err.splitlines()[-1] == "nothing is left free: 2 of 2 runs are finished"
    sheet = genzoo(words)
    assert sheet.code == 0
    assert "[" not in sheet.err
    assert "\n  vae " in sheet.out


@pytest.mark.parametrize("verb", ["bench --dataset moons", "race --models vae --dataset moons", "reproduce fvsbn"])
def test_jobs_that_cannot_be_are_refused(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(genzoo(f"{verb} --jobs 0")) == "--jobs 0: not from 1 to 1,000"
    assert not list(tmp_path.iterdir())


LASTING = f"bench --models vae --seeds 0..3 --epochs 100 --save-every 0.05 {SMALL} --quiet --runs"


@pytest.mark.long
def test_of_four_workers_two_are_killed_and_each_run_is_there_once(tmp_path: Path, started: Start) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    workers = [started(*LASTING.split(), shared, "--worker") for _ in range(4)]
    left = [worker.pid for worker in workers]
    for _ in range(2):
        killed = in_training(shared, left)
        os.kill(killed, signal.SIGKILL)
        left.remove(killed)
    outputs = {worker.pid: worker.communicate(timeout=300)[0] for worker in workers}
    assert sorted(worker.returncode for worker in workers) == [-signal.SIGKILL] * 2 + [0] * 2
    found = runs_in(shared)
    assert {seed: len(runs) for seed, runs in found.items()} == dict.fromkeys(range(4), 1)
    assert len(list(shared.glob("*/config.json"))) == 4, "none was begun twice"
    assert sum(text.count("finished after") for text in outputs.values()) == 4
    sheet = in_own_process(*LASTING.split(), shared)
    assert sheet.code == 0, sheet.err
    assert "[" not in sheet.err
    assert in_own_process(*LASTING.split(), alone).code == 0
    expected = runs_in(alone)
    assert all(same(found[seed][0], expected[seed][0]) for seed in range(4))
    sessions = [len(runs[0].record["sessions"]) for runs in found.values()]
    assert sorted(sessions) == [1, 1, 2, 2], "those of the killed ones were resumed"


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_jobs_are_ended_together_and_go_on(tmp_path: Path, started: Start, number: signal.Signals) -> None:
    words = LASTING.replace("0..3", "0..2").split()
    process = started(*words, tmp_path, "--jobs", 2)
    in_training(tmp_path, [json.loads(f.read_text())["pid"] for f in waited(tmp_path, 2)])
    process.send_signal(number)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 128 + number, output
    assert "genzoo: interrupted; 0 of 3 runs are finished" in output
    assert "Traceback" not in output
    records = [Run(path.parent).record for path in tmp_path.glob("*/run.json")]
    assert {record["status"] for record in records} == {"interrupted"}
    again = in_own_process(*words, tmp_path, "--jobs", 2)
    assert again.code == 0, again.err
    lines = [line for line in again.err.splitlines() if line.startswith("[")]
    assert len(lines) == 3, "one line a finished run"
    assert all(": finished after " in line for line in lines)
    assert {seed: len(runs) for seed, runs in runs_in(tmp_path).items()} == dict.fromkeys(range(3), 1)
    assert len(list(tmp_path.glob("*/config.json"))) == 3


@pytest.mark.parametrize("words", ["bench --models vae", "sweep vae --grid beta=1,4"])
def test_an_interruption_has_the_exit_code_of_its_signal_in_the_document_too(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise interruption(signal.SIGTERM)

    monkeypatch.setattr(sharing, "shared_sweep", interrupted)
    result = genzoo(f"{words} {SMALL} --seeds 0 --runs {tmp_path / 'runs'} --json")
    error = json.loads(result.out)["error"]
    assert result.code == error["exit_code"] == 128 + signal.SIGTERM
    assert error["message"].startswith("interrupted; 0 of ")
    assert error["hint"].startswith(f"genzoo {words.split()[0]} ")
