"""Processes of their own that make the runs of one folder."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commandline import command, environment

from genzoo.runs.claims import FOLDER, HOLDER

Start = Callable[..., "subprocess.Popen[str]"]
PATIENCE = 900.0
"""Seconds that anything may take on a busy machine."""


@pytest.fixture
def started() -> Iterator[Start]:
    """Starts a genzoo of its own process, which does not outlive the test."""
    every: list[subprocess.Popen[str]] = []

    def start(*words: object, process_group: int | None = None) -> subprocess.Popen[str]:
        every.append(
            subprocess.Popen(
                command(*words), env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                process_group=process_group,
            )
        )  # fmt: skip
        return every[-1]

    yield start
    for process in every:
        with process:  # closes its pipe and waits for it
            process.kill()


def in_training(folder: Path, pids: list[int]) -> int:
    """Wait until one of some processes has saved a checkpoint of the run that it makes; return its number."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for file in folder.glob(f"{FOLDER}/*/*/{HOLDER}"):
            holder = json.loads(file.read_text())
            run = folder / holder["notes"].get("run", "-")
            if holder["status"] == "held" and holder["pid"] in pids and any(run.glob("checkpoints/step-*")):
                return int(holder["pid"])
        time.sleep(0.02)
    raise TimeoutError(pids)


def waited(folder: Path, count: int, process: subprocess.Popen[str]) -> list[Path]:
    """Wait until the workers of a process have taken so many runs, and return the files of their claims."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        files = [f for f in folder.glob(f"{FOLDER}/*/1/{HOLDER}") if "run" in json.loads(f.read_text())["notes"]]
        if len(files) == count:
            return files
        time.sleep(0.02)
    process.kill()
    raise TimeoutError(process.communicate()[0])
