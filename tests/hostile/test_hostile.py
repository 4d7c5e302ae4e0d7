"""Hostile files and names are refused in one line and less than a second, and nothing in them is ever run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hostile_data
import hostile_models
import hostile_records
import hostile_runs
import pytest
from corpus import CASES, EACH
from guard import QUICK

MODULES = (hostile_data, hostile_models, hostile_records, hostile_runs)
SECONDS = 4.0
"""Seconds of CPU time: the target is 1, and busy shared machines measure up to three times as much."""
GROWTH = 200_000_000


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory, long: bool) -> dict[str, dict[str, Any]]:
    """The result of each case, all run in one process that watches itself."""
    guard = Path(__file__).with_name("guard.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GENZOO_OFFLINE": "1", "PYTHONWARNINGS": ""}
    done = subprocess.run(
        [sys.executable, guard, tmp_path_factory.mktemp("hostile"), *([] if long else [QUICK])],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row.pop("name"): row for row in rows}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] * (number % EACH > 0)) for number, name in enumerate(CASES)],
)
def test_refused(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    outcome = outcomes[name]
    assert not outcome["problem"], outcome
    assert outcome["code"] in (1, 2, 4), outcome
    assert outcome["out"] == ""
    first, *hints = outcome["err"].splitlines()
    assert first.startswith("genzoo: ")
    assert len(first) <= 200
    assert hints, "the message does not say what to type"
    assert all(line.startswith("  ") and line.strip() for line in hints)
    assert "Traceback" not in outcome["err"]
    assert "this is a bug" not in outcome["err"], outcome["err"]
    assert all(character.isprintable() for character in outcome["err"].replace("\n", ""))
    assert outcome["seen"] == []
    assert not outcome["canary"]
    assert outcome["seconds"] < SECONDS
    assert outcome["growth"] < GROWTH


def test_the_watch_notices_code(outcomes: dict[str, dict[str, Any]]) -> None:
    unpickled, executed, *written = outcomes["control"]["seen"]
    assert unpickled.startswith("pickle.find_class")
    assert executed == "exec <string>: 1 + 1"
    assert len(written) == 1


def test_there_are_enough_cases() -> None:
    assert len(CASES) > 300
    assert {CASES[name].__module__ for name in CASES} == {module.__name__ for module in MODULES}
