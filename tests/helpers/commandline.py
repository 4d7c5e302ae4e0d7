"""Running genzoo as a user does: in this process, which has torch already, or in one of its own."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from genzoo.cli.main import main
from genzoo.runs.run import Run


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def first(self) -> str:
        """The first line on standard error."""
        return self.err.partition("\n")[0]


def genzoo(*words: object) -> Result:
    """One command in this process. A single text is split at blanks."""
    arguments = str(words[0]).split() if len(words) == 1 else [str(word) for word in words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return Result(code, out.getvalue(), err.getvalue())


def trained(runs: Path, *words: object) -> Run:
    """The run that a command made in `runs`, which had none."""
    result = genzoo("run", *words, "--runs", runs, "--quiet")
    assert result.code == 0, result.err
    (folder,) = runs.iterdir()
    return Run(folder)


def refused(result: Result, code: int = 2) -> str:
    """Checks the form that every refusal has; returns its first line without "genzoo: "."""
    assert result.code == code, result
    assert result.out == ""
    assert "Traceback" not in result.err
    first, *hints = result.err.splitlines()
    assert first.startswith("genzoo: ")
    assert len(first) <= 200
    assert hints, "it says what is wrong, but not what to type"
    assert all(line.startswith("  ") and line.strip() for line in hints)
    return first.removeprefix("genzoo: ")


def environment(**variables: str) -> dict[str, str]:
    """The variables of a process that computes as this one does."""
    return {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), **variables}


def command(*words: object) -> list[str]:
    """The words that start genzoo in a process of its own."""
    return [sys.executable, "-m", "genzoo", *map(str, words)]


def in_own_process(*words: object, cwd: Path | None = None, **variables: str) -> Result:
    """One command in a process of its own."""
    done = subprocess.run(
        command(*words), env=environment(**variables), cwd=cwd, capture_output=True, text=True, timeout=100
    )
    return Result(done.returncode, done.stdout, done.stderr)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
