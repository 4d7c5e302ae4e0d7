"""A heartbeat of each process in the key-value store that the processes of a run share."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from genzoo.core.errors import GenzooError

TIMEOUT = 50.0
"""Seconds without a heartbeat after which a process counts as lost."""
BEAT = 5.0
"""Seconds between two heartbeats."""


class ProcessLost(GenzooError):
    """Another process ended or hangs, so the processes can no longer communicate."""


class Heartbeat:
    """Counts up in the store to show that this process is alive, and checks that the others do.

    Args:
        store: The key-value store of the processes.
        rank: The rank of this process.
        size: How many processes there are.
    """

    def __init__(self, store: Any, rank: int, size: int) -> None:
        self.store, self.rank, self.size = store, rank, size
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="genzoo-beat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the heartbeat of this process."""
        self._stopped.set()
        self._thread.join(1)

    def require(self, seen: dict[int, tuple[int, float]]) -> None:
        """Check that every process is alive.

        Args:
            seen: The last count of each process and when it changed, kept between calls; empty at the first one.

        Raises:
            ProcessLost: The count of a process has not changed for TIMEOUT seconds.
        """
        now = time.monotonic()
        for other in range(self.size):
            beats = self.store.add(f"beat/{other}", 0)
            if seen.get(other, (-1, now))[0] != beats:
                seen[other] = (beats, now)
            elif now - seen[other][1] > TIMEOUT:
                raise ProcessLost(f"process {other} of {self.size} has not responded for {TIMEOUT:.0f} s")

    def _beat(self) -> None:
        with suppress(Exception):  # the store is closed, and the run with it
            while not self._stopped.is_set():
                self.store.add(f"beat/{self.rank}", 1)
                self._stopped.wait(BEAT)
