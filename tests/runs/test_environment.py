"""What a run reports about its machine."""

from __future__ import annotations

from pathlib import Path

import torch

from genzoo.runs.environment import forget_peak, peak_memory
from genzoo.system.memory import keep_memory

CPU = torch.device("cpu")
MEGABYTES = 300


def test_the_peak_of_what_came_before_is_forgotten() -> None:
    keep_memory()  # as every trainer has it: nothing that is freed goes back by itself
    before = peak_memory(CPU)
    torch.ones(MEGABYTES << 18)  # written to, so that it counts
    peak = peak_memory(CPU)
    forget_peak(CPU)
    after = peak_memory(CPU)
    assert peak >= before
    if Path("/proc/self/clear_refs").exists():
        assert after < peak - (MEGABYTES << 20) // 2
    torch.ones(2 * MEGABYTES << 18)
    assert peak_memory(CPU) >= after + (MEGABYTES << 20)
