"""Fixtures of the command line: finished runs, tiny datasets, test images and picture files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from data_fixtures import cache, home, other, real_mnist, tiny  # noqa: F401 (fixtures)
from made_up_runs import runs  # noqa: F401 (fixture)
from picture_files import files, test_data  # noqa: F401 (fixtures)
from run_fixtures import ae_run, moons_run, told, vae_run  # noqa: F401 (fixtures)
from worker_processes import started  # noqa: F401 (fixture)

from genzoo.experiment.job import Job


@pytest.fixture(scope="module")
def runs_without_figures() -> Iterator[None]:
    """Leave out the runs' own figures, which take longer than small runs; other tests draw them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Job, "draw", lambda self, run, model: None)
        yield


@pytest.fixture
def nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run a test in an empty folder, in which a refused command leaves nothing but the test's own files."""
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    yield
    written = {path.name for path in set(tmp_path.rglob("*")) - before}
    assert not [name for name in written if not name.endswith((".toml", ".json", "mine"))]
