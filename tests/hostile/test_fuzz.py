"""Ten thousand mutated files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = 10_000


@pytest.fixture(scope="module")
def report() -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("fuzz.py"), str(CASES)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "GENZOO_OFFLINE": "1"},
        capture_output=True, text=True, timeout=3600,
    )  # fmt: skip
    assert done.stdout, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.long
def test_there_are_no_faults(report: dict[str, object]) -> None:
    assert report["wrong"] == []


@pytest.mark.long
def test_most_files_are_refused_and_some_are_accepted(report: dict[str, dict[str, int]]) -> None:
    """A fuzzer whose files are all accepted, or all refused for one reason, would find nothing."""
    refused = sum(number for name, number in report["counts"].items() if name.endswith("refused"))
    assert sum(report["counts"].values()) == CASES
    assert CASES // 2 < refused < CASES
    assert "model.safetensors taken" not in report["counts"]
