"""Idle OpenMP threads release their core, unless the user decides otherwise; a run warns of an overloaded machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import genzoo

OPTIONS: dict[str, Any] = {"hidden": [32], "latent_dim": 4, "epochs": 1, "data": {"validation": 200}}
SHOW = "import genzoo, os; print(*(os.environ.get(n, '-') for n in ('GOMP_SPINCOUNT', 'KMP_BLOCKTIME')))"


@pytest.mark.parametrize(
    ("given", "program", "shown"),
    [
        ({}, SHOW, "20000 1"),
        pytest.param(
            {"OMP_NUM_THREADS": "1"},
            f"{SHOW}; import torch; assert torch.get_num_threads() == 1",
            "20000 1",
            marks=pytest.mark.long,
        ),
        ({"OMP_WAIT_POLICY": "passive"}, SHOW, "- -"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, SHOW, "- -"),
        ({"GOMP_SPINCOUNT": "7"}, SHOW, "7 -"),
        ({"KMP_BLOCKTIME": "200"}, SHOW, "- 200"),
        pytest.param({}, f"import torch; {SHOW}", "- -", marks=pytest.mark.long),
    ],
)
def test_waiting_threads_let_go_of_their_core_unless_the_user_decided(
    given: dict[str, str], program: str, shown: str
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**kept, **given}, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == shown


@pytest.mark.parametrize(("load", "threads", "said"), [(9.0, 2, True), (9.0, 1, False), (1.0, 2, False)])
def test_a_run_names_an_overloaded_machine(
    load: float,
    threads: int,
    said: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    genzoo.run("vae", "digits", out=tmp_path / "run", **OPTIONS)
    line = "this machine is overloaded: 9.0 threads want its 4 cores; OMP_NUM_THREADS=1 may be faster"
    assert (line in capsys.readouterr().err.splitlines()) is said
