"""Isolation of a run from the rest of its process: torch's random generators and settings are global."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from genzoo.core.noise import generators, unkeyed
from genzoo.system.streams import tell

T = TypeVar("T")


def reinit_after_fork(lock: Any) -> None:
    """Make a lock free in the child of a fork: the child's only thread holds no lock."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)


class ProcessWide(Generic[T]):
    """A setting of torch that all threads share. The first context changes it, the last one to end restores it.

    Args:
        get: Returns the value.
        put: Sets the value.
    """

    def __init__(self, get: Callable[[], T], put: Callable[[T], None]) -> None:
        self.get = get
        self.put = put
        self.lock = threading.Lock()
        reinit_after_fork(self.lock)
        self.inside = 0
        """The number of open contexts of all threads."""
        self.own = threading.local()
        """The values set by the open contexts of this thread, the innermost last."""

    @contextlib.contextmanager
    def set_to(self, value: T) -> Iterator[None]:
        """Set the value within the context."""
        mine: list[T] = self.own.__dict__.setdefault("values", [])
        with self.lock:
            if not self.inside:
                self.outside = self.get()
            self.inside += 1
            mine.append(value)
            self.put(value)
        try:
            yield
        finally:
            with self.lock:
                self.inside -= 1
                mine.pop()
                if not self.inside:
                    self.put(self.outside)
                elif mine:
                    self.put(mine[-1])


_run = threading.RLock()
"""Held by the current run."""
_dtype = ProcessWide(torch.get_default_dtype, torch.set_default_dtype)

for _lock in (_run, generators):
    reinit_after_fork(_lock)


@contextlib.contextmanager
def one_run(quiet: bool = False) -> Iterator[None]:
    """Allow one thread at a time to run. Another thread waits, and prints a line about it unless it is quiet.

    The same thread may start a second run inside the first, for example from a listener.
    """
    if not _run.acquire(blocking=False):
        if not quiet:
            tell("genzoo: waiting for a run in another thread; to run in parallel, start one process each")
        _run.acquire()
    try:
        yield
    finally:
        _run.release()


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Use the default settings of torch and NumPy within the context, whatever the program has set."""
    with contextlib.ExitStack() as settings:
        settings.enter_context(_dtype.set_to(torch.float32))
        settings.enter_context(unkeyed())
        settings.enter_context(torch.inference_mode(False))
        settings.enter_context(torch.enable_grad())
        settings.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        if torch.get_default_device().type != "cpu":
            settings.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                settings.enter_context(torch.autocast(kind, enabled=False))
        yield
