"""genzoo completion: what is completed, without torch, also by a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import argcomplete
import pytest
from commandline import environment, genzoo, refused

from genzoo.cli import completion
from genzoo.registry import answer_cache
from genzoo.registry.current import registry

KNOWN = {
    "trainer": {"--epochs": [], "--lr": [], "--mode": ["auto", "eager"], "--optimizer": []},
    "resume": {"--epochs": []},
    "losses": {"vae": ["elbo"]},
    "model vae": {"--latent-dim": []},
    "model ae": {"--noise": []},
    "loss elbo": {"--beta": []},
    "dataset digits": {"--data.validation": []},
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two runs, and options that are known."""
    for name in ("runs/vae-digits-1", "bench/digits/ae-0"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(completion, "options_there", lambda: KNOWN)
    return tmp_path


def completed(line: str) -> list[str]:
    """What a shell is offered for a line."""
    _, prefix, _, words, _ = argcomplete.lexers.split_line(line, len(line))
    finder = argcomplete.CompletionFinder(completion.parser_for(words[1:]), always_complete_options=False)
    found: list[str] = finder._get_completions(words, prefix, "", None)
    return [word.strip() for word in found]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("genzoo co", ["compress", "compare", "config", "completion"]),
        ("genzoo runs sh", ["show"]),
        ("genzoo run vae dig", ["digits"]),
        ("genzoo run vae digits --lat", ["--latent-dim"]),
        ("genzoo run vae digits --be", ["--beta"]),
        ("genzoo run ae digits --be", []),
        ("genzoo run ae digits --no", ["--noise"]),
        ("genzoo run vae --dataset digits --data.v", ["--data.validation"]),
        ("genzoo run vae --dataset dig", ["digits"]),
        ("genzoo run vae digits --mode ", ["auto", "eager"]),
        ("genzoo run vae digits --optimizer sg", ["sgd"]),
        ("genzoo resume --ep", ["--epochs"]),
        ("genzoo resume --lr", []),
        ("genzoo bench --lr", ["--lr"]),
        ("genzoo bench --models beta-v", ["beta-vae"]),
        ("genzoo info elb", ["elbo"]),
        ("genzoo data path mni", ["mnist"]),
        ("genzoo new-plugin va", []),
        ("genzoo evaluate --split te", ["test"]),
        ("genzoo evaluate v", ["vae-digits-1"]),
        ("genzoo sample ", ["vae-digits-1", "ae-0", "@last", "@best:"]),
        ("genzoo runs show a", ["ae-0"]),
    ],
)
def test_words_are_completed(line: str, words: list[str]) -> None:
    assert completed(line) == words


def test_every_model_and_every_data_set_is_offered() -> None:
    assert completed("genzoo run ") == [*registry().names("model")]
    assert completed("genzoo run vae ") == [*registry().names("dataset")]


def test_without_argcomplete_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    result = genzoo("completion bash")
    assert refused(result) == "completion needs argcomplete"
    assert 'pip install "genzoo[completion]"' in result.err
    completion.answer()  # a shell is told nothing


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_script_registers_genzoo(shell: str) -> None:
    result = genzoo("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert "genzoo" in result.out
    assert "_ARGCOMPLETE" in result.out


def test_one_process_at_a_time_collects_the_options(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: started.append(command))
    completion.collect_in_background()
    completion.collect_in_background()
    assert len(started) == 1
    mark = place / "cache/genzoo" / answer_cache.FOLDER / "collecting"
    long_ago = time.time() - 2 * completion.PATIENCE
    os.utime(mark, (long_ago, long_ago))
    completion.collect_in_background()
    assert len(started) == 2


BASH = r"""
eval "$(genzoo completion bash)"
while IFS= read -r COMP_LINE; do
  COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMPREPLY=()
  COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  $(complete -p genzoo | sed 's/.*-F \([^ ]*\).*/\1/') genzoo
  echo "${COMPREPLY[*]}"
done
"""


@pytest.fixture
def shell(place: Path) -> dict[str, str]:
    """The variables of a shell that finds genzoo and has an empty cache."""
    program = place / "genzoo"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m genzoo "$@"\n')
    program.chmod(0o755)
    return environment(PATH=f"{place}:{os.environ['PATH']}", XDG_CACHE_HOME=str(place / "cache"))


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_a_bash_completes(place: Path, shell: dict[str, str]) -> None:
    def ask(*lines: str) -> list[list[str]]:
        text = "".join(f"{line}\n" for line in lines)
        done = subprocess.run(["bash", "-c", BASH], input=text, env=shell, capture_output=True, text=True, timeout=100)
        return [line.split() for line in done.stdout.splitlines()]

    assert ask("genzoo re", "genzoo run beta-v", "genzoo evaluate vae-d") == [
        ["resume", "reconstruct", "report", "reproduce"],
        ["beta-vae"],
        ["vae-digits-1"],
    ]
    for _ in range(100):  # the first question has started a process that collects the options
        if (found := ask("genzoo run vae digits --latent")) != [[]]:
            break
        time.sleep(1)
    assert found == [["--latent-dim"]]
    assert ask("genzoo run beta-vae digits --bet", "genzoo run vae digits --precision b") == [["--beta"], ["bf16"]]


@pytest.mark.long
@pytest.mark.parametrize("line", ["genzoo r", "genzoo run vae digits --la", "genzoo sample v"])
def test_an_answer_imports_no_torch(line: str, place: Path, shell: dict[str, str]) -> None:
    out = place / "out"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
    command = [sys.executable, "-X", "importtime", "-m", "genzoo"]
    variables = {**shell, **asked, "_ARGCOMPLETE_STDOUT_FILENAME": str(out)}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    imported = {row.rpartition("|")[2].strip() for row in done.stderr.splitlines()}
    assert "genzoo.cli.completion" in imported
    assert {"torch", "numpy", "matplotlib", "tyro"}.isdisjoint(imported)
    assert out.read_text() or "--la" in line
