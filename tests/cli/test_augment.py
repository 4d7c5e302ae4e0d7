"""`genzoo augment`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from commandline import genzoo

from genzoo.runs.run import Run


def test_variations_are_draws_of_the_posterior(vae_run: Run, files: Path, tmp_path: Path) -> None:
    def varied(*words: Any) -> np.ndarray[Any, Any]:
        out = tmp_path / "a.npy"
        assert genzoo("augment", vae_run.path, files, "--out", out, *words).code == 0
        values: np.ndarray[Any, Any] = np.load(out)
        return values

    again = tmp_path / "r.npy"
    assert genzoo("reconstruct", vae_run.path, *sorted(files.iterdir()), "--out", again).code == 0
    still = varied("-n", 3, "--scale", 0)
    assert still.shape == (5, 3, 1, 8, 8)
    np.testing.assert_allclose(still, np.repeat(np.load(again)[:, None], 3, 1), atol=1e-6)
    some = varied("-n", 3)
    assert np.abs(some[:, 0] - some[:, 1]).max() > 1e-2
    np.testing.assert_array_equal(some, varied("-n", 3))
    assert np.abs(some - varied("-n", 3, "--seed", 1)).max() > 1e-2
