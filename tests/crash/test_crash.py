"""Runs that are killed, stopped or out of disk space lose nothing: the trials of trials.py and in_flight.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


QUICK = ("kills=2", "io_errors=1", "disk_full=1", "signals_in_flight=2")
"""The quick suite's trials with a thread that writes."""


def counted(script: str, *words: str) -> dict[str, dict[str, Any]]:
    """Return the counts of the trials, made in a process with one thread, which may fork."""
    done = subprocess.run([sys.executable, HERE / script, *words], capture_output=True, text=True, timeout=4 * 3600)
    assert done.stdout, done.stderr
    return {line.pop("trial"): line for line in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def counts(long: bool) -> dict[str, dict[str, Any]]:
    return counted("trials.py", *(["--long"] if long else []))


@pytest.fixture(scope="module")
def in_flight(long: bool) -> dict[str, dict[str, Any]]:
    return counted("in_flight.py", *(["--long"] if long else QUICK))


def test_killed_runs_keep_readable_checkpoints_and_end_like_undisturbed_ones(counts: Any) -> None:
    assert counts["kills"]["kills"] >= 2
    assert counts["kills"]["unreadable"] == 0
    assert counts["kills"]["equal"] == counts["kills"]["finished"] > 0


@pytest.mark.long
def test_an_exit_before_any_call_of_a_save_leaves_a_usable_checkpoint(counts: Any) -> None:
    assert counts["io_points"]["points"] > 20
    assert counts["io_points"]["without"] == counts["io_points"]["unreadable"] == 0
    assert counts["io_points"]["equal"] == counts["io_points"]["points"]


def test_a_failed_save_is_one_line_and_the_run_continues(counts: Any) -> None:
    assert counts["io_errors"]["equal"] == counts["io_errors"]["reported"] == counts["io_errors"]["errors"] >= 2


def test_damaged_checkpoints_are_refused_in_one_line_and_the_one_before_is_used(counts: Any) -> None:
    assert counts["flips"]["refused"] == counts["flips"]["changes"] >= 50


def test_on_a_full_disk_the_old_checkpoint_stays_and_the_run_fails(counts: Any) -> None:
    assert counts["disk_full"]["good"] == counts["disk_full"]["trials"] >= 1


def test_signals_end_a_run_in_time_with_the_right_code_and_no_lost_step(counts: Any) -> None:
    assert counts["signals"]["good"] == counts["signals"]["signals"] >= 2
    assert counts["signals"]["late"] == 0
    assert counts["signals"]["steps_lost"] <= 1


def test_runs_started_together_have_separate_folders_and_one_writer_each(counts: Any) -> None:
    assert counts["starts"]["folders"] == counts["starts"]["starts"] >= 4
    assert counts["starts"]["one_writer"]


@pytest.mark.long
def test_the_same_trials_with_checkpoints_written_in_a_thread(in_flight: Any) -> None:
    assert in_flight["kills"]["kills"] >= 2
    assert in_flight["kills"]["unreadable"] == 0
    assert in_flight["kills"]["equal"] == in_flight["kills"]["finished"] > 0
    assert (
        in_flight["io_errors"]["equal"] == in_flight["io_errors"]["reported"] == in_flight["io_errors"]["errors"] >= 1
    )
    assert in_flight["disk_full"]["good"] == in_flight["disk_full"]["trials"] >= 1


@pytest.mark.long
def test_an_exit_before_any_call_of_the_thread_leaves_a_checkpoint(in_flight: Any) -> None:
    assert in_flight["io_points"]["points"] > 20
    assert in_flight["io_points"]["without"] == in_flight["io_points"]["unreadable"] == 0
    assert in_flight["io_points"]["equal"] == in_flight["io_points"]["points"]


@pytest.mark.long
def test_signals_while_a_thread_writes(in_flight: Any) -> None:
    assert in_flight["signals_in_flight"]["good"] == in_flight["signals_in_flight"]["signals"] >= 2
    assert in_flight["signals_in_flight"]["slowest"] < 10
