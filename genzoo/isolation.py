"""What a run has to itself in a program: torch's generators and settings, which belong to the whole process."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import numpy as np
import torch

from genzoo.noise import generators, unkeyed
from genzoo.streams import tell

_run = threading.RLock()
"""Held by the run at hand."""
_dtype = threading.Lock()
_inside = 0
"""How many need torch's default dtype to be its own one."""
_outside: torch.dtype = torch.float32
"""The default dtype of the program around them."""

if hasattr(os, "register_at_fork"):  # the child of a fork has but one thread, which holds none of these
    for _lock in (_run, _dtype, generators):
        os.register_at_fork(after_in_child=_lock._at_fork_reinit)  # type: ignore[union-attr]


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
        settings.enter_context(_own_dtype())
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


@contextlib.contextmanager
def _own_dtype() -> Iterator[None]:
    """torch's default dtype is that of all threads: the first one in changes it, the last one out puts it back."""
    global _inside, _outside
    with _dtype:
        if not _inside:
            _outside = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
        _inside += 1
    try:
        yield
    finally:
        with _dtype:
            _inside -= 1
            if not _inside:
                torch.set_default_dtype(_outside)
