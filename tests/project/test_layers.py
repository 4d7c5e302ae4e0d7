"""Imports in genzoo/ point down, in no circle; the diagram in CONTRIBUTING shows them as they are."""

from __future__ import annotations

from pathlib import Path

import layers
import pytest

import genzoo

PACKAGE = Path(genzoo.__file__).parent
MOST_ENTRIES = 17
"""In the folder genzoo/, so that a newcomer can read it at a glance. One is for `from genzoo.sklearn import …`."""


def test_the_layers_are_the_packages() -> None:
    assert {file.parent.name for file in PACKAGE.glob("*/*.py")} == set(layers.LAYERS)


def test_no_import_points_up_and_no_modules_or_packages_form_a_circle() -> None:
    graph = layers.imports(PACKAGE)
    assert layers.upward_imports(graph) == []
    assert layers.circle(graph) == []
    assert layers.circle(layers.between_packages(graph)) == []


def test_the_top_folder_is_small() -> None:
    assert len(layers.entries(PACKAGE)) <= MOST_ENTRIES


def test_each_package_says_what_it_holds() -> None:
    assert layers.unexplained_packages(PACKAGE) == []


def test_the_diagram_is_current() -> None:
    text = layers.CONTRIBUTING.read_text(encoding="utf-8")
    assert layers.MARKED.search(text)
    assert layers.drawn(text) == text, "type: python tests/helpers/layers.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A made-up genzoo/ that keeps every rule."""
    for layer in layers.LAYERS:
        write(tmp_path / "genzoo", f"{layer}/__init__.py", '"""What is here.\nNothing else.\n"""\n')
    write(tmp_path / "genzoo", "__init__.py", "from genzoo.cli import main\n")
    write(tmp_path / "genzoo", "core/loss.py", "from genzoo.core import model\n")
    write(tmp_path / "genzoo", "core/model.py", "import math\n")
    write(tmp_path / "genzoo", "cli/main.py", "import genzoo.core.loss\n")
    return tmp_path / "genzoo"


def write(tree: Path, name: str, text: str) -> None:
    """Write one file of a made-up tree."""
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text, encoding="utf-8")


def test_a_sound_tree_passes(tree: Path) -> None:
    graph = layers.imports(tree)
    assert graph["genzoo.core.loss"] == {"genzoo.core.model"}
    assert graph["genzoo.cli.main"] == {"genzoo.core.loss"}
    assert layers.upward_imports(graph) == layers.circle(graph) == layers.unexplained_packages(tree) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from genzoo.cli import main", "genzoo.cli.main"),
        ("from genzoo.cli.main import verbs", "genzoo.cli.main"),
        ("import genzoo.cli.main", "genzoo.cli.main"),
        ("from ..cli import main", "genzoo.cli.main"),
        ("def late():\n    from genzoo.cli.main import verbs", "genzoo.cli.main"),
        ("from genzoo import run", "genzoo"),
    ],
)
def test_an_import_that_points_up_is_found(tree: Path, line: str, found: str) -> None:
    write(tree, "core/model.py", f"{line}\n")
    assert layers.upward_imports(layers.imports(tree)) == [
        f"genzoo.core.model imports {found}, which is in a higher layer"
    ]


def test_an_import_for_a_type_hint_may_point_up(tree: Path) -> None:
    hint = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from genzoo.cli import main\nelse:\n    main = None\n"
    )
    write(tree, "core/model.py", hint)
    assert layers.upward_imports(layers.imports(tree)) == []


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("core/model.py", "def late():\n    from genzoo.core import loss", "genzoo.core.loss genzoo.core.model"),
        ("core/model.py", "def late():\n    from genzoo.core.model import itself", "genzoo.core.model"),
    ],
)
def test_a_circle_of_modules_is_found(tree: Path, name: str, line: str, found: str) -> None:
    write(tree, name, f"{line}\n")
    assert set(layers.circle(layers.imports(tree))) == set(found.split())


def test_a_circle_of_packages_is_found_where_the_modules_have_none(tree: Path) -> None:
    write(tree, "core/text.py", "import genzoo.system.lock\n")
    write(tree, "system/lock.py", "import genzoo.core.loss\n")
    graph = layers.imports(tree)
    assert layers.circle(graph) == []
    assert set(layers.circle(layers.between_packages(graph))) == {"core", "system"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('"""What is here."""\n', "does not say in two lines what the package holds and what it does not"),
        ('"""What is here,\nand more.\n"""\n', "does not say in two lines what the package holds and what it does not"),
        ('"""What is here.\nNothing else.\n"""\nimport os\n', "holds code"),
        (None, "is missing"),
    ],
)
def test_an_unexplained_package_is_found(tree: Path, text: str | None, fault: str) -> None:
    (tree / "data/__init__.py").unlink()
    if text:
        write(tree, "data/__init__.py", text)
    assert layers.unexplained_packages(tree) == [f"genzoo/data/__init__.py {fault}"]


def test_the_public_package_may_hold_its_names_and_needs_a_text(tree: Path) -> None:
    write(tree, "testing/__init__.py", '"""Checks."""\nfrom genzoo.core.loss import Loss\n')
    assert layers.unexplained_packages(tree) == []
    write(tree, "testing/__init__.py", "")
    assert layers.unexplained_packages(tree) == ["genzoo/testing/__init__.py has no docstring"]


def test_a_file_more_at_the_top_is_counted(tree: Path) -> None:
    before = len(layers.entries(tree))
    write(tree, "another.py", "")
    write(tree, "__pycache__/another.pyc", "")
    assert len(layers.entries(tree)) == before + 1 == len(layers.LAYERS) + 2


def test_the_diagram_leaves_out_what_follows() -> None:
    packages = {layer: set[str]() for layer in layers.LAYERS} | {"data": {"system", "core"}, "system": {"core"}}
    assert layers.diagram(packages).splitlines()[2:-1] == ["    data --> system", "    system --> core"]
