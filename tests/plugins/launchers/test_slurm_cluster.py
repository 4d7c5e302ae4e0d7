"""Runs on a real SLURM cluster of two nodes: preempted, queued again, cancelled."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_cluster import Cluster, missing

from genzoo.runs.run import Run

WORDS = ["--hidden", "8", "--latent-dim", "2", "--epochs", "250", "--save-every", "1", "--data.validation", "200"]
pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a short path: a socket lies in it
    made = Cluster(folder)
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


def genzoo(cluster: Cluster, *words: str) -> str:
    return cluster.run(sys.executable, "-m", "genzoo", *words)


def trained(folder: Path) -> dict[str, tuple[bytes, object]]:
    """Return the model and the results of each finished run in a folder, by model and seed."""
    found: dict[str, tuple[bytes, object]] = {}
    for file in sorted(folder.glob("*/results.json")):
        run = Run(file.parent)
        name = f"{run.config.model} {run.config.training.seed}"
        assert name not in found, "each run is made once"
        found[name] = (run.path / "model.safetensors").read_bytes(), run.results["test"]
    return found


def restarts(folder: Path, job: str) -> int:
    return (folder / f"{job}_0_log.out").read_text().count("Loading pickle") - 1


def test_a_benchmark_is_made_once_on_two_nodes_whatever_happens_to_its_jobs(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One job is queued again and one gets SIGTERM, both in the midst of a run."""
    monkeypatch.chdir(tmp_path)
    words = ["bench", "--models", "ae,vae", "--dataset", "moons", *WORDS, "--seeds", "0,1", "--quiet"]
    launch = ["--on", "slurm", "--workers", "2", "--slurm.time", "30", "--slurm.logs", "logs"]
    first, second = genzoo(cluster, *words, "--runs", "there", *launch).split()
    cluster.wait_for(lambda: len(list((tmp_path / "there").glob("*/checkpoints/step-*"))) >= 2, "checkpoints")
    nodes = cluster.run("squeue", "-h", "-o", "%N").split()
    cluster.run("scontrol", "requeue", first)
    cluster.run("scancel", "--signal=TERM", second)
    assert sorted(nodes) == ["n1", "n2"]
    cluster.wait_for(lambda: {*cluster.states().values()} <= {"COMPLETED"}, "end of the jobs", 300)
    assert [restarts(tmp_path / "logs", job) for job in (first, second)] == [1, 1]
    sessions = [len(Run(file.parent).record["sessions"]) for file in (tmp_path / "there").glob("*/run.json")]
    assert sorted(sessions) == [1, 1, 2, 2]
    assert json.loads(genzoo(cluster, *words, "--runs", "there", "--json"))["tables"]
    genzoo(cluster, *words, "--runs", "here")
    here = trained(tmp_path / "here")
    assert here.keys() == {"ae 0", "ae 1", "vae 0", "vae 1"}
    assert trained(tmp_path / "there") == here


def test_a_run_whose_time_is_up_goes_on_and_a_cancelled_one_stays_cancelled(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["run", "vae", "moons", *WORDS, "--epochs", "20000", "--on", "slurm"]
    (short,) = genzoo(cluster, *words, "--slurm.time", "2", "--slurm.grace", "20").split()
    (cancelled,) = genzoo(cluster, *words, "--slurm.time", "30", "--out", "other").split()
    cluster.wait_for(lambda: list((tmp_path / "other").glob("checkpoints/step-*")), "checkpoint")
    cluster.run("scancel", cancelled)
    cluster.wait_for(lambda: cluster.states()[cancelled] == "CANCELLED", "cancelled job")
    log = tmp_path / f"slurm/{short}_0_log.err"
    cluster.wait_for(lambda: re.search(r"resuming  \S+ at step", log.read_text()), "run that goes on", 200)
    cluster.run("scancel", short)
    (run,) = (tmp_path / "runs").glob("*/run.json")
    assert len(Run(run.parent).record["sessions"]) > 1
    cluster.wait_for(lambda: {cluster.states()[job] for job in (short, cancelled)} == {"CANCELLED"}, "quiet")
    assert Run(tmp_path / "other").record["status"] == "interrupted"
