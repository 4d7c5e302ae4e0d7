"""`--on`: what is started elsewhere, and what is refused before."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import fastjsonschema
import pytest
from commandline import genzoo, refused

import genzoo as package
from genzoo.cli.json_schemas import schemas
from genzoo.registry.current import HERE, Entry, registry


class Recorder(package.Launcher):
    """Starts nothing, and remembers what it was asked for."""

    @package.config
    class Config:
        time: package.Count = 60
        """Minutes."""

    started: ClassVar[list[tuple[list[str], int, Any]]] = []

    def start(self, command: Sequence[str], n: int) -> list[str]:
        self.started.append((list(command), n, self.config.time))
        return [str(number) for number in range(n)]


@pytest.fixture(autouse=True)
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[list[str], int, Any]]]:
    monkeypatch.chdir(tmp_path)
    entry = Entry("launcher", "recorder", Recorder, "made for a test", HERE)
    registry().add([entry])
    yield Recorder.started
    Recorder.started.clear()
    registry().entries.remove(entry)


def test_a_run_is_started_as_a_command_that_may_be_repeated(recorder: list[tuple[list[str], int, Any]]) -> None:
    result = genzoo("run", "vae", "moons", "--on", "recorder", "--recorder.time=5", "--epochs", 1)
    assert (result.code, result.out) == (0, "0\n")
    (folder,) = Path("runs").iterdir()
    assert (list(folder.iterdir()), str(folder) in result.err) == ([], True)
    words = ["run", "vae", "moons", "--epochs", "1", "--out", str(folder), "--or-resume"]
    assert recorder == [([sys.executable, "-m", "genzoo", *words], 1, 5)]
    words = ["run", "vae", "moons", "--out", "there", "--or-resume"]
    result = genzoo(*words, "--recorder.time", 7, "--on=recorder", "--json")
    assert recorder[1] == ([sys.executable, "-m", "genzoo", *words, "--json"], 1, 7)
    assert json.loads(result.out)["started"] == ["0"]
    fastjsonschema.compile(schemas()["run"])(json.loads(result.out))


def test_workers_of_a_benchmark_are_started(recorder: list[tuple[list[str], int, Any]]) -> None:
    plan = ["bench", "--models", "ae,vae", "--dataset", "moons", "--device", "cuda"]
    result = genzoo(*plan, "--workers", 3, "--on", "recorder", "--epochs", 1)
    assert (result.code, result.out) == (0, "0\n1\n2\n"), "a GPU that is not here may be there"
    assert "6 runs go to bench/moons" in result.err
    assert recorder == [([sys.executable, "-m", "genzoo", *plan, "--epochs", "1", "--worker"], 3, 60)]
    assert not Path("bench").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run vae moons --on recoder", "no launcher named 'recoder'. Did you mean 'recorder'?"),
        ("run vae moons --on recorder --recorder.time 0", "--recorder.time must be at least 1, not 0"),
        ("run vae moons --on recorder --recorder.tim 1", "no option --recorder.tim"),
        ("run vae moons --on recorder --latent 1", "no option --latent. Did you mean --latent-dim"),
        ("run vae moons --recorder.time 1", "no option --recorder.time"),
        ("bench --models vae --dataset moons --workers 2", "--workers is for workers elsewhere: --on LAUNCHER"),
        ("bench --models vae --dataset moons --on recorder --workers 0", "--workers 0: not from 1 to 1,000"),
        ("bench --models vae --dataset moons --on recorder --latent 1", "vae: no option --latent"),
    ],
)
def test_what_cannot_be_started_is_refused(words: str, message: str, recorder: list[Any]) -> None:
    assert refused(genzoo(*words.split())).startswith(message)
    assert recorder == []
    assert not Path("runs").exists()
