"""What is imported only when a script runs exists: benchmarks, helpers and programs that tests start."""

from __future__ import annotations

import ast
import importlib
from importlib.util import find_spec
from pathlib import Path

TOP = Path(__file__).parents[2]
SCRIPTS = [
    path
    for folder in ("benchmarks", "tests", ".ci")
    for path in sorted((TOP / folder).rglob("*.py"))
    if not path.name.startswith("test_") and "third_party" not in path.parts
]


def exists(module: str, name: str) -> bool:
    found = importlib.import_module(module)
    return hasattr(found, name) or (hasattr(found, "__path__") and find_spec(f"{module}.{name}") is not None)


def missing(path: Path) -> list[str]:
    """Return each name that the file imports from a module of genzoo, anywhere in it, and that is not there."""
    return [
        f"{path.relative_to(TOP)}:{node.lineno}: {node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in ("genzoo", "genzoo_plugins")
        for alias in node.names
        if not exists(str(node.module), alias.name)
    ]


def test_every_name_exists() -> None:
    assert len(SCRIPTS) > 50
    assert [name for path in SCRIPTS for name in missing(path)] == []
