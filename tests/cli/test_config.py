"""genzoo config, and that the user's defaults hold below a file and the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from commandline import genzoo, refused

from genzoo.runs.run import Run


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and settings of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.delenv("GENZOO_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_value_says_where_it_comes_from(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENZOO_DATA", "/data")
    assert genzoo("config set lr 0.01").out == "lr = 0.01\n"
    assert genzoo("config set runs there").code == 0
    lines = genzoo("config").out.splitlines()
    assert [line.split() for line in lines if line.split()[0] in ("runs", "data-root", "lr", "epochs")] == [
        ["runs", "there", "config.toml:2"],
        ["data-root", "/data", "$GENZOO_DATA"],
        ["epochs", "auto"],
        ["lr", "0.01", "config.toml:1"],
    ]
    found = json.loads(genzoo("config --json").out)
    assert found["defaults"]["lr"] == {"value": 0.01, "from": "config.toml:1"}
    assert found["file"] == genzoo("config path").out.strip() == str(place / "settings/genzoo/config.toml")
    assert genzoo("config unset lr").out == "lr = 0.001\n"


@pytest.mark.usefixtures("runs_without_figures")
def test_a_run_obeys_the_line_before_a_file_before_the_users_defaults() -> None:
    for words in ("runs there", "epochs 1", "batch-size 64", "lr 0.5", "metrics knn"):
        assert genzoo(f"config set {words}").code == 0
    Path("file.toml").write_text('model = "ppca"\ndataset = "moons"\nbatch-size = 32\nlr = 0.25\n')
    assert genzoo("run --config file.toml --lr 0.125 --quiet").code == 0
    (folder,) = Path("there").iterdir()
    training = Run(folder).config.training
    assert (training.epochs, training.batch_size, training.lr, training.metrics) == (1, 32, 0.125, ("knn",))
    assert folder.name in genzoo("runs").out
    assert genzoo("runs show @last").code == 0
    assert genzoo("report @last").out == f"there/{folder.name}/report.html\n"
    assert "ppca" in genzoo("compare").out
    assert refused(genzoo("report @last --runs elsewhere")).startswith("no runs in elsewhere/")


def test_an_error_about_an_option_that_nobody_typed_names_the_default() -> None:
    assert genzoo("config set device gpu").code == 0
    for command in ("run ppca moons", "sample @last --runs there"):
        result = genzoo(command)
        refused(result)
        line = f"  your own default: {Path('settings/genzoo/config.toml').absolute()}:1"
        assert (line in result.err.splitlines()) == command.startswith("run")
    typed = genzoo("run ppca moons --device gpu")
    assert refused(typed) == "--device gpu: no such kind of device"
    assert "your own" not in typed.err


def test_a_wrong_key_is_one_line_that_names_the_file() -> None:
    Path("settings/genzoo").mkdir(parents=True)
    Path("settings/genzoo/config.toml").write_text("epohs = 3\n")
    for command in ("run vae digits", "sample @last", "runs", "config"):
        message = refused(genzoo(command))
        assert re.fullmatch(r".*/config.toml:1: no setting 'epohs'. Did you mean 'epochs'\?", message)
    assert genzoo("config path").code == genzoo("list").code == 0
    assert refused(genzoo("config set epohs 3")) == "no setting 'epohs'. Did you mean 'epochs'?"
