"""The file of the user's own defaults: what is read of it, and how it is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from genzoo.core.errors import UsageError
from genzoo.runs import user_defaults
from genzoo.system.atomic import user_cache, user_config

WRITTEN = '# mine\nruns = "~/trained"  # all of them\nbatch_size = 64\nlisteners = ["tensorboard"]\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "genzoo/config.toml"
    file.parent.mkdir()
    file.write_text(WRITTEN)
    assert user_defaults.path() == file
    return file


def test_it_holds_folders_and_options_of_the_trainer(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert user_defaults.read() == {"runs": "~/trained", "batch-size": 64, "listeners": ["tensorboard"]}
    assert user_defaults.folder("runs") == Path("/home/me/trained")
    assert user_defaults.folder("data-root") is None
    assert user_defaults.words() == ["--train.batch-size", "64", "--train.listeners", "tensorboard"]
    assert user_defaults.words(("listeners",)) == ["--train.listeners", "tensorboard"]
    file.unlink()
    assert (user_defaults.read(), user_defaults.words(), user_defaults.folder("runs")) == ({}, [], None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nepohs = 3\n", ":2: no setting 'epohs'. Did you mean 'epochs'?"),
        ("lr = 1e-3\nbatch-size = 0\n", ":2: --batch-size must be at least 1, not 0"),
        ("runs = 3\n", ":1: runs must be a folder, not 3"),
        ("[data]\nvalidation = 3\n", ":1: no setting 'data'"),
        ("runs = ~/x\n", ": Invalid value (at line 1, column 8)"),
        ('max-time = "soon"\n', ":1: --max-time: 'soon' is no duration"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError) as error:
        user_defaults.read()
    assert error.value.message.startswith(f"{file}{message}")
    assert str(file) in error.value.hint


def test_a_key_is_set_and_unset_and_the_rest_stays(file: Path) -> None:
    assert user_defaults.set_to("batch-size", "32") == 32
    assert user_defaults.set_to("lr", "1e-4") == 1e-4
    assert user_defaults.set_to("metrics", "knn, iwae:10") == ["knn", "iwae:10"]
    assert user_defaults.set_to("max-time", "10m") == "10m"
    user_defaults.unset("listeners")
    assert file.read_text() == (
        '# mine\nruns = "~/trained"  # all of them\nbatch-size = 32\nlr = 0.0001\nmetrics = ["knn", "iwae:10"]\n'
        'max-time = "10m"\n'
    )


def test_it_is_made_where_there_was_none(file: Path) -> None:
    file.unlink()
    file.parent.rmdir()
    user_defaults.set_to("runs", 'a "folder"')
    assert user_defaults.read() == {"runs": 'a "folder"'}


def test_a_wrong_change_is_refused_and_changes_nothing(file: Path) -> None:
    for key, typed, message in (
        ("lrr", "1", "Did you mean 'lr'?"),
        ("lr", "fast", "not 'fast'"),
        ("runs", "", "folder"),
    ):
        with pytest.raises(UsageError, match=message):
            user_defaults.set_to(key, typed)
    with pytest.raises(UsageError, match="lr is not set"):
        user_defaults.unset("lr")
    assert file.read_text() == WRITTEN
    several = 'listeners = [\n  "tensorboard",\n]\n'
    file.write_text(several)
    with pytest.raises(UsageError, match="takes several lines"):
        user_defaults.unset("listeners")
    assert file.read_text() == several


def test_folders_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert (user_config(), user_cache()) == (Path("/home/me/.config/genzoo"), Path("/home/me/.cache/genzoo"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("XDG_CACHE_HOME", "/there")
    assert (user_config(), user_cache()) == (Path("/home/me/.config/genzoo"), Path("/there/genzoo"))
