"""A model is small: its class has at most 150 lines, and its file 150 lines of code."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from genzoo.registry.current import registry

LINES = 150
EXCEPTIONS: dict[str, str] = {}
"""Files of models that may be longer, and why."""
CLASSES = {
    cls.__name__: (Path(inspect.getfile(cls)), cls)
    for cls in (entry.load() for entry in registry().matching("model") if entry.origin.distribution == "genzoo")
}


def sizes(source: str, name: str) -> tuple[int, int]:
    """Return the lines of a class, and the lines of code of its module: without blank lines, comments, docstrings."""
    tree = ast.parse(source)
    (own,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    documented = {line for text in texts for line in range(text.lineno, (text.end_lineno or 0) + 1)}
    code = [
        line
        for number, line in enumerate(source.splitlines(), 1)
        if number not in documented and line.strip() and not line.lstrip().startswith("#")
    ]
    return (own.end_lineno or 0) - own.lineno + 1, len(code)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_model_is_small(name: str) -> None:
    file, _ = CLASSES[name]
    if file.name not in EXCEPTIONS:
        assert max(sizes(file.read_text(encoding="utf-8"), name)) <= LINES


def test_lines_are_counted() -> None:
    source = '"""A module.\n\nOf a class."""\nimport ast\n\n# A comment.\nclass A:\n    """It."""\n\n    x = 1\n'
    assert sizes(source, "A") == (4, 3)
