"""Runs outside the folder of runs are found by what that folder notes of them, as long as they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genzoo.comparison.references import find, places
from genzoo.core.errors import UsageError
from genzoo.runs.elsewhere import FILE, LARGEST, note, noted
from genzoo.runs.new_run import claim
from genzoo.runs.overview import runs_in


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of a project, in which commands are typed."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def made(out: str) -> Path:
    """A run folder as `--out` makes it."""
    with claim(Path("runs"), Path(out), "vae", "digits") as run:
        run.write("config.json", {})
    return run.path


def test_a_run_elsewhere_is_last_and_listed(tmp_path: Path) -> None:
    inside, beside, far = made("runs/inside"), made("beside"), made(str(tmp_path / "far"))
    assert noted(Path("runs")) == [beside, far]
    assert {one.run.path for one in runs_in(places())} == {inside, beside, far}
    assert find("besi").path == beside
    assert find("@last").path in (inside, beside, far)
    assert find("runs/ins").path == inside


def test_the_project_may_move_and_runs_may_go(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made("kept")
    made("moved").rename("away")
    project.rename(project.with_name("renamed"))
    monkeypatch.chdir(project.with_name("renamed"))
    assert noted(Path("runs")) == [Path("kept")]


def test_a_folder_that_cannot_be_written_changes_nothing() -> None:
    Path("runs").write_text("no folder")
    assert made("out").is_dir()
    assert noted(Path("runs")) == []


@pytest.mark.parametrize("content", [b"\xff\n\n/\n/etc/passwd\n../..\n", b"x" * LARGEST, b"\0\n"])
def test_a_file_with_nonsense_names_no_runs_and_hides_none(content: bytes) -> None:
    Path("runs").mkdir()
    (Path("runs") / FILE).write_bytes(content + b"\n")
    assert noted(Path("runs")) == []
    made("here")
    assert noted(Path("runs")) == [Path("here")]


def test_a_pipe_in_its_place_is_not_waited_for() -> None:
    Path("runs").mkdir()
    os.mkfifo(Path("runs") / FILE)
    note(Path("runs"), Path("out"))
    assert noted(Path("runs")) == []


def test_best_says_what_it_needs() -> None:
    made("one")
    with pytest.raises(UsageError, match="by which metric") as caught:
        find("@best")
    assert "@best:mse" in caught.value.hint
