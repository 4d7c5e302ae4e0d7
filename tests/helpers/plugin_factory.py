"""Installed packages for the tests: a folder with the layout of pip, without pip."""

from __future__ import annotations

import importlib
import itertools
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

_numbers = itertools.count(1)

REGISTER = """
from genzoo import hookimpl

@hookimpl
def register_{kind}(register):
    register({name!r}, {target!r}, summary="made for a test"{loss})
"""


def registering(name: object, kind: str = "model", target: object = "nowhere.at_all:Class", loss: str = "elbo") -> str:
    """Return the source of a plugin that registers one name."""
    plural = {"loss": "losses"}.get(kind, f"{kind}s")
    return REGISTER.format(
        kind=plural, name=name, target=target, loss=f", loss={loss!r}" if kind == "model" and loss else ""
    )


def run_python(program: str, *folders: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a new process, with folders of packages on its path."""
    path = os.pathsep.join(map(str, folders))
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GENZOO_")}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**variables, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@dataclass
class Site:
    """A folder on sys.path to which packages are added."""

    folder: Path
    modules: list[str] = field(default_factory=list)

    def add(self, source: str, distribution: str = "evil", version: str = "1.2", entry: str = "plugin") -> str:
        """Install a package of one plugin; return its module name, which is new in this process."""
        module = f"plugin_under_test_{next(_numbers)}"
        (self.folder / module).mkdir()
        (self.folder / module / "__init__.py").write_text(dedent(source))
        self.add_metadata(distribution, version, f"[genzoo]\n{entry} = {module}\n")
        self.modules.append(module)
        return module

    def add_module(self, module: str, name: str, source: str) -> None:
        """Add module.name to a package made by `add`."""
        (self.folder / module / f"{name}.py").write_text(dedent(source))
        importlib.invalidate_caches()

    def add_metadata(self, distribution: str, version: str, entry_points: str, metadata: str | None = None) -> Path:
        """Write a dist-info folder; `metadata` replaces the valid METADATA."""
        folder = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        proper = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (folder / "METADATA").write_text(proper if metadata is None else metadata)
        (folder / "entry_points.txt").write_text(entry_points)
        (folder / "RECORD").write_text("")
        importlib.invalidate_caches()
        return folder
