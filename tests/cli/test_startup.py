"""What imports torch, which takes seconds: no verb that computes nothing, and no refusal that needs none of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from commandline import environment, genzoo

from genzoo.runs.run import Run

HEAVY = ("torch", "matplotlib", "tyro", "numpy", "PIL", "tqdm")
LISTED = (
    "--help", "list", "list --json", "plugins",
    "run --help", "run vae --help", "run vae --dataset mnist --help", "run vae --dataset digits --loss elbo --help",
    "resume --help", "bench --help", "evaluate --help", "sample --help", "traverse --help", "anomaly --help",
    "check --help", "new-plugin --help", "data --help", "data add --help",
    "info vae", "info mnist", "info iwae", "info elbo",
    "data list", "data path", "data path mnist", "data verify", "data verify mnist",
    "report RUN", "compare RUN", "compare RUN --csv", "compare RUN --json", "compare RUN --markdown",
)  # fmt: skip
"""Commands that need the code of no model."""
REFUSED = (
    "nosuch", "run", "run nosuch", "run nosuch --help", "run vae --dataset nosuch",
    "run vae --dataset digits --out RUN",
    "run vae --dataset digits --loss nosuch", "run --config nosuch.toml", "resume nosuch", "info nosuch",
    "check nosuch", "bench", "bench --dataset nosuch", "bench --dataset digits --models nosuch",
    "bench --dataset digits --sort nosuch", "bench --dataset digits --figure a.txt",
    "compare nosuch", "compare RUN --sort nosuch", "compare RUN --dataset nosuch", "compare RUN --figure a.txt",
    "report nosuch", "evaluate nosuch", "evaluate RUN --metrics nosuch", "evaluate RUN --batch-size 0",
    "sample nosuch", "sample RUN --out a.pdf", "sample RUN --out nosuch/a.png", "sample RUN --out a.txt",
    "reconstruct RUN --out a.wav",
    "reconstruct nosuch", "reconstruct RUN --out a.pdf", "embed nosuch --out a.csv", "embed RUN --out a.txt",
    "compress nosuch", "anomaly nosuch", "anomaly RUN --out a.txt", "anomaly RUN --score nosuch",
    "denoise RUN --out a.txt", "interpolate RUN --steps 1", "traverse RUN --out a.txt", "augment RUN --scale -1",
    "data path nosuch", "data verify digits", "data add mnist nosuch",
)  # fmt: skip
"""Commands that are refused before anything is computed."""
PROGRAM = """
import contextlib, io, json, sys
from genzoo.registry import answer_cache
from genzoo.cli.main import main

if sys.argv[1] == "fill":  # all at one import of torch, as if each command had a process of its own
    answer_cache.torch_is_imported = lambda: False
for line in sys.stdin:
    before, out, err = set(sys.modules), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(json.loads(line))
    print(json.dumps([code, out.getvalue(), err.getvalue(), sorted(set(sys.modules) - before)]))
"""


class Outcome(NamedTuple):
    """What a command came to, and what it imported."""

    code: int
    out: str
    err: str
    imported: list[str]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def words(command: str, run: Run) -> list[str]:
    return [str(run.path) if word == "RUN" else word for word in command.split()]


def outcomes(how: str, commands: tuple[str, ...], run: Run, cache: Path) -> dict[str, Outcome]:
    """Runs commands one after another in one process that has not imported torch."""
    lines = "\n".join(json.dumps(words(command, run)) for command in commands)
    variables = environment(XDG_CACHE_HOME=str(cache), GENZOO_DATA=str(cache / "data"), COLUMNS="100")
    program = [sys.executable, "-c", PROGRAM, how]
    ran = subprocess.run(program, input=lines, env=variables, cwd=cache, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    found: list[list[Any]] = list(map(json.loads, ran.stdout.splitlines()))
    return {command: Outcome(*outcome) for command, outcome in zip(commands, found, strict=True)}


@pytest.fixture(scope="module")
def first(vae_run: Run, cache: Path) -> dict[str, Outcome]:
    """Each listed command for the first time."""
    return outcomes("fill", LISTED, vae_run, cache)


@pytest.fixture(scope="module")
def again(first: dict[str, Outcome], vae_run: Run, cache: Path) -> dict[str, Outcome]:
    """Each command once more; those that are refused for the first time."""
    return outcomes("again", (*LISTED, *REFUSED), vae_run, cache)


@pytest.mark.parametrize("command", LISTED)
def test_a_verb_that_computes_nothing_imports_nothing_large(command: str, again: dict[str, Outcome]) -> None:
    large = {name.partition(".")[0] for name in again[command].imported} & {*HEAVY}
    assert large <= ({"numpy"} if command.startswith("compare") else set())


@pytest.mark.parametrize("command", [command for command in LISTED if command != "plugins"])  # which says how long
def test_it_says_the_same_with_and_without_what_is_kept(
    command: str,
    first: dict[str, Outcome],
    again: dict[str, Outcome],
    vae_run: Run,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("GENZOO_DATA", str(cache / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    assert again[command][:3] == first[command][:3]
    here = genzoo(*words(command, vae_run))  # torch is imported, so that nothing is kept
    assert again[command][:3] == (here.code, here.out, here.err)


@pytest.mark.parametrize("command", REFUSED)
def test_a_refusal_does_not_wait_for_torch(command: str, again: dict[str, Outcome]) -> None:
    outcome = again[command]
    assert outcome.code in (1, 2)
    assert outcome.out == ""
    assert outcome.err.startswith("genzoo: ")
    assert "torch" not in outcome.imported
