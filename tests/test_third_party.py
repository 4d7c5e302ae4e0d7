"""Packages as strangers write them: each is installed, and then passes its own tests and mypy as if it were alone."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest
from environment import Environment, make_environment

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent for path in (ROOT / "tests/third_party").glob("*/pyproject.toml"))
CACHE = ROOT / ".mypy_cache/third_party"  # 14 s without, 1 s with


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = make_environment(tmp_path_factory.mktemp("environment"))
    made.install("--editable", ROOT, *PACKAGES)
    return made


def module_of(package: Path) -> str:
    return package.name.replace("-", "_")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_it_passes_its_own_tests(package: Path, environment: Environment) -> None:
    own = ["-c", package / "pyproject.toml", "--confcutdir", package, "-p", "no:cacheprovider", "-p", "no:xdist"]
    ran = environment.run(
        [environment.folder / "bin/python", "-m", "pytest", "-q", "-W", "error", *own, package / "tests"],
        environment.folder,
        OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "1"),
    )
    assert "passed" in ran.splitlines()[-1]
    assert "skipped" not in ran.splitlines()[-1]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_its_registration_imports_no_torch(package: Path) -> None:
    tree = ast.parse((package / module_of(package) / "__init__.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"genzoo.hookspecs"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


def test_mypy_strict_is_content_with_all(environment: Environment) -> None:
    """genzoo's types reach packages that are checked from outside, without genzoo's own settings."""
    modules = [word for package in PACKAGES for word in ("-p", module_of(package))]
    strict = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", CACHE]
    path = os.pathsep.join(map(str, PACKAGES))
    assert "Success" in environment.run([*strict, *modules], environment.folder, MYPYPATH=path)
