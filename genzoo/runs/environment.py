"""Where, when and with what a run was made."""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from genzoo.core.version import __version__
from genzoo.registry.entries import Entry
from genzoo.system.computing import matmul, processor
from genzoo.system.memory import give_back_memory

PACKAGES = ("torch", "torchvision", "numpy", "safetensors", "pluggy")


def environment(device: torch.device, entries: tuple[Entry, ...]) -> dict[str, Any]:
    """Versions, plugins, source revision and hardware, as plain JSON values."""
    return {
        "genzoo": __version__,
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "plugins": {entry.kind: {"name": entry.name, "origin": str(entry.origin)} for entry in entries},
        "source": revision(Path(__file__).parent),
        "platform": platform.platform(),
        "processor": processor(),
        "device": describe_device(device),
        "threads": torch.get_num_threads(),
        **({"matmul": matmul()} if device.type == "cpu" else {}),
        "command": sys.argv,
    }


def determinism(device: torch.device, mode: str, processes: int = 1) -> str:
    """What level of reproducibility a training reaches: R1 to R4 as in README, or "statistical"."""
    if device.type != "cpu" and not torch.are_deterministic_algorithms_enabled():
        return "statistical"
    if processes > 1:
        return "R4"
    if mode == "graph":
        return "R3"
    return ("R1" if device.type == "cpu" else "R2") + ("c" if mode == "compile" else "")


def describe_device(device: torch.device) -> str:
    """A device in a few words: "cpu, 2 threads" or the GPU's name."""
    if device.type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}" if device.type == "cpu" else str(device)


def revision(folder: Path) -> dict[str, Any] | None:
    """The git commit that a folder is at and whether it has changes; None outside a checkout."""
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = subprocess.run(  # noqa: S603 (no word of it comes from a file)
            command, capture_output=True, text=True, timeout=5, env=environment, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = answer.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid")), "")
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}


def forget_peak(device: torch.device) -> None:
    """Starts `peak_memory` anew, so that a run does not report what another one before it needed.

    Of a process only Linux can do so; elsewhere the figure is the most since the process began. Freed memory that the
    C library keeps (see `genzoo.system.memory`) is given back first.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    gc.collect()
    give_back_memory()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> int:
    """The most memory used since `forget_peak`, in bytes: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
