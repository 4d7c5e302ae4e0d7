"""Runs to be compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_runs import make
from run_fixtures import ae_run, moons_run, told, vae_run  # noqa: F401 (fixtures)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three seeds of a VAE and of a conv-VAE, an autoencoder, and a VAE under another protocol."""
    for seed, bound in enumerate((105.0, 106.0, 105.6)):
        make(tmp_path / f"vae-{seed}", "vae", seed, bound)
    for seed, bound in enumerate((102.0, 101.7, 102.4)):
        make(tmp_path / f"conv-{seed}", "conv-vae", seed, bound)
    make(tmp_path / "ae", "ae", 0, None)
    make(tmp_path / "dynamic", "vae", 0, 90.0, binarize="dynamic")
    return tmp_path
