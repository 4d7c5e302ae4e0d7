"""The heartbeat: a process whose count stands still is lost."""

from __future__ import annotations

import time

import pytest
from torch.distributed import HashStore

from genzoo.system import heartbeat
from genzoo.system.heartbeat import Heartbeat, ProcessLost


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "TIMEOUT", 0.2)
    monkeypatch.setattr(heartbeat, "BEAT", 0.02)


def test_processes_that_count_are_alive_and_one_that_stops_is_named() -> None:
    store = HashStore()
    first, second = Heartbeat(store, 0, 2), Heartbeat(store, 1, 2)
    seen: dict[int, tuple[int, float]] = {}
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        first.require(seen)
        time.sleep(0.02)
    assert all(beats > 1 for beats, _ in seen.values())
    second.stop()
    first.require(seen)
    time.sleep(0.3)
    with pytest.raises(ProcessLost, match=r"^process 1 of 2 has not responded for 0 s"):
        first.require(seen)
    first.stop()


def test_the_first_look_at_a_process_starts_its_time() -> None:
    alone = Heartbeat(HashStore(), 0, 2)
    alone.require({})  # process 1 has not counted yet
    alone.stop()
