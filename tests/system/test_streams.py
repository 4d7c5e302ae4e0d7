"""Standard streams that are closed, have no reader, or cannot show every character."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import genzoo

from genzoo.experiment.console import Console
from genzoo.system.streams import ASCII_HANDLER, TolerantStream, tell, to_ascii, usable_streams

RUN = "run vae --dataset moons --epochs 1 --hidden 8 --latent-dim 2"
INFO = "info vae"


def shell(line: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """A line of bash, in which `genzoo` is a process of its own; both streams as bytes."""
    genzoo = shlex.join([sys.executable, "-m", "genzoo"])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    script = f'genzoo() {{ {genzoo} "$@"; }}\nset -o pipefail\n{line}'
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=100
    )


@pytest.mark.parametrize(
    ("line", "out", "err"),
    [
        ("genzoo list >&-", "", ""),
        ("genzoo list 2>&-", "vae", ""),
        ("genzoo list <&-", "vae", ""),
        ("genzoo list <&- >&- 2>&-", "", ""),
        pytest.param(f"genzoo {INFO} <&- >&- 2>&-", "", "", marks=pytest.mark.long),
        pytest.param(f"genzoo {RUN} --out a >&-", "", "epoch 1/1", marks=pytest.mark.long),
        pytest.param(f"genzoo {RUN} --out b 2>&-", "figures ", "", marks=pytest.mark.long),
        pytest.param(f"genzoo {RUN} --out c 2>/dev/full", "figures ", "", marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_closed_streams(line: str, out: str, err: str, tmp_path: Path) -> None:
    done = shell(line, tmp_path)
    assert done.returncode == 0, done
    for expected, found in ((out, done.stdout.decode()), (err, done.stderr.decode())):
        assert expected in found
        assert found or not expected
        assert expected or not found
    assert "epoch 1" not in done.stdout.decode(), "progress is no result"
    for folder in (path for path in tmp_path.iterdir() if path.is_dir()):
        assert json.loads((folder / "run.json").read_bytes())["status"] == "finished"
        assert (folder / "report.html").exists()


def test_a_closed_pipe_is_not_a_bug(tmp_path: Path) -> None:
    done = shell("genzoo list | head -1", tmp_path)
    assert done.returncode in (0, 141)
    assert (len(done.stdout.splitlines()), done.stderr) == (1, b"")


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    done = shell("genzoo list > /dev/full", tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines()[0] == "genzoo: system error: No space left on device"
    assert "Exception ignored" not in done.stderr.decode()


@pytest.mark.parametrize(
    "words", ["list", *(pytest.param(words, marks=pytest.mark.long) for words in (INFO, "plugins", "--help"))]
)
@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "cp1252"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda variables: next(iter(variables.values())),
)
def test_a_stream_that_cannot_show_a_character_gets_a_replacement(
    words: str, variables: dict[str, str], tmp_path: Path
) -> None:
    done = shell(f"genzoo {words}", tmp_path, PYTHONUTF8="0", **variables)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(variables.get("PYTHONIOENCODING", "ascii"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("−elbo", "-elbo"), ("2 × 3 ± 1", "2 x 3 +/- 1"), ("β-VAE…", "beta-VAE..."), ("z₁, σ²", "z1, sigma2"),
        ("naïve ½", "naive 1/2"), ("→ ≤ ∞", "-> <= inf"), ("Σ Π μ π", "sigma pi mu pi"), ("漢", "?"),
        ("caf\udce9", "caf\\udce9"),
    ],
)  # fmt: skip
def test_ascii_replacements(text: str, shown: str) -> None:
    found = "".join(character if character.isascii() else to_ascii(character) for character in text)
    assert found == shown


def test_what_a_stream_can_show_is_shown() -> None:
    assert "é − β".encode("latin-1", ASCII_HANDLER) == b"\xe9 - beta"
    assert "β ± é".encode("cp1253", ASCII_HANDLER) == "β ± e".encode("cp1253")
    assert "a\udce9b".encode("utf-8", ASCII_HANDLER) == b"a\xe9b", "bytes of a file name go out as they came"


class Odd(io.StringIO):
    """A stream that fails as told."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(5, "EIO"), ValueError("closed"), BlockingIOError()], ids=repr
)
@pytest.mark.parametrize("quiet", [True, False])
def test_text_that_cannot_be_written_is_discarded(
    error: Exception, quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", Odd(error))
    console = Console(10, quiet)
    console.say("lost")
    console.warn("lost")
    tell("lost")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_missing_stream_is_replaced_by_one_that_discards(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As under pythonw; what was there comes back."""
    monkeypatch.setattr(sys, name, None)
    Console(10).say("lost")
    tell("lost")
    with usable_streams():
        print("lost", file=getattr(sys, name), flush=True)
        assert not getattr(sys, name).isatty()
    assert getattr(sys, name) is None
    assert capsys.readouterr().out == "", "progress is no result"


def test_a_stream_of_a_program_that_cannot_show_a_character_gets_replacements() -> None:
    raw = io.BytesIO()
    stream: Any = TolerantStream(io.TextIOWrapper(raw, "ascii"))
    print("β − 1", file=stream, flush=True)
    assert raw.getvalue() == b"beta - 1\n"
    stream.reconfigure(encoding="utf-8")
    print("β", file=stream, flush=True)
    assert raw.getvalue().decode() == "beta - 1\nβ\n"


NOT_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.fixture(scope="module")
def odd_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a file, in a folder and from a folder whose names are not UTF-8."""
    folder = tmp_path_factory.mktemp("odd") / NOT_UTF8
    folder.mkdir()
    np.savez(folder / f"{NOT_UTF8}.npz", x=np.random.default_rng(0).random((60, 6), dtype=np.float32))
    words = f"run vae --dataset npz --data.path {NOT_UTF8}.npz --epochs 1 --hidden 8 --latent-dim 2 --json"
    words += f" --out r{NOT_UTF8}"
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["genzoo", *words.split()])
        done = genzoo(words)
    assert done.code == 0, done.err
    run = folder / f"r{NOT_UTF8}"
    assert json.loads(done.out)["run"] == run.name
    assert "caf\\udce9" in (run / "report.html").read_text(encoding="utf-8")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert (record["status"], record["command"][-1]) == ("finished", run.name)
    assert json.loads((run / "config.json").read_text(encoding="utf-8"))["data"]["path"].endswith(f"{NOT_UTF8}.npz")
    return run


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("report RUN", marks=pytest.mark.long),
        pytest.param("evaluate RUN", marks=pytest.mark.long),
        pytest.param("sample RUN -n 4", marks=pytest.mark.long),
        pytest.param("compare RUN", marks=pytest.mark.long),
        pytest.param("resume RUN --epochs 2 --quiet", marks=pytest.mark.long),
        pytest.param("anomaly RUN", marks=pytest.mark.long),
    ],
)
def test_names_of_files_that_are_not_utf8(words: str, odd_run: Path) -> None:
    done = shell(f"genzoo {words.replace('RUN', odd_run.name)}", odd_run.parent)
    assert done.returncode == 0, done.stderr
    assert b"bug of genzoo" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("evaluate @last", marks=pytest.mark.long),
        pytest.param("resume @last --epochs 2 --quiet", marks=pytest.mark.long),
        pytest.param("report @last", marks=pytest.mark.long),
    ],
)
def test_runs_in_a_folder_whose_name_is_not_utf8(words: str, odd_run: Path) -> None:
    done = shell(f"genzoo {words} --runs ../{odd_run.parent.name}", odd_run.parent)
    assert done.returncode == 0, done.stderr


def test_an_error_names_such_a_folder(odd_run: Path) -> None:
    done = shell(f"genzoo evaluate no-such --runs ../{odd_run.parent.name}", odd_run.parent)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines()[0] == "genzoo: no run 'no-such' in ../caf\\udce9/"
