"""One run in several processes, as torchrun starts them: `torchrun --nproc-per-node 2 -m genzoo run …`.

The variables RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT decide. Each process takes its rows of every
batch; the first process prints and writes. Processes communicate in two ways: collective operations on tensors (gloo,
NCCL), and short texts in the key-value store through which the processes found each other. Each process also updates a
heartbeat in that store.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from typing import Any

from genzoo.core.errors import GenzooError, UsageError
from genzoo.system import heartbeat
from genzoo.system.handshake import agreed_prefix
from genzoo.system.heartbeat import ProcessLost
from genzoo.system.messages import set_silent
from genzoo.system.signals import exit_code

POLL = 0.05
"""Seconds between two looks at the store."""
FAILED, LEFT = "failed", "left"
ALL_TOGETHER = "start all of them by torchrun; for one process alone: env -u WORLD_SIZE -u RANK genzoo …"


class ProcessFailed(GenzooError):
    """Another process failed. This process ends too, with the same exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Processes:
    """The processes of a run. This base class is a single process, for which every operation is immediate."""

    rank = 0
    size = 1
    local = 0
    """The rank among the processes of this machine."""

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.rank == 0

    def mine(self, n: int) -> range:
        """Return which of n pieces of work belong to this process."""
        return range(self.rank, n, self.size)

    def all_reduce(self, x: Any) -> Any:
        """Replace a tensor by its sum over all processes, and return it."""
        return x

    def broadcast(self, tensors: Iterable[Any]) -> None:
        """Replace tensors by those of the first process."""

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        return flag

    def barrier(self, place: str) -> None:
        """Wait until all processes have reached this place. There is no time limit while they are alive."""

    def broadcast_object(self, word: str) -> str:
        """Wait for the first process and return its word."""
        return word

    def ignore_sigterm(self) -> None:
        """Ignore SIGTERM from now on: the process is about to end, and the failure of another must not end it first."""


ALONE = Processes()


class Joined(Processes):
    """This process among others.

    Args:
        size: How many processes there are.
        exit_code_of: The exit code of the command line for an exception.

    Raises:
        UsageError: The environment variables are incomplete or contradict each other.
        ProcessLost: The others cannot be reached.
    """

    def __init__(self, size: int, exit_code_of: Callable[[BaseException], int]) -> None:
        missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
        if missing:
            raise UsageError(f"WORLD_SIZE is {size}, but {' and '.join(missing)} not set", ALL_TOGETHER)
        self.rank, self.size = variable("RANK", 0), size
        if self.rank >= size:
            raise UsageError(f"RANK={self.rank}, but the ranks of {size} processes end at {size - 1}", ALL_TOGETHER)
        self.local = variable("LOCAL_RANK", self.rank)
        self.exit_code_of = exit_code_of
        try:
            self.store = self._connect()
        except (RuntimeError, ValueError, TimeoutError) as error:
            why = f"process {self.rank} of {size} cannot reach the others: {first_line(error)}"
            raise ProcessLost(why, ALL_TOGETHER) from None
        self._heartbeat = heartbeat.Heartbeat(self.store, self.rank, size)
        self._words = count()

    def _connect(self) -> Any:
        """Meet the other processes and create torch's process group; return the key-value store of this run."""
        # Its functions keep the group that exists at import as a default argument: it would never be closed.
        import torch.distributed.nn  # noqa: F401
        from torch._C._distributed_c10d import PrefixStore
        from torch.distributed import init_process_group
        from torch.distributed.rendezvous import rendezvous

        patience = timedelta(seconds=heartbeat.TIMEOUT)
        store, _, _ = next(iter(rendezvous("env://", self.rank, self.size, timeout=patience)))
        prefix = agreed_prefix(PrefixStore("genzoo", store), self.first, self.size, heartbeat.TIMEOUT)
        group = PrefixStore(f"group/{prefix}", store)
        init_process_group(store=group, rank=self.rank, world_size=self.size, timeout=patience)
        return PrefixStore(f"genzoo/{prefix}", store)

    def all_reduce(self, x: Any) -> Any:
        from torch.distributed import all_reduce

        with self._explained():
            all_reduce(x)
        return x

    def broadcast(self, tensors: Iterable[Any]) -> None:
        from torch.distributed import broadcast

        with self._explained():
            for tensor in tensors:
                broadcast(tensor, 0)

    def any(self, flag: bool) -> bool:
        import torch

        return bool(self.all_reduce(torch.tensor(float(flag))) > 0)

    def barrier(self, place: str) -> None:
        with self._explained():
            self.store.add(place, 1)
            self._wait_for_all(place)

    def broadcast_object(self, word: str) -> str:
        number = next(self._words)
        if self.first:
            self.store.set(f"word/{number}", word)
        self.barrier(f"agreed/{number}")
        with self._explained():
            return str(self.store.get(f"word/{number}").decode())

    def leave(self, error: BaseException | None) -> None:
        """End the connection. After a failure all processes wait for each other, so that each keeps its exit code."""
        from torch.distributed import destroy_process_group

        with suppress(Exception):
            if error is not None and not isinstance(error, (ProcessFailed, ProcessLost)):
                code = exit_code(error) if isinstance(error, KeyboardInterrupt) else self.exit_code_of(error)
                self.store.set("failure", f"{code} process {self.rank}: {first_line(error)}")
            destroy_process_group()  # wakes up the processes that wait for a tensor from this one
            if isinstance(error, Exception) and not isinstance(error, ProcessLost):
                self.barrier(FAILED)
            self._heartbeat.stop()
            if error is None or (isinstance(error, Exception) and not isinstance(error, ProcessLost)):
                self.store.add(LEFT, 1)
                if self.first:  # this process may host the store: the others must have read all they need
                    self._wait_for_all(LEFT)
        self._heartbeat.stop()
        if error is not None:
            self.ignore_sigterm()

    def ignore_sigterm(self) -> None:
        if threading.current_thread() is threading.main_thread():  # torchrun sends it as soon as one process fails
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def _wait_for_all(self, place: str) -> None:
        """Wait until every process has been counted at a place, as long as all of them are alive."""
        seen: dict[int, tuple[int, float]] = {}
        while self.store.add(place, 0) < self.size:
            if place not in (FAILED, LEFT):
                self._raise_failure_of_another()
            self._heartbeat.require(seen)
            time.sleep(POLL)

    def _raise_failure_of_another(self) -> None:
        if self.store.check(["failure"]):
            code, _, message = self.store.get("failure").decode().partition(" ")
            raise ProcessFailed(message, int(code))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Convert an error of the connection into the error of the process that caused it, or into one line."""
        try:
            yield
        except RuntimeError as error:
            with suppress(RuntimeError):
                for _ in range(round(1 / POLL)):
                    self._raise_failure_of_another()
                    time.sleep(POLL)
            raise ProcessLost(
                f"process {self.rank} of {self.size} lost another process: {first_line(error)}",
                "the message of the process that failed says why; if there is none, it was killed",
            ) from None


def own_exit_code(error: BaseException) -> int:
    """Return the exit code that an exception has itself, else 1."""
    return getattr(error, "exit_code", 0) or 1


@contextmanager
def joined(exit_code_of: Callable[[BaseException], int] = own_exit_code) -> Iterator[Processes]:
    """Connect the processes that the environment describes; without its variables this process is alone.

    Args:
        exit_code_of: The exit code of the command line for an exception; the other processes end with it too.

    Raises:
        UsageError: The environment variables are incomplete or contradict each other.
        ProcessLost: The others cannot be reached.
    """
    size = variable("WORLD_SIZE", 1)
    if size <= 1:
        yield ALONE
        return
    group = Joined(size, exit_code_of)
    set_silent(not group.first)  # every failure reaches the first process
    try:
        yield group
    except BaseException as error:
        group.leave(error)
        raise
    group.leave(None)


def variable(name: str, default: int) -> int:
    """Return a whole number from the environment.

    Raises:
        UsageError: The variable is not a whole number.
    """
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        raise UsageError(f"{name}={text} is not a number", f"unset {name}, or start it by torchrun")
    return int(text)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
