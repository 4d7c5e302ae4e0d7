"""One run in several processes, as torchrun starts them: `torchrun --nproc-per-node 2 -m genzoo run …`.

RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT alone decide. Each process takes its rows of every batch; the
first one prints and writes. Processes talk in two ways: tensors are added up over all of them (gloo, NCCL), and short
words are left in the key-value store through which they found each other, where each also shows that it is alive.
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
from genzoo.system.signals import exit_code
from genzoo.system.streams import tell

TIMEOUT = 60.0
"""Seconds without a sign of life after which a process counts as lost."""
BEAT = 5.0
POLL = 0.05
FAILED, LEFT = "failed", "left"
ALL_TOGETHER = "start all of them by torchrun; for one process alone: env -u WORLD_SIZE -u RANK genzoo …"
_runs = count()
_spoken_for = False
"""Whether another process says what becomes of this one."""


class Lost(GenzooError):
    """Another process is gone or hangs; nothing more can be agreed on."""


class Elsewhere(GenzooError):
    """Another process failed, and this one follows it, with the same exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Processes:
    """The processes of a run: here this one alone, which has nobody to wait for."""

    rank = 0
    size = 1
    local = 0
    """Which of this machine's."""

    @property
    def first(self) -> bool:
        """Whether this is the one that prints and writes."""
        return self.rank == 0

    def mine(self, n: int) -> range:
        """Which of n pieces of work are this process's."""
        return range(self.rank, n, self.size)

    def all_reduce(self, x: Any) -> Any:
        """Replaces a tensor by its sum over all processes, and returns it."""
        return x

    def broadcast(self, tensors: Iterable[Any]) -> None:
        """Replaces tensors by those of the first process."""

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return flag

    def barrier(self, place: str) -> None:
        """Waits until all have come here, however long that takes while they live."""

    def broadcast_object(self, word: str) -> str:
        """Waits for the first process and returns its word."""
        return word

    def ignore_sigterm(self) -> None:
        """From here on a failure of another process does not end this one, which is about to end."""


ALONE = Processes()


class Joined(Processes):
    """This process among others.

    Raises:
        UsageError: The variables do not fit together.
        Lost: The others cannot be reached.
    """

    def __init__(self, size: int, exit_code_of: Callable[[BaseException], int]) -> None:
        self.exit_code_of = exit_code_of
        # Its functions keep the group that there is at import as a default argument: it would never be closed.
        import torch.distributed.nn  # noqa: F401
        from torch._C._distributed_c10d import PrefixStore
        from torch.distributed import init_process_group
        from torch.distributed.rendezvous import rendezvous

        missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
        if missing:
            raise UsageError(f"WORLD_SIZE is {size}, but {' and '.join(missing)} not set", ALL_TOGETHER)
        self.rank, self.size = variable("RANK", 0), size
        if self.rank >= size:
            raise UsageError(f"RANK={self.rank}, but the ranks of {size} processes end at {size - 1}", ALL_TOGETHER)
        self.local = variable("LOCAL_RANK", self.rank)
        patience = timedelta(seconds=TIMEOUT)
        try:
            store, _, _ = next(iter(rendezvous("env://", self.rank, size, timeout=patience)))
            number = f"{variable('TORCHELASTIC_RESTART_COUNT', 0)}/{next(_runs)}"  # torchrun's store outlives a restart
            self.store = PrefixStore(f"genzoo/{number}", store)
            group = PrefixStore(f"group/{number}", store)
            init_process_group(store=group, rank=self.rank, world_size=size, timeout=patience)
        except (RuntimeError, ValueError) as error:
            why = f"process {self.rank} of {size} cannot reach the others: {first_line(error)}"
            raise Lost(why, ALL_TOGETHER) from None
        self._gone = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="genzoo-beat", daemon=True)
        self._heart.start()

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
        if self.first:
            self.store.set("word", word)
        self.barrier("agreed")
        with self._explained():
            return str(self.store.get("word").decode())

    def leave(self, error: BaseException | None) -> None:
        """Ends the connection. After a failure all wait for each other, so that each ends with its own exit code."""
        from torch.distributed import destroy_process_group

        with suppress(Exception):
            if error is not None and not isinstance(error, (Elsewhere, Lost)):
                code = exit_code(error) if isinstance(error, KeyboardInterrupt) else self.exit_code_of(error)
                self.store.set("failure", f"{code} process {self.rank}: {first_line(error)}")
            destroy_process_group()  # whoever waits for a tensor from here wakes up
            if isinstance(error, Exception) and not isinstance(error, Lost):
                self.barrier(FAILED)
            self._stop_beating()
            if error is None or (isinstance(error, Exception) and not isinstance(error, Lost)):
                self.store.add(LEFT, 1)
                if self.first:  # who may be the keeper of the store: the others have read all they want
                    self._wait_for_all(LEFT)
        self._stop_beating()
        if error is not None:
            self.ignore_sigterm()

    def ignore_sigterm(self) -> None:
        """torchrun ends the others as soon as one has failed; they are about to end by themselves."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def _wait_for_all(self, place: str) -> None:
        """Waits until every process has been counted at a place, as long as they live."""
        heard: dict[int, tuple[int, float]] = {}
        while self.store.add(place, 0) < self.size:
            if place not in (FAILED, LEFT):
                self._follow_a_failure()
            self._require_life(heard)
            time.sleep(POLL)

    def _stop_beating(self) -> None:
        self._gone.set()
        self._heart.join(1)

    def _beat(self) -> None:
        with suppress(Exception):  # the store has gone, and the run with it
            while not self._gone.is_set():
                self.store.add(f"beat/{self.rank}", 1)
                self._gone.wait(BEAT)

    def _require_life(self, heard: dict[int, tuple[int, float]]) -> None:
        now = time.monotonic()
        for other in range(self.size):
            beats = self.store.add(f"beat/{other}", 0)
            if heard.get(other, (-1, now))[0] != beats:
                heard[other] = (beats, now)
            elif now - heard[other][1] > TIMEOUT:
                raise Lost(f"process {other} of {self.size} has not been heard of for {TIMEOUT:.0f} s")

    def _follow_a_failure(self) -> None:
        if self.store.check(["failure"]):
            code, _, message = self.store.get("failure").decode().partition(" ")
            raise Elsewhere(message, int(code))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Inside, errors of the connection become those of the process that caused them, or one line."""
        try:
            yield
        except RuntimeError as error:
            with suppress(RuntimeError):
                for _ in range(round(1 / POLL)):
                    self._follow_a_failure()
                    time.sleep(POLL)
            raise Lost(
                f"process {self.rank} of {self.size} has lost another one: {first_line(error)}",
                "the line of the one that failed says why; if there is none, it was killed",
            ) from None


def own_exit_code(error: BaseException) -> int:
    """Return the exit code that an exception has itself, else 1."""
    return getattr(error, "exit_code", 0) or 1


@contextmanager
def joined(exit_code_of: Callable[[BaseException], int] = own_exit_code) -> Iterator[Processes]:
    """Join the processes that the environment tells of; without its variables this process is alone.

    Args:
        exit_code_of: The exit code of the command line for an exception, which the other processes are told.
    """
    global _spoken_for
    size = variable("WORLD_SIZE", 1)
    if size <= 1:
        yield ALONE
        return
    group = Joined(size, exit_code_of)
    _spoken_for = not group.first  # the first one hears what becomes of the others
    try:
        yield group
    except BaseException as error:
        group.leave(error)
        raise
    group.leave(None)


def speaks(trains: bool = True) -> bool:
    """Whether this process says why it fails: unless another one does so in its place.

    RANK and WORLD_SIZE alone tell nothing: a cluster sets them, or a shell still has them. Before the processes of a
    training have met, only torchrun's own mark says that all of them run the same command.

    Args:
        trains: Whether this is a command that several processes share.
    """
    if _spoken_for:
        return False
    together = trains and "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"
    return not together or os.environ.get("RANK", "0") == "0"


def warn(message: str, hint: str) -> None:
    """One line on standard error, of the first process."""
    if speaks():
        tell(f"genzoo: {message} ({hint})")


@contextmanager
def own_voice() -> Iterator[None]:
    """Inside, a command starts out speaking for itself, whatever was run before it."""
    global _spoken_for
    before, _spoken_for = _spoken_for, False
    try:
        yield
    finally:
        _spoken_for = before


def variable(name: str, default: int) -> int:
    """A whole number of the environment.

    Raises:
        UsageError: It is none.
    """
    text = os.environ.get(name) or str(default)
    if not text.isdecimal():
        raise UsageError(f"{name}={text} is no number", f"unset {name}, or start it by torchrun")
    return int(text)


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
