"""Every block of README is run but for the two set-up lines, which .ci/run runs. A block needs none before it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from documents import README, SHELL, blocks, run


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the TOML file of README."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "experiment.toml").write_text(blocks("README.md", "toml")[0])
    return folder


@pytest.mark.long
@pytest.mark.parametrize("number", range(2, len(README)))
def test_readme_block(number: int, work: Path) -> None:
    printed = run([*SHELL, README[number]], work)
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
