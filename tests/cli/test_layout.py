"""Help pages in terminals of several widths."""

from __future__ import annotations

import pytest

from genzoo.cli.layout import broken
from genzoo.cli.main import main
from genzoo.core.command import VERBS


@pytest.mark.parametrize("columns", [80, pytest.param(100, marks=pytest.mark.long)])
def test_no_line_of_a_help_page_is_wider_than_the_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for verb in ([], *([verb] for verb in VERBS)):
        main(["help", *verb])
        assert [line for line in capsys.readouterr().out.splitlines() if len(line) > columns] == [], verb


def test_examples_are_broken_so_that_they_can_be_typed() -> None:
    assert broken("  genzoo check NAME --one 1 --two 2", 24) == ["  genzoo check NAME \\", "    --one 1 --two 2"]
    assert broken("  genzoo a    what it does here", 24) == ["  genzoo a    what it", "              does here"]
    assert broken("  short", 24) == ["  short"]
