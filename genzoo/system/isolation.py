"""What a run has to itself in a program: torch's generators and settings, which belong to the whole process."""

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
    """Have a lock be free in the child of a fork, whose only thread holds none."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)


class ProcessWide(Generic[T]):
    """A setting of torch's that all threads share: the first one in changes it, the last one out puts it back.

    Args:
        get: Returns its value.
        put: Sets it.
    """

    def __init__(self, get: Callable[[], T], put: Callable[[T], None]) -> None:
        self.get = get
        self.put = put
        self.lock = threading.Lock()
        reinit_after_fork(self.lock)
        self.inside = 0
        """How many contexts of all threads are open."""
        self.own = threading.local()
        """The values that the open contexts of this thread have set, the innermost last."""

    @contextlib.contextmanager
    def set_to(self, value: T) -> Iterator[None]:
        """Have the setting at a value inside."""
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
"""Held by the run at hand."""
_dtype = ProcessWide(torch.get_default_dtype, torch.set_default_dtype)

for _lock in (_run, generators):
    reinit_after_fork(_lock)


@contextlib.contextmanager
def one_run(quiet: bool = False) -> Iterator[None]:
    """Inside, no other thread of this process has a run; one that asks waits, and says so unless it is quiet.

    The thread itself may begin another, as from a listener: that one leaves torch's generators as they were.
    """
    if not _run.acquire(blocking=False):
        if not quiet:
            tell("genzoo: a run in another thread goes first; for runs side by side start one process each")
        _run.acquire()
    try:
        yield
    finally:
        _run.release()


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Inside, torch and NumPy compute as they do in a program that has set nothing."""
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
