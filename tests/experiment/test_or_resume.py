"""One command that starts a run, goes on with it or finds it finished."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from commandline import genzoo, refused

import genzoo as package
from genzoo.core.errors import UsageError
from genzoo.runs.run import Run
from genzoo.training.trainer import Trainer

WORDS = ["run", "vae", "moons", "--hidden", 8, "--latent-dim", 2, "--epochs", 2, "--quiet", "--or-resume"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("genzoo.figures.draw.draw_all", lambda *_: [])


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that was stopped after its fifth step."""
    step = Trainer._train_step

    def stopping(self: Trainer, *inputs: Any) -> None:
        step(self, *inputs)
        if self.step == 5:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", stopping)
        assert genzoo(*WORDS, "--out", "a").code == 143
    return Run(Path("a"))


def test_it_starts_goes_on_and_finds_it_finished(interrupted: Run) -> None:
    whole, other = genzoo(*WORDS, "--out", "b", "--json"), genzoo(*WORDS, "--out", "a")
    assert (whole.code, other.code) == (0, 0)
    assert interrupted.record["sessions"][1]["step"] == 5
    assert (Path("a") / "model.safetensors").read_bytes() == (Path("b") / "model.safetensors").read_bytes()
    again = genzoo(*[word for word in WORDS if word != "--quiet"], "--out", "a")
    assert (again.code, "a is finished: 2 epochs are done" in again.err, "MSE" in again.out) == (0, True, True)
    assert json.loads(genzoo(*WORDS, "--out", "a", "--json").out)["test"] == json.loads(whole.out)["test"]
    assert len(interrupted.record["sessions"]) == 2
    assert genzoo(*WORDS, "--out", "a", "--epochs", 3).code == 0, "what may change in a run may change here"
    assert len(interrupted.history) == 3


def test_another_configuration_is_refused_with_all_differences(interrupted: Run) -> None:
    before = {file: file.stat().st_mtime_ns for file in Path("a").iterdir() if file.is_file()}
    message = refused(genzoo(*WORDS, "--out", "a", "--seed", 1, "--hidden", 9, 4, "--lr", 0.1))
    assert message == "--hidden cannot change in a run: it is 8, not 9,4; --seed is 0, not 1"
    message = refused(genzoo("run", "ae", "digits", "--out", "a", "--or-resume"))
    differences = "the model is vae, not ae; the loss is elbo, not reconstruction; the dataset is moons, not digits"
    assert message == f"a is another run: {differences}"
    assert {file: file.stat().st_mtime_ns for file in before} == before
    Path("c").mkdir()
    (Path("c") / "notes.txt").touch()
    assert refused(genzoo(*WORDS, "--out", "c")).startswith("--out c: it exists already")
    assert refused(genzoo(*WORDS)) == "--or-resume needs the folder that it goes on in"


@pytest.mark.every(2)
@pytest.mark.parametrize("left", [["lock", ".config.json.17.tmp"], ["config.json"]])
def test_a_run_that_was_killed_before_its_first_step_begins_again(left: list[str], interrupted: Run) -> None:
    """The files of its first moments, of which each may be the last one that was written."""
    folder = Path("killed")
    folder.mkdir()
    for name in left:
        (folder / name).write_bytes(Path("a", name).read_bytes() if name.endswith("n") else b"{")
    assert genzoo(*WORDS, "--out", folder).code == 0
    killed, run = Run(folder), Run(Path("a"))
    assert killed.record["status"] == "finished"
    assert killed.record["data_digest"] == run.record["data_digest"]
    assert json.loads((folder / "data.json").read_text()) == json.loads(Path("a/data.json").read_text())


def test_python_has_it_too(interrupted: Run) -> None:
    options = {"hidden": (8,), "latent_dim": 2, "epochs": 2, "quiet": True}
    run = package.run("vae", "moons", out="a", or_resume=True, **options)
    assert (run.path, run.record["status"]) == (Path("a"), "finished")
    with pytest.raises(UsageError, match="--seed cannot change"):
        package.run("vae", "moons", out="a", or_resume=True, seed=1, **options)
