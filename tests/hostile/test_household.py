"""Without network, home, user name or write permission every command works, or says in one line what to type."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from guard import run_captured

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def done() -> Iterator[list[dict[str, Any]]]:
    """The result of each command."""
    folder = Path(tempfile.mkdtemp(prefix="genzoo-household-"))  # pytest's own folders are closed to other users
    folder.chmod(0o755)
    try:
        yield _done(folder)
    finally:
        shutil.rmtree(folder)


def _done(folder: Path) -> list[dict[str, Any]]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "GENZOO_"))}
    path = os.pathsep.join(map(str, (HERE, HERE.parent / "helpers")))
    ran = subprocess.run(
        [sys.executable, HERE / "household.py", folder],
        env={**variables, "HOME": "/nonexistent", "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.long
def test_every_command_works_or_is_refused(done: list[dict[str, Any]]) -> None:
    for row in done:
        assert row["code"] in {"works": (0,), "refused": (1, 2), "finds": (1,)}[row["expected"]], row
        assert "Traceback" not in row["err"]
        assert "this is a bug" not in row["err"]


@pytest.mark.long
def test_only_a_fetch_uses_the_network(done: list[dict[str, Any]]) -> None:
    for row in done:
        assert bool(row["connections"]) == (row["when"] == "a fetch"), row


@pytest.mark.long
def test_every_verb_is_tested(done: list[dict[str, Any]]) -> None:
    verbs = re.findall(r"^    ([\w-]+) ", run_captured(["help"])[1], flags=re.MULTILINE)
    for when in ("without a home", "as a stranger"):
        assert {row["words"][0] for row in done if row["when"] == when} == set(verbs)


@pytest.mark.long
def test_a_refusal_says_what_to_type(done: list[dict[str, Any]]) -> None:
    refused = {row["words"][0]: row for row in done if row["when"] == "as a stranger" and row["expected"] == "refused"}
    assert len(refused) == 4
    for row in refused.values():
        first, *hints = row["err"].splitlines()
        assert first.startswith("genzoo: cannot write ")
        assert hints
    assert "--runs FOLDER" in refused["run"]["err"]
    assert "--out FILE.png" in refused["sample"]["err"]


@pytest.mark.long
def test_commands_that_only_read_do_not_mention_writing(done: list[dict[str, Any]]) -> None:
    for row in done:
        if row["when"] == "as a stranger" and row["words"][:2] in (
            ["data", "path"],
            ["data", "verify"],
            ["data", "list"],
        ):
            assert row["err"] == ""
