"""What trackers know a run by."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import genzoo


def test_a_run_has_one_identity_and_another_run_another(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, second = genzoo.Run(tmp_path).identity, genzoo.Run(tmp_path).identity
    assert first == second != genzoo.Run(tmp_path / "other").identity
    assert len(first) == 16


@pytest.mark.parametrize(
    "text", ["", "[]", "7", '{"id": 7}', '{"id": "../../x"}', 9999 * "["], ids=lambda text: text[:8]
)
def test_a_damaged_file_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "tracker.json").write_text(text)
    with pytest.raises(genzoo.GenzooError, match="is damaged: no id") as refused:
        genzoo.Run(tmp_path).identity  # noqa: B018
    assert refused.value.hint == f"for a new one: rm {tmp_path / 'tracker.json'}"


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tracker.json")
    with pytest.raises(genzoo.GenzooError, match="is damaged"):
        genzoo.Run(tmp_path).identity  # noqa: B018
