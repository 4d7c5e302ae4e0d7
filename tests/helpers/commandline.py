"""Run genzoo as a user does: in this process, which has imported torch, or in a new one."""

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
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def first(self) -> str:
        """The first line of standard error."""
        return self.err.partition("\n")[0]


def genzoo(*words: object) -> Result:
    """Run one command in this process. A single text is split at blanks."""
    arguments = str(words[0]).split() if len(words) == 1 else [str(word) for word in words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return Result(code, out.getvalue(), err.getvalue())


def trained(runs: Path, *words: object) -> Run:
    """Return the run that a command made in `runs`, which was empty."""
    result = genzoo("run", *words, "--runs", runs, "--quiet")
    assert result.code == 0, result.err
    (folder,) = runs.iterdir()
    return Run(folder)


def refused(result: Result, code: int = 2) -> str:
    """Check the form of a refusal; return its first line without "genzoo: "."""
    assert result.code == code, result
    assert result.out == ""
    assert "Traceback" not in result.err
    first, *hints = result.err.splitlines()
    assert first.startswith("genzoo: ")
    assert len(first) <= 200
    assert hints, "the message does not say what to type"
    assert all(line.startswith("  ") and line.strip() for line in hints)
    return first.removeprefix("genzoo: ")


def environment(**variables: str) -> dict[str, str]:
    """Return the variables of a process that computes as this one does."""
    return {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), **variables}


def command(*words: object) -> list[str]:
    """Return the words that start genzoo in a new process."""
    return [sys.executable, "-m", "genzoo", *map(str, words)]


def in_own_process(*words: object, cwd: Path | None = None, **variables: str) -> Result:
    """Run one command in a new process."""
    done = subprocess.run(
        command(*words), env=environment(**variables), cwd=cwd, capture_output=True, text=True, timeout=600
    )
    return Result(done.returncode, done.stdout, done.stderr)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
