"""How much memory a device has to spare."""

from __future__ import annotations

import os
from pathlib import Path

import torch

CGROUP = Path("/sys/fs/cgroup")


def free_bytes(device: torch.device) -> int:
    """Memory that is free on a device, in bytes; on the CPU this process's share of what is available."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    beside = max(int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 1)  # torchrun: as many processes load the same data
    return min(_available(), _allowed()) // beside


def _available() -> int:
    """What the kernel can give without swapping; half of all memory where it does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024
    except (OSError, StopIteration, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _allowed() -> int:
    """What a container's limit leaves; page cache, which gives way, does not count."""
    try:
        limit, used = ((CGROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        cache = next(line for line in (CGROUP / "memory.stat").read_text().splitlines() if line.startswith("file "))
        return int(limit) - int(used) + int(cache.split()[1])
    except (OSError, StopIteration, ValueError):  # no such files, or the limit is "max"
        return 1 << 62
