"""The user's matplotlib settings change no figure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from genzoo.figures.scatter import scatter

pytestmark = pytest.mark.usefixtures("drawn_figures")

MATPLOTLIB = """
import hashlib, os, sys
from pathlib import Path
import torch
from genzoo.figures.draw import save_grid, scatter
generator = torch.Generator().manual_seed(0)
save_grid(Path("grid.png"), torch.rand(9, 1, 8, 8, generator=generator), "z₁ − x")
assert "matplotlib" not in sys.modules
scatter(Path("points.png"), None, torch.rand(9, 2, generator=generator), "z₁ − x")
import matplotlib
both = Path("grid.png").read_bytes() + Path("points.png").read_bytes()
print(hashlib.md5(both).hexdigest(), os.environ.get("MPLBACKEND"))
"""

OWN_SETTINGS = {
    "nothing": ({}, ""),
    "a notebook": ({"MPLBACKEND": "module://matplotlib_inline.backend_inline"}, ""),
    "no backend": ({"MPLBACKEND": "nonsense"}, ""),
    "latex": ({}, "text.usetex: True\n"),
    "style": ({}, "font.family: Nonesuch\nsavefig.bbox: tight\nsavefig.dpi: 30\nimage.interpolation: bilinear\n"),
    "no home": ({"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "MPLCONFIGDIR": "/proc/nope"}, ""),
}


@pytest.mark.long
def test_what_the_user_has_set_of_matplotlib_changes_no_picture(tmp_path: Path) -> None:
    found = {}
    for name, (variables, settings) in OWN_SETTINGS.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "matplotlibrc").write_text(settings)
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MPL")}
        words = [sys.executable, "-c", MATPLOTLIB]
        done = subprocess.run(words, env=clean | variables, cwd=folder, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        digest, backend = done.stdout.split()
        assert backend == variables.get("MPLBACKEND", "None")
        found[name] = digest
    assert len(set(found.values())) == 1, found


def test_settings_of_the_program_stay_and_change_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    points = torch.rand(4, 2, generator=torch.Generator().manual_seed(0))
    scatter(tmp_path / "plain.png", None, points, "title")
    for name, value in {"text.usetex": True, "figure.facecolor": "black", "savefig.transparent": True}.items():
        monkeypatch.setitem(matplotlib.rcParams, name, value)
    before = dict(matplotlib.rcParams)
    scatter(tmp_path / "set.png", None, points, "title")
    assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "set.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
