"""`.ci/audit.py` fails for a vulnerability and reports when nothing was audited."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / ".ci/audit.py"
CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "Dependency not found on PyPI"}
FLAWED = {"name": "c", "version": "2", "vulns": [{"id": "CVE-2025-1", "fix_versions": ["3"]}]}
NOTHING = "the vulnerability service is not reachable: NOTHING WAS AUDITED"


@pytest.mark.parametrize(
    ("packages", "status", "line"),
    [
        ([CLEAN, SKIPPED], 0, "audited 1 of 2 packages, 0 known vulnerabilities"),
        ([CLEAN, FLAWED], 1, "c 2: CVE-2025-1, fixed in 3"),
        ([SKIPPED, SKIPPED], 0, f"{NOTHING} ()"),
        (None, 0, f"{NOTHING} (ConnectionError: no)"),
    ],
)
def test_audit(tmp_path: Path, packages: list[dict[str, object]] | None, status: int, line: str) -> None:
    program = tmp_path / "pip-audit"
    answer = (
        f"echo '{json.dumps({'dependencies': packages})}'" if packages else "echo 'ConnectionError: no' >&2; exit 1"
    )
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    variables = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"}
    done = subprocess.run(
        [sys.executable, AUDIT], env={**variables, "PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert line in done.stdout.splitlines()


def test_pip_audit_is_not_installed(tmp_path: Path) -> None:
    variables = {**os.environ, "PATH": str(tmp_path), "GITHUB_ACTIONS": "true"}
    done = subprocess.run([sys.executable, AUDIT], env=variables, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith(f"::warning::{NOTHING} (")
