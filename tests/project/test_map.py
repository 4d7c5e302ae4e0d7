"""The map of CONTRIBUTING, "You want to change → File", is true: every path in it exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEADER = "| You want to change | File |\n|---|---|\n"


def rows(text: str) -> dict[str, list[str]]:
    """Return the map: the paths in the second column by the text of the first."""
    table = text.partition(HEADER)[2].partition("\n\n")[0]
    cells = [line.strip("|").split(" | ") for line in table.splitlines()]
    return {change.strip(): re.findall(r"`([^` ]*/[^` ]*)`", files) for change, files in cells}


def missing(table: dict[str, list[str]], root: Path) -> list[str]:
    """Return the rows without a path, and the paths that do not exist: folders end with a slash, files do not."""
    without = [change for change, paths in table.items() if not paths]
    named = [path for paths in table.values() for path in paths]
    return without + [path for path in named if not exists(path, root)]


def exists(path: str, root: Path) -> bool:
    """Return whether a path of the map is a folder, or a file, below `root`."""
    return (root / path).is_dir() if path.endswith("/") else (root / path).is_file()


MAP = rows((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def test_every_path_of_the_map_exists() -> None:
    assert len(MAP) >= 60
    assert missing(MAP, ROOT) == []


def test_every_package_is_on_the_map() -> None:
    named = {Path(path).parts[1] for paths in MAP.values() for path in paths if path.startswith("genzoo/")}
    assert {path.parent.name for path in (ROOT / "genzoo").glob("*/__init__.py")} <= named


def test_a_row_without_a_path_and_a_path_that_is_gone_are_found(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/file.py").touch()
    table = rows(f"{HEADER}| one | `here/`, `here/file.py` |\n| two | `gone/file.py` |\n| three | somewhere |\n\nEnd.")
    assert table == {"one": ["here/", "here/file.py"], "two": ["gone/file.py"], "three": []}
    assert missing(table, tmp_path) == ["three", "gone/file.py"]
