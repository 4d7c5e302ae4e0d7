"""The code blocks of README.md and CONTRIBUTING.md, and how to run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELL = ["bash", "-euo", "pipefail", "-c"]


def blocks(name: str, language: str) -> list[str]:
    """Return the code blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / name).read_text(), flags=re.MULTILINE | re.DOTALL)


def run(command: list[str], folder: Path) -> str:
    """Run a command with this environment's programs first on the PATH; return its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


README = blocks("README.md", "bash")
