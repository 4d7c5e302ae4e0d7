"""The environment of a run: versions, the source revision, and the level of reproducibility."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
from pathlib import Path

import pytest
import torch

from genzoo.registry.current import registry
from genzoo.runs.environment import PACKAGES, determinism, environment, revision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_the_environment_is_json_and_names_plugins() -> None:
    entry = registry().get("model", "vae")
    here = environment(CPU, (entry,))
    assert json.loads(json.dumps(here)) == here
    assert here["packages"]["torch"] == importlib.metadata.version("torch")
    assert set(here["packages"]) == set(PACKAGES)
    assert here["plugins"] == {"model": {"name": "vae", "origin": str(entry.origin)}}
    assert (here["threads"], here["matmul"]) == (torch.get_num_threads(), "blas")


@pytest.mark.parametrize(
    ("device", "mode", "processes", "exact", "level"),
    [
        (CPU, "eager", 1, False, "R1"),
        (CPU, "compile", 1, False, "R1c"),
        (CPU, "eager", 2, False, "R4"),
        (GPU, "eager", 1, False, "statistical"),
        (GPU, "eager", 1, True, "R2"),
        (GPU, "compile", 1, True, "R2c"),
        (GPU, "graph", 1, True, "R3"),
        (GPU, "graph", 2, True, "R4"),
    ],
)
def test_the_level_of_reproducibility(
    device: torch.device, mode: str, processes: int, exact: bool, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: exact)
    assert determinism(device, mode, processes) == level


def test_a_revision_says_whether_there_are_changes(tmp_path: Path) -> None:
    assert revision(tmp_path) is None
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]

    def git(*words: str) -> str:
        command = ["git", "-C", str(tmp_path), *identity, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-qm", "one")
    assert revision(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "file").write_text("two")
    assert revision(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": True}
