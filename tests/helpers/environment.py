"""A temporary virtual environment that uses the packages of this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK = """
import genzoo, genzoo_plugins
from genzoo.registry.current import registry
print(genzoo.__file__, genzoo_plugins.__file__, sep="\\n")
print(*sorted(f"{e.kind} {e.full_name}" for e in registry().entries), sep="\\n")
"""


@dataclass
class Environment:
    """A virtual environment with the packages of this one, but without its genzoo."""

    folder: Path

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "Lib/site-packages" if os.name == "nt" else self.folder / "lib" / version / "site-packages"

    def python(self, *arguments: str | Path) -> str:
        program = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        return self.run([program, *arguments], self.folder)

    def run(self, command: Sequence[str | Path], folder: Path, **variables: str) -> str:
        """Run a command as if this environment were activated; return its standard output."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GENZOO_"))}
        clean["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{clean['PATH']}"
        words = list(map(str, command))
        result = subprocess.run(
            words, env={**clean, **variables}, cwd=folder, capture_output=True, text=True, timeout=1200
        )
        assert result.returncode == 0, f"{words}\n{result.stdout}{result.stderr}"
        return result.stdout

    def pip(self, command: str, *arguments: str | Path) -> str:
        return self.python("-m", "pip", command, "--disable-pip-version-check", *arguments)

    def install(self, *arguments: str | Path) -> None:
        self.pip(
            "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed", *arguments
        )

    def look(self) -> tuple[list[Path], set[str]]:
        """Return where genzoo and its plugins were imported from, and all that is registered."""
        core, builtins, *entries = self.python("-c", LOOK).splitlines()
        return [Path(core), Path(builtins)], set(entries)


def make_environment(folder: Path) -> Environment:
    """Return a new virtual environment in `folder`."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    made = Environment(folder)
    # torch is not installed again. Packages in these folders are found, but .pth files there, such as the one of an
    # editable genzoo, are not read.
    visible = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (made.packages / "visible.pth").write_text("\n".join(visible) + "\n")
    return made
