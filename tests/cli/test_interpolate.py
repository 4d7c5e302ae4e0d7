"""`genzoo interpolate`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from commandline import genzoo

from genzoo.data.resident import Resident
from genzoo.runs.run import Run


@pytest.mark.parametrize("mode", ["linear", "spherical"])
def test_interpolation_ends_are_the_reconstructions(
    vae_run: Run, test_data: Resident, files: Path, mode: str, tmp_path: Path
) -> None:
    out = tmp_path / "i.npy"
    words = ("--from", "test:12", "--to", files / "4.png", "--steps", 5, "--mode", mode)
    assert genzoo("interpolate", vae_run.path, *words, "--out", out).code == 0
    with torch.no_grad():
        ends = vae_run.model.reconstruct(test_data.batch(torch.tensor([12, 4])).x).numpy()  # type: ignore[operator]
    path = np.load(out)
    assert path.shape == (5, 1, 8, 8)
    np.testing.assert_allclose(path[[0, -1]], ends, atol=1e-6)
    assert np.abs(path[2] - path[0]).max() > 1e-3
