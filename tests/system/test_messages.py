"""Which of several processes reports errors and warnings."""

from __future__ import annotations

from pathlib import Path

import pytest

from genzoo.cli.main import main
from genzoo.system.messages import reporting, reports_errors, set_silent, warn

LEFT_OVER = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ("evaluate no-such-run", 2, "no runs in runs/"),
        ("run nosuch --dataset moons", 2, "no model named 'nosuch'."),
        ("run vae --dataset moons --batch-size none", 2, "--batch-size must be a whole number, not 'none'"),
        ("run vae --dataset moons", 2, "WORLD_SIZE is 2, but MASTER_ADDR and MASTER_PORT not set"),
        ("list --kind model", 0, ""),
    ],
)
@pytest.mark.parametrize("more", [{}, {"TORCHELASTIC_RUN_ID": "none"}], ids=["left over", "within a worker"])
def test_variables_that_others_have_set(
    words: str,
    code: int,
    line: str,
    more: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A command says why it fails; a worker of torchrun leaves that to the first one, which runs the same command."""
    monkeypatch.chdir(tmp_path)
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**LEFT_OVER, **more}.items():
        monkeypatch.setenv(name, value)
    assert main(words.split()) == code
    silent = bool(more) and words.startswith("run")
    assert capsys.readouterr().err.partition("\n")[0] == (f"genzoo: {line}" if line and not silent else "")


def test_a_silent_process_warns_of_nothing_until_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting():
        warn("it is odd", "do this")
        set_silent(True)
        warn("never shown", "")
        assert not reports_errors()
        with reporting():
            assert reports_errors()
        assert not reports_errors()
    assert reports_errors()
    assert capsys.readouterr().err == "genzoo: it is odd (do this)\n"
