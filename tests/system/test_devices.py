"""Devices: which one is chosen, how it is described, and its peak memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genzoo.core.errors import UsageError
from genzoo.system.devices import choose_device, describe_device, forget_peak, peak_memory, synchronize
from genzoo.system.distributed import Processes
from genzoo.system.memory import keep_memory

CPU = torch.device("cpu")
MEGABYTES = 300


def test_several_processes_cannot_share_a_numbered_gpu() -> None:
    two = Processes()
    two.size = 2
    assert choose_device("cpu", two) == torch.device("cpu")
    with pytest.raises(UsageError, match="several processes cannot share one device"):
        choose_device("cuda:1", two)


@pytest.mark.parametrize(("threads", "words"), [(1, "cpu, 1 thread"), (2, "cpu, 2 threads")])
def test_a_cpu_is_described_by_its_threads(threads: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert describe_device(CPU) == words


def test_a_cpu_has_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    synchronize(CPU)
    synchronize(torch.device("cuda"))
    assert waited == [torch.device("cuda")]


def test_the_peak_of_what_came_before_is_forgotten() -> None:
    keep_memory()  # as in every trainer: freed memory is not returned to the system automatically
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
