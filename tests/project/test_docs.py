"""Every command block of CONTRIBUTING is run, and .ci/run has what README and CONTRIBUTING name.

.ci/run runs the two set-up lines of README and the checks of CONTRIBUTING, and is compared with them here. The other
blocks of README are run by test_readme.py.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from documents import README, ROOT, SHELL, blocks, run
from environment import Environment, make_environment

from genzoo.cli.main import main
from genzoo.registry.current import registry
from genzoo.registry.discovery import load_file
from genzoo.registry.entries import KINDS, PARTS

CI = (ROOT / ".ci/run").read_text()
CONTRIBUTING = blocks("CONTRIBUTING.md", "bash")


def test_every_block_is_of_a_known_language() -> None:
    for name in ("README.md", "CONTRIBUTING.md"):
        languages = re.findall(r"^```(\w*)\n(?:.*?)^```", (ROOT / name).read_text(), flags=re.MULTILINE | re.DOTALL)
        assert set(languages) <= {"bash", "python", "toml", "text", "mermaid"}
    assert len(blocks("README.md", "python")) == len(blocks("README.md", "toml")) == 1


def test_the_continuous_integration_runs_readmes_two_lines_word_for_word() -> None:
    run = [re.search(rf"^# README {number}\n(.*?)^# end", CI, flags=re.MULTILINE | re.DOTALL) for number in (1, 2)]
    assert [match.group(1) for match in run if match] == README[:2]
    assert "genzoo run vae --dataset mnist" in README[0]
    assert README[1].rstrip().endswith("&& pytest -n auto")


def test_the_continuous_integration_runs_every_check_of_contributing() -> None:
    commands = [command for line in CONTRIBUTING[-1].splitlines() for command in line.split(" && ")]
    assert len(commands) == 4
    for command in commands:
        assert re.search(rf"(^|&& ){re.escape(command)}$", CI, flags=re.MULTILINE)


def test_the_nightly_integration_runs_the_long_suite() -> None:
    (command,) = [block for block in blocks("CONTRIBUTING.md", "text") if block.startswith("pytest")]
    assert command == "pytest -n auto --long\n"
    assert command in (ROOT / ".ci/versions").read_text()
    assert "bash .ci/versions" in (ROOT / ".github/workflows/ci.yml").read_text()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> tuple[Environment, Path]:
    """A copy of this tree and an environment to install it into, without downloads."""
    folder = tmp_path_factory.mktemp("contributing")
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "*.egg-info")
    shutil.copytree(ROOT, folder / "genzoo", ignore=ignored)
    shutil.rmtree(folder / "genzoo/runs", ignore_errors=True)  # those of this tree, not the package genzoo/genzoo/runs
    environment = make_environment(folder / "environment")
    # These need a network or are run by .ci/run: their calls are only recorded.
    for name in ("pre-commit", "pytest", "ruff", "mypy"):
        program = environment.folder / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/recorded\n')
        program.chmod(0o755)
    return environment, folder / "genzoo"


@pytest.mark.long
def test_contributing(checkout: tuple[Environment, Path]) -> None:
    environment, folder = checkout
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_IGNORE_INSTALLED": "1"}
    printed = []
    for block in CONTRIBUTING:
        block = block.replace("python3 -m venv .venv && . .venv/bin/activate", ":")
        printed.append(environment.run([*SHELL, block], folder, **offline))
    assert re.search(r"[1-9]\d* passed, 1 warnings, 0 failed", printed[1])  # the first plugin names no paper
    assert re.search(r"[1-9]\d* passed, 0 warnings, 0 failed", printed[2])
    assert "parameters" in printed[4]  # genzoo info
    assert re.search(r"[1-9]\d* passed, 0 warnings, 0 failed", printed[5])
    assert (folder.parent / "recorded").read_text().splitlines() == [
        "pre-commit install",
        "ruff check .",
        "ruff format --check .",
        "mypy ",
        "pytest -n auto",
    ]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worked examples of CONTRIBUTING as one file."""
    file = tmp_path_factory.mktemp("examples") / "examples.py"
    file.write_text("\n\n".join(blocks("CONTRIBUTING.md", "python")))
    return file


REGISTERED = rf'register\((?:"(?:{"|".join(PARTS)})", )?"([a-z-]+)"'
REGISTRATIONS = re.findall(REGISTERED, "\n".join(blocks("CONTRIBUTING.md", "python")))
EXAMPLES = tuple(dict.fromkeys(REGISTRATIONS))
QUICK = ("gauss", "coins", "blackness", "journal", "here", "size", "sparse", "lion")
"""One of each kind but the loss, whose check takes half a minute, and two parts."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in EXAMPLES]
)
def test_the_worked_examples_conform(name: str, examples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", str(examples), "check", name]) == 0
    assert capsys.readouterr().out.endswith(" 0 failed\n")


def test_there_is_a_worked_example_of_each_kind(examples: Path) -> None:
    plugin = load_file(examples, registry())
    assert len(plugin.entries) == len(REGISTRATIONS)
    assert {entry.name for entry in plugin.entries} == set(EXAMPLES)
    kinds = {entry.kind for entry in plugin.entries if entry.name in QUICK}
    assert kinds - set(PARTS) == set(KINDS) - set(PARTS) - {"loss"}
    assert kinds & set(PARTS)


@pytest.mark.long
def test_the_worked_examples_work_together(examples: Path) -> None:
    folder = examples.parent

    def genzoo(words: str) -> str:
        return run([*SHELL, f"genzoo -p {examples} {words}"], folder)

    genzoo("run sharper --dataset coins-in-a-file --data-root data --epochs 1 --out r --listeners loss-bits,journal")
    assert re.fullmatch(r"1 \d+\.\d\n", (folder / "r/bits.txt").read_text())
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert [list(line)[1] for line in lines] == ["options", "step", "step", "status"]
    assert int(genzoo("size r")) > 1000
    genzoo("run warm --dataset coins --start r --latent-dim 16 --epochs 1 --out w")
    assert json.loads((folder / "w/run.json").read_text())["runs"]["model.start"]["path"] == str(folder / "r")
    assert "mean of the reconstruction" in genzoo("evaluate r --metrics blackness --data-root data")
    genzoo("run per-class --dataset inverted --epochs 1 --out p")
    assert (folder / "p/figures/nearest.png").stat().st_size > 1000
    assert "the nearest test images" in (folder / "p/report.html").read_text()
    assert not (folder / "r/figures/nearest.png").exists()


def test_every_package_of_the_table_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (table,) = re.findall(r"^\| you want to change .*?(?=^\n)", text, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(genzoo-[a-z-]+)`", table))
    packages = {path.parent.name for path in (ROOT / "tests/third_party").glob("*/pyproject.toml")}
    assert named == packages
    for path in re.findall(r"`((?:plugins|genzoo)/[\w/.]+)`", table):
        assert (ROOT / path).exists()
