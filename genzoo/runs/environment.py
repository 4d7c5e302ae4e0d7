"""The environment of a run: versions, plugins, source revision, hardware, and the reproducibility they give."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import torch

from genzoo.core.version import __version__
from genzoo.registry.entries import Entry
from genzoo.system.computing import matmul, processor
from genzoo.system.devices import describe_device

PACKAGES = ("torch", "torchvision", "numpy", "safetensors", "pluggy")


def environment(device: torch.device, entries: tuple[Entry, ...]) -> dict[str, Any]:
    """Return versions, plugins, source revision and hardware as JSON values."""
    return {
        "genzoo": __version__,
        "python": platform.python_version(),
        "packages": versions(),
        "plugins": {entry.kind: {"name": entry.name, "origin": str(entry.origin)} for entry in entries},
        "source": own_revision(),
        "platform": platform.platform(),
        "processor": processor(),
        "device": describe_device(device),
        "threads": torch.get_num_threads(),
        **({"matmul": matmul()} if device.type == "cpu" else {}),
        "command": sys.argv,
    }


@cache
def versions() -> dict[str, str]:
    """Return the versions of the packages that runs compute with; they cannot change in a process."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


@cache
def own_revision() -> dict[str, Any] | None:
    """Return the revision of genzoo's source when it was first asked for, as this process has imported it."""
    return revision(Path(__file__).parent)


def determinism(device: torch.device, mode: str, processes: int = 1) -> str:
    """Return the level of reproducibility of a training: R1 to R4 as in the README, or "statistical"."""
    if device.type != "cpu" and not torch.are_deterministic_algorithms_enabled():
        return "statistical"
    if processes > 1:
        return "R4"
    if mode == "graph":
        return "R3"
    return ("R1" if device.type == "cpu" else "R2") + ("c" if mode == "compile" else "")


def revision(folder: Path) -> dict[str, Any] | None:
    """Return the git commit of a folder and whether it has changes; None outside a repository."""
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = subprocess.run(  # noqa: S603 (no argument comes from a file)
            command, capture_output=True, text=True, timeout=5, env=environment, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = answer.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid")), "")
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}
