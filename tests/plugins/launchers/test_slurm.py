"""Jobs of SLURM without a cluster: what is asked of sbatch, and what a job does with its command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from genzoo_plugins.launchers.slurm import Job, Slurm, is_wanted

from genzoo.core.errors import GenzooError, UsageError


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that are found before all others; sbatch and srun fail."""
    for name in ("sbatch", "srun"):
        write(tmp_path / name, "echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def write(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_options_are_named_as_submitit_names_them(programs: Path) -> None:
    few, all_of_them = Slurm.Config(), Slurm.Config(partition="gpu", time=120, grace=30, gpus=1, cpus=4, memory=8.0)
    least = {"name": "genzoo", "timeout_min": 60, "slurm_signal_delay_s": 90, "cpus_per_task": 1}
    assert Slurm(few).parameters() == least
    changed = {"timeout_min": 120, "slurm_signal_delay_s": 30, "cpus_per_task": 4}
    more = {"slurm_partition": "gpu", "gpus_per_node": 1, "mem_gb": 8.0}
    assert Slurm(all_of_them).parameters() == least | changed | more


def test_the_words_of_a_job_reach_sbatch(programs: Path, tmp_path: Path) -> None:
    script = tmp_path / "script"
    write(programs / "sbatch", f"cat $1 >> {script}; echo Submitted batch job 7")
    launcher = Slurm(Slurm.Config(partition="gpu", time=5, gpus=2, logs=str(tmp_path / "logs")))
    assert launcher.start(["genzoo", "run"], 2) == ["7", "7"]
    lines = script.read_text().splitlines()
    for line in ("--partition=gpu", "--time=5", "--gpus-per-node=2", "--signal=USR2@90", "--cpus-per-task=1"):
        assert lines.count(f"#SBATCH {line}") == 2


def test_what_is_missing_is_said(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GenzooError, match=r"sbatch refused the job: .*invalid partition specified: nowhere"):
        Slurm(Slurm.Config(logs=str(tmp_path / "logs"))).start(["genzoo"], 1)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="there is no sbatch here"):
        Slurm(Slurm.Config())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="submitit is not installed") as refused:
        Slurm(Slurm.Config())
    assert refused.value.hint == 'pip install "genzoo[slurm]"'


def test_a_command_does_not_hear_the_signal_for_submitit() -> None:
    Job(["sh", "-c", "kill -USR2 $$; exit 0"])()
    with pytest.raises(subprocess.CalledProcessError, match="exit status 3"):
        Job(["sh", "-c", "exit 3"])()


def test_a_checkpoint_ends_the_command_and_is_the_same_command() -> None:
    command = [
        sys.executable,
        "-c",
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(9)); time.sleep(60)",
    ]
    job, ended = Job(command), []

    def run() -> None:
        try:
            job()
        except subprocess.CalledProcessError as error:
            ended.append(error.returncode)

    thread = threading.Thread(target=run)
    thread.start()
    while job.process is None:
        time.sleep(0.01)
    time.sleep(0.3)  # until it handles the signal
    again = job.checkpoint()
    thread.join(10)
    assert (ended, again.function.command) == ([9], command)


@pytest.mark.parametrize(("state", "queued"), [("RUNNING", True), ("COMPLETING", False), ("CANCELLED", False)])
def test_a_job_that_saved_and_ended_is_queued_again_unless_it_was_cancelled(
    state: str, queued: bool, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(programs / "scontrol", f"echo JobId=$5 JobState={state} Reason=None")
    assert is_wanted() == queued
    heard = []
    before = signal.signal(signal.SIGUSR2, lambda *_: heard.append(1))
    try:
        with pytest.raises(subprocess.CalledProcessError):
            Job(["sh", "-c", "exit 143"])()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert bool(heard) == queued
