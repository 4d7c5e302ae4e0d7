"""Every block of README is run but for the two set-up lines, which .ci/run runs. A block needs none before it.

Importing torch takes longer than most commands. Those that need it are forked from a process that has imported it.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from documents import README, ROOT, SHELL, blocks, run
from PIL import Image

QUICK = {"list", "info", "runs", "watch", "report", "reproduce", "data", "plugins"}
"""Verbs that do not import torch, and so no other modules than in a shell."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the TOML file of README."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "experiment.toml").write_text(blocks("README.md", "toml")[0])
    return folder


@pytest.fixture(scope="module")
def forked(work: Path) -> Iterator[Callable[[list[str]], str]]:
    """A function that runs a command of genzoo in the working folder and returns its output."""
    program = [sys.executable, "-P", str(ROOT / "tests/helpers/torch_fork.py")]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        asked, said = process.stdin, process.stdout
        assert asked
        assert said

        def type_command(words: list[str]) -> str:
            output = work / "output"
            output.unlink(missing_ok=True)
            print(json.dumps([words, str(work), str(output)]), file=asked, flush=True)
            code, printed = said.readline(), output.read_text()
            assert code == "0\n", f"{words}\n{printed}"
            return printed

        yield type_command


@pytest.mark.long
@pytest.mark.parametrize("number", range(2, len(README)))
def test_readme_block(number: int, work: Path, forked: Callable[[list[str]], str]) -> None:
    printed = ""
    for line in README[number].splitlines():
        words = shlex.split(line, comments=True)
        simple = words[0] == "genzoo" and words[1] not in QUICK and not {"--help", ">"} & set(words)
        printed += forked(words[1:]) if simple else run([*SHELL, line], work)
    assert printed.strip()
    if "--out samples.png" in README[number]:
        assert (work / "samples.png").stat().st_size > 1000
        assert (work / "reconstructions.png").stat().st_size > 1000


@pytest.mark.long
def test_readme_python(work: Path) -> None:
    first, *others = run([sys.executable, "-c", blocks("README.md", "python")[0]], work).splitlines()
    bound, folder = first.split()
    assert 10 < float(bound) < 50
    assert "beta-vae" in "\n".join(others)  # the comparison
    assert (work / folder / "model.safetensors").is_file()


@pytest.mark.long
def test_readme_configuration_file(work: Path) -> None:
    assert "MSE" in run([*SHELL, "genzoo run --config experiment.toml"], work)


TABLE = (ROOT / "README.md").read_text().split("## Use it")[1].split("```")[0]
FIRST = re.findall(r"`genzoo ((?:run|bench|sweep) [^`]*)`", TABLE)
"""What people type first."""


@pytest.mark.long
@pytest.mark.parametrize("words", FIRST)
def test_what_people_type_first_would_run(words: str, work: Path, forked: Callable[[list[str]], str]) -> None:
    pictures = work / "pictures"
    if not pictures.exists():
        pictures.mkdir()
        for number in range(40):
            Image.new("RGB", (20, 16), (6 * number, 99, 0)).save(pictures / f"{number}.png")
    assert "steps" in forked([*words.replace("PICTURES", str(pictures)).split(), "--dry-run"])


def test_the_first_steps_are_there() -> None:
    assert {words.split()[0] for words in FIRST} == {"run", "bench", "sweep"}
