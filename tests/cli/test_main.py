"""The command line: help, version, and a start without torch."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest
from commandline import command, environment, genzoo

import genzoo as package
from genzoo.core.hookspecs import API

WITHOUT_TORCH = """
import sys
from genzoo.cli.main import main
code = main(sys.argv[1:])
heavy = sorted({"torch", "torchvision", "numpy", "matplotlib", "tyro"} & set(sys.modules))
print("HEAVY", heavy, file=sys.stderr)
sys.exit(code)
"""

QUICK = [["list"], ["list", "--json"], ["--help"], ["run", "--help"], ["plugins"], ["--version"], []]


@pytest.mark.parametrize("words", QUICK, ids=" ".join)
def test_the_catalogue_imports_nothing_heavy(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "HEAVY []\n")
    assert done.stdout


@pytest.mark.parametrize("words", ["list", "--help", "plugins", "--version"])
def test_the_catalogue_is_quick(words: str) -> None:
    """Processor time, best of five: a busy machine makes it wait, and that is not its fault. 0.12 s on an idle one."""
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command(words), env=environment(), capture_output=True, check=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if seconds[-1] < 0.5:
            return
    raise AssertionError(f"at best {min(seconds):.2f} s")


def test_version() -> None:
    assert genzoo("--version").out == f"genzoo {package.__version__}, plugin API {API}\n"


@pytest.mark.parametrize("words", ["", "--help", "-h"])
def test_help_begins_with_what_to_type(words: str) -> None:
    result = genzoo(words)
    assert (result.code, result.err) == (0, "")
    for verb in ("run", "list", "info", "plugins", "evaluate", "sample", "reconstruct", "data"):
        assert f"\n    {verb}" in result.out
    assert "genzoo run vae digits" in result.out
