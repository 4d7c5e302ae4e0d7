"""`genzoo report`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commandline import genzoo, refused
from html_reader import Reader

from genzoo.runs.run import Run


def test_the_verb_writes_it_again(vae_run: Run, tmp_path: Path) -> None:
    page = Path(shutil.copytree(vae_run.path, tmp_path / "copy")) / "report.html"
    before = page.read_text()
    page.unlink()
    result = genzoo("report", page.parent)
    assert (result.code, result.out) == (0, f"{page}\n")
    assert genzoo("report", page.parent, page.parent / "model.safetensors").out == f"{page}\n{page}\n"
    Reader(page.read_text())
    assert len(before) == pytest.approx(len(page.read_text()), abs=100)


def test_a_run_without_results_says_how_to_go_on(vae_run: Run, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(vae_run.path, tmp_path / "copy")))
    (run.path / "results.json").unlink()
    run.write("run.json", {**run.record, "status": "running"})
    result = genzoo("report", run.path)
    assert refused(result) == f"{run.path} has no results yet: it was killed"
    assert result.err.splitlines()[1] == f"  go on: genzoo resume {run.path}"
