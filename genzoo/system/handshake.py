"""A prefix of keys that the living processes of a run agree on.

torchrun's key-value store outlives its workers: after a restart the new ones meet what the former ones wrote. Nothing
in a worker's environment tells them apart: TORCHELASTIC_RESTART_COUNT counts the restarts of one node, so that two
nodes have different counts, and does not change when a node joins or leaves.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

POLL = 0.01
"""Seconds between two looks at the store."""


def agreed_prefix(store: Any, first: bool, size: int, seconds: float) -> str:
    """Return a new prefix, the same in all processes of a run. All of them call this.

    Each process asks with a number of its own, which the first one answers. A former process may have asked as well,
    but it never says that it has heard the answer: the first process waits until all living ones have.

    Args:
        store: The key-value store, perhaps with the keys of former processes.
        first: Whether this is the first process.
        size: How many processes there are.
        seconds: How long to wait.

    Raises:
        TimeoutError: The others did not come in time.
    """
    return _answer(store, size, time.monotonic() + seconds) if first else _ask(store, time.monotonic() + seconds)


def _answer(store: Any, size: int, deadline: float) -> str:
    prefix, answered = secrets.token_hex(8), set[int]()
    while store.add(f"{prefix}/heard", 0) < size - 1:
        _wait(deadline)
        for number in {*range(1, store.add("asked", 0) + 1)} - answered:
            if store.check([f"question/{number}"]):  # it is written after it is counted
                store.set(f"answer/{store.get(f'question/{number}').decode()}", prefix)
                answered.add(number)
    return prefix


def _ask(store: Any, deadline: float) -> str:
    question = secrets.token_hex(8)
    store.set(f"question/{store.add('asked', 1)}", question)
    while not store.check([f"answer/{question}"]):
        _wait(deadline)
    prefix = str(store.get(f"answer/{question}").decode())
    store.add(f"{prefix}/heard", 1)
    return prefix


def _wait(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("they did not answer")
    time.sleep(POLL)
