"""The command line: help, version, and a start without torch."""

from __future__ import annotations

import re
import resource
import subprocess
import sys

import pytest
from commandline import command, environment, genzoo, refused

import genzoo as package
from genzoo.core.command import GROUPS
from genzoo.core.hookspecs import API
from genzoo.runs.run import Run

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


def test_quiet_and_verbose_stand_anywhere(vae_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-v` says how long each stage took, `-vv` also when it begins; the results stay the same."""
    monkeypatch.setenv("GENZOO_DEBUG", "")  # which -vv sets, and monkeypatch puts back
    words = ("evaluate", vae_run.path, "--metrics", "kl")
    plain = genzoo(*words)
    assert plain.err == ""
    for spoken in (("-v", *words), (*words, "--verbose")):
        told = genzoo(*spoken)
        assert told.out == plain.out
        assert re.fullmatch(r"metrics kl: \d+\.\d\d s\n", told.err)
    told = genzoo(*words[:1], "-vv", *words[1:])
    assert re.fullmatch(r"DEBUG genzoo: metrics kl …\nINFO genzoo: metrics kl: \d+\.\d\d s\n", told.err)
    assert genzoo(*words).err == ""


@pytest.mark.parametrize("quiet", [("-q", "resume"), ("resume", "--quiet")])
def test_results_are_no_progress(quiet: tuple[str, ...], vae_run: Run) -> None:
    """A finished run has nothing to do, and its results are shown all the same."""
    result = genzoo(*quiet, vae_run.path)
    assert (result.code, result.err) == (0, "")
    assert "−ELBO (nats)" in result.out


def test_help_has_the_verbs_in_groups_of_80_columns() -> None:
    text = genzoo("help").out
    groups = re.findall(r"^([a-z ]+):\n(?=    )", text, flags=re.MULTILINE)
    assert groups == [*GROUPS, "from plugins"]
    assert max(map(len, text.splitlines())) <= 80
    assert text == genzoo("--help").out


def test_on_windows_one_line_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    result = genzoo("list")
    assert refused(result) == "genzoo does not run on Windows itself"
    assert "wsl --install" in result.err


def test_version() -> None:
    assert genzoo("--version").out == f"genzoo {package.__version__}, plugin API {API}\n"


@pytest.mark.parametrize("words", ["", "--help", "-h"])
def test_help_begins_with_what_to_type(words: str) -> None:
    result = genzoo(words)
    assert (result.code, result.err) == (0, "")
    for verb in ("run", "list", "info", "plugins", "evaluate", "sample", "reconstruct", "data"):
        assert f"\n    {verb}" in result.out
    assert "genzoo run vae digits" in result.out
