"""Packages of third parties: each is installed, and then passes its own tests and mypy.

They are in the long suite; `.ci/run` runs that of the example.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path

import pytest
from environment import Environment, make_environment

from genzoo.registry.current import registry
from genzoo.registry.discovery import load_file
from genzoo.registry.entries import Registry

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in (ROOT / "tests/third_party").glob("*/pyproject.toml"))
EXAMPLE = ROOT / "tests/third_party/genzoo-example"
CONFORMANCE = "test_plugin.py"
"""Where each package has its `parametrize_with_checks`, which takes longest."""
CACHE = ROOT / ".mypy_cache/third_party"  # 14 s without, 1 s with


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = make_environment(tmp_path_factory.mktemp("environment"))
    made.install("--editable", ROOT, *PACKAGES)
    return made


def module_of(package: Path) -> str:
    return package.name.replace("-", "_")


def own_tests(environment: Environment, *words: str | Path) -> str:
    """What pytest says in the end, run as each package's author runs it."""
    ran = environment.run(
        [environment.folder / "bin/python", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *words],
        environment.folder,
        OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "1"),
    )
    return ran.splitlines()[-1]


@pytest.mark.long
@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_it_passes_its_own_tests(package: Path, environment: Environment) -> None:
    alone = ["-c", package / "pyproject.toml", "--confcutdir", package, "-p", "no:xdist"]
    said = own_tests(environment, *alone, package / "tests")
    assert "passed" in said
    assert "skipped" not in said


@pytest.mark.long
def test_all_pass_what_they_test_beside_the_conformance(environment: Environment) -> None:
    """What each knows of its own theory, in one process. The long suite has the rest."""
    together = ["-c", EXAMPLE / "pyproject.toml", "--confcutdir", EXAMPLE.parent, "--import-mode", "importlib"]
    files = {file for package in PACKAGES if package != EXAMPLE for file in (package / "tests").glob("test_*.py")}
    theory = sorted(file for file in files if file.name != CONFORMANCE)
    assert len(theory) == len(files) // 2
    said = own_tests(environment, *together, "-p", "no:xdist", *theory)
    assert re.match(r"\d+ passed in", said), said


def test_each_tests_its_conformance() -> None:
    for package in PACKAGES:
        assert "parametrize_with_checks" in (package / "tests" / CONFORMANCE).read_text()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_its_registration_imports_no_torch(package: Path) -> None:
    tree = ast.parse((package / module_of(package) / "__init__.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"genzoo"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_it_claims_no_name_that_genzoo_has(package: Path) -> None:
    """Users install them side by side, and a name that two packages claim is refused until it is qualified."""
    own = Registry()
    load_file(package / module_of(package) / "__init__.py", own)
    assert own.entries
    built_in = {(entry.kind, entry.name) for entry in registry().entries if entry.origin.distribution == "genzoo"}
    assert not built_in & {(entry.kind, entry.name) for entry in own.entries}


@pytest.mark.long
def test_mypy_strict_is_content_with_all(environment: Environment) -> None:
    """genzoo's types reach packages that are checked from outside, without genzoo's own settings."""
    modules = [word for package in PACKAGES for word in ("-p", module_of(package))]
    strict = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", CACHE]
    path = os.pathsep.join(map(str, PACKAGES))
    assert "Success" in environment.run([*strict, *modules], environment.folder, MYPYPATH=path)
