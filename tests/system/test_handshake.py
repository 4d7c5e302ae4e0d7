"""A prefix that living processes agree on, whatever former ones left in their store."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.distributed import HashStore

from genzoo.system.handshake import agreed_prefix


def agreed(store: HashStore, size: int) -> list[str]:
    """Return the prefix of each of several processes, of which the first one comes a moment before the others."""
    with ThreadPoolExecutor(size) as pool:
        first = pool.submit(agreed_prefix, store, True, size, 5)
        time.sleep(0.1)
        others = [pool.submit(agreed_prefix, store, False, size, 5) for _ in range(size - 1)]
        return [rank.result() for rank in (first, *others)]


def test_all_processes_get_one_prefix_and_each_time_a_new_one() -> None:
    store = HashStore()
    times = [agreed(store, size) for size in (3, 3, 1, 2)]
    assert [len(set(prefixes)) for prefixes in times] == [1, 1, 1, 1]
    assert len({prefixes[0] for prefixes in times}) == 4


def test_questions_of_processes_that_ended_are_not_counted() -> None:
    """One was killed before it wrote its question, one after it, one when it was answered."""
    store = HashStore()
    store.add("asked", 3)
    store.set("question/2", "dead")
    store.set("question/3", "answered")
    store.set("answer/answered", "former")
    assert len(set(agreed(store, 3))) == 1


def test_a_process_that_nobody_answers_gives_up() -> None:
    for first in (True, False):
        with pytest.raises(TimeoutError, match="did not answer"):
            agreed_prefix(HashStore(), first, 2, 0.1)
