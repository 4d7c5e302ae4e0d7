"""Connecting the processes that the environment describes; `tests/processes` runs two of them."""

from __future__ import annotations

import pytest
import torch

from genzoo.core.errors import UsageError
from genzoo.system.distributed import ALONE, Processes, first_line, joined, own_exit_code


def test_without_the_variables_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with joined() as alone:
        assert alone is ALONE
        assert not torch.distributed.is_initialized()
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    with joined() as alone:
        assert alone is ALONE


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2, but RANK and MASTER_ADDR and MASTER_PORT not set"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE=two is not a number"),
        (
            {"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"},
            "RANK=2, but the ranks of 2 processes end at 1",
        ),
    ],
)
def test_variables_that_do_not_fit(variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message), joined():
        pass


def test_a_process_alone_has_all_the_work_and_waits_for_nobody() -> None:
    x = torch.tensor([1.0, 2.0])
    assert list(ALONE.mine(3)) == [0, 1, 2]
    assert ALONE.first
    assert ALONE.all_reduce(x) is x
    assert (ALONE.any(True), ALONE.any(False), ALONE.broadcast_object("word")) == (True, False, "word")
    ALONE.barrier("anywhere")


def test_each_piece_of_work_belongs_to_one_process() -> None:
    pieces = []
    for rank in range(3):
        processes = Processes()
        processes.rank, processes.size = rank, 3
        pieces.append(list(processes.mine(8)))
    assert pieces == [[0, 3, 6], [1, 4, 7], [2, 5]]


def test_an_error_is_told_to_others_by_its_exit_code_and_first_line() -> None:
    assert own_exit_code(UsageError("no")) == 2
    assert own_exit_code(ValueError()) == 1
    assert first_line(ValueError("one\ntwo")) == "one"
    assert first_line(ValueError()) == "ValueError"
