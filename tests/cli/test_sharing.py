"""`--worker` and `--jobs`: several processes make the runs of one command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from commandline import genzoo, in_own_process, refused
from documents import blocks
from worker_processes import PATIENCE, Start, in_training, waited

from genzoo.cli import sharing
from genzoo.experiment import jobs
from genzoo.runs.run import MODEL_FILE, Run
from genzoo.system.checksummed import stored_digest
from genzoo.system.signals import interruption

SIZES = "--latent-dim 1 --hidden 8 --data.train 200 --data.validation 60 --data.test 100"
SMALL = f"--dataset moons {SIZES}"
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


LASTING = f"bench --models held-back --seeds 0..3 --epochs 100 --save-every 0.05 {SMALL} --quiet --runs"
HELD_BACK = """
import os, time
import genzoo
from genzoo.training.trainer import Trainer
step = Trainer._train_step
def train_step(self, *inputs):
    time.sleep(os.path.exists(os.environ["SLOW"]))
    step(self, *inputs)
Trainer._train_step = train_step
@genzoo.hookimpl
def register_models(register):
    register("held-back", "genzoo_plugins.vae.vae:VAE", loss="elbo", summary="a VAE")
"""
"""A model whose steps take a second while a file is there: no run ends by itself before it is asked to."""


@pytest.fixture
def held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The plugin file, and the file that makes steps slow."""
    plugin, slow = tmp_path / "held_back.py", tmp_path / "slow"
    slow.touch()
    plugin.write_text(HELD_BACK)
    monkeypatch.setenv("SLOW", str(slow))
    return plugin, slow


def test_a_run_that_fails_in_a_worker_fails_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is begun once, not again by each of the workers and by the command."""
    monkeypatch.setattr("genzoo.experiment.speed.SECONDS", 0.0)
    codes: list[int] = []

    def run_workers(command: list[str], count: int, *_: object) -> None:
        codes.extend(genzoo(*command).code for _ in range(count))

    monkeypatch.setattr(jobs, "run_workers", run_workers)
    words = f"bench --models vae --dataset moons --seeds 0..1 --epochs 2 {SIZES} --runs {tmp_path} --jobs 2".split()
    result = genzoo(*words, "--models", "vae,vae --lr 1e30")
    assert (result.code, codes) == (3, [3, 3]), result.err
    lines = [line for line in result.err.splitlines() if line.startswith("genzoo: no result for ")]
    assert [line.split(": ")[1] for line in lines] == ["no result for vae, seed 0", "no result for vae, seed 1"]
    assert "\n  vae " in result.out
    assert len(list(tmp_path.glob("*/config.json"))) == 4


@pytest.mark.long
def test_of_four_workers_two_are_killed_and_each_run_is_there_once(
    tmp_path: Path, started: Start, held_back: tuple[Path, Path]
) -> None:
    alone, shared, words = tmp_path / "alone", tmp_path / "shared", ["-p", held_back[0], *LASTING.split()]
    workers = [started(*words, shared, "--worker") for _ in range(4)]
    left = [worker.pid for worker in workers]
    for _ in range(2):
        killed = in_training(shared, left)
        os.kill(killed, signal.SIGKILL)
        left.remove(killed)
    held_back[1].unlink()
    outputs = {worker.pid: worker.communicate(timeout=PATIENCE)[0] for worker in workers}
    assert sorted(worker.returncode for worker in workers) == [-signal.SIGKILL] * 2 + [0] * 2
    found = runs_in(shared)
    assert {seed: len(runs) for seed, runs in found.items()} == dict.fromkeys(range(4), 1)
    assert len(list(shared.glob("*/config.json"))) == 4, "none was begun twice"
    assert sum(text.count("finished after") for text in outputs.values()) == 4
    sheet = in_own_process(*words, shared)
    assert sheet.code == 0, sheet.err
    assert "[" not in sheet.err
    assert in_own_process(*words, alone).code == 0
    expected = runs_in(alone)
    assert all(same(found[seed][0], expected[seed][0]) for seed in range(4))
    sessions = [len(runs[0].record["sessions"]) for runs in found.values()]
    assert sorted(sessions) == [1, 1, 2, 2], "those of the killed ones were resumed"


THREE = {
    "bench": "bench --models held-back --dataset moons --seeds 0..2",
    "grid": "sweep held-back moons --grid beta=1,2,4 --seeds 0",
    "search": "sweep held-back moons --search beta=0.5..4.5 --trials 3 --best 1 --seeds 1",
}


def running(folder: Path) -> list[str]:
    """The processes whose command names a folder."""
    table = subprocess.run(["ps", "-eo", "pid=,args=", "-ww"], capture_output=True, text=True).stdout
    return [line for line in table.splitlines() if str(folder) in line]


def all_end(folder: Path) -> None:
    """Wait until no process whose command names a folder is left."""
    until = time.monotonic() + PATIENCE
    while left := running(folder):
        assert time.monotonic() < until, left
        time.sleep(0.1)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("kind", THREE)
def test_jobs_are_ended_together_and_go_on(
    kind: str, number: signal.Signals, tmp_path: Path, started: Start, held_back: tuple[Path, Path]
) -> None:
    """The signal reaches the whole process group, as Ctrl-C in a terminal does; `kill -9` the command alone."""
    if kind == "search":
        pytest.importorskip("optuna")
    (plugin, slow), folder = held_back, tmp_path / "runs"
    words = f"-p {plugin} {THREE[kind]} --epochs 100 --save-every 0.05 {SIZES} --quiet --runs {folder} --jobs 2".split()
    process = started(*words, process_group=0)
    pids = {in_training(folder, [json.loads(file.read_text())["pid"]]) for file in waited(folder, 2, process)}
    assert len(pids) == 2
    assert len(running(folder)) == 3
    os.killpg(process.pid, number)
    output = process.communicate(timeout=PATIENCE)[0]
    if number == signal.SIGKILL:
        all_end(folder)
    else:
        assert process.returncode == 128 + number, output
        assert running(folder) == []
        assert f"genzoo: interrupted; 0 of 3 {'trials' if kind == 'search' else 'runs'} are finished" in output
    assert "Traceback" not in output
    halves = [Run(path.parent) for path in folder.glob("*/run.json")]
    assert [run.record["status"] for run in halves] == ["interrupted"] * 2
    assert all(any(run.path.glob("checkpoints/step-*")) for run in halves)
    slow.unlink()
    again = in_own_process(*words)
    assert again.code == 0, again.err
    lines = [line for line in again.err.splitlines() if line.startswith("[")]
    runs = [Run(path.parent) for path in folder.glob("*/config.json")]
    assert {run.record["status"] for run in runs} == {"finished"}
    assert len(set(lines)) == len(lines) == len(runs) == (4 if kind == "search" else 3), "each is made and told of once"
    assert {run.path for run in runs if len(run.record["sessions"]) == 2} == {run.path for run in halves}


@pytest.mark.long
def test_workers_on_a_dask_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """README's recipe as it stands, but for the data and the address."""
    distributed = pytest.importorskip("dask.distributed")
    (recipe,) = (block for block in blocks("README.md", "text") if "dask.distributed" in block)
    monkeypatch.chdir(tmp_path)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster:
        for typed, here in (
            ("--dataset mnist", f"--epochs 1 --seeds 0..1 {SMALL} --quiet"),
            ("/shared/bench", str(tmp_path / "runs")),
            ("tcp://HOST:8786", cluster.scheduler_address),
            ("range(8)", "range(3)"),
        ):
            assert typed in recipe
            recipe = recipe.replace(typed, here)
        found: dict[str, Any] = {}
        exec(recipe, found)
        found["client"].close()
    assert found["codes"] == [0, 0, 0]
    made = [(run.config.model, seed) for seed, runs in runs_in(tmp_path / "runs").items() for run in runs]
    assert sorted(made) == [("ae", 0), ("ae", 1), ("vae", 0), ("vae", 1)]


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


@pytest.mark.parametrize(
    "words", ["bench vae,vea digits", "race vae,vea digits", "sweep vae digits --grid nothing=1,2"]
)
def test_one_seed_that_looks_like_a_number_of_seeds_is_told(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = "one seed, 3; 3 seeds: --seeds 0-2"
    assert genzoo(f"{words} --seeds 3").err.splitlines()[0] == line
    for seeds in ("0", "1", "3,4", "123"):
        assert "one seed" not in genzoo(f"{words} --seeds {seeds}").err
