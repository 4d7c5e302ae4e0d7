"""Files and functions of genzoo and its plugins stay short."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
FILES = {path: path.read_text() for folder in ("genzoo", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))}


def test_files_are_short() -> None:
    lines = {str(path.relative_to(ROOT)): text.count("\n") for path, text in FILES.items()}
    assert {name: count for name, count in lines.items() if count > 300} == {}
    assert median(lines.values()) <= 120


def test_functions_are_short() -> None:
    lines = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path, text in FILES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno
    }
    assert len(lines) > 1000
    assert {name: count for name, count in lines.items() if count > 60} == {}
    assert median(lines.values()) <= 8
