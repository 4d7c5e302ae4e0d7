"""`genzoo traverse`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from commandline import genzoo
from PIL import Image

from genzoo.runs.run import Run


def test_traversal_moves_one_dimension(vae_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "t.npy"
    words = ("--dims", "3,0", "--range", 2, "--steps", 5, "--out", out)
    assert genzoo("traverse", vae_run.path, *words).out == f"dimensions 3,0\n{out}\n"
    z = torch.zeros(1, 20)
    z[0, 3] = 1.0
    with torch.no_grad():
        expected = vae_run.model.decode(z)[0].numpy()  # type: ignore[operator]
    np.testing.assert_allclose(np.load(out)[0, 3], expected, atol=1e-6)
    assert len(genzoo("traverse", vae_run.path, "--out", out).out.splitlines()[0].split(",")) == 8
    assert genzoo("traverse", vae_run.path, "--dims", "1,2", "--out", tmp_path / "t.gif").code == 0
    with Image.open(tmp_path / "t.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 20
