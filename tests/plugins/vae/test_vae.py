"""The VAE with a learned variance, trained for a short time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import genzoo


@pytest.mark.long
def test_a_learned_variance_gets_from_one_to_the_error_in_a_short_run(tmp_path: Path) -> None:
    """At a rate of 0.001 a thousand steps leave it above e⁻¹, and −ln p at 36 nats."""
    run = genzoo.run("sigma-vae", "digits", epochs=100, runs=tmp_path, quiet=True)
    model: Any = run.model
    error = run.results.test.mse
    assert model.head.log_var.exp().item() == pytest.approx(error, rel=0.5)
    assert error < 0.03
