"""Finished runs that many tests read and none changes."""

from __future__ import annotations

from pathlib import Path

import drawing
import pytest
from commandline import Result, genzoo, trained

from genzoo.runs.run import Run


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The output of `genzoo run`; the run is in the folder of `vae_run`."""
    folder = tmp_path_factory.mktemp("told")
    with drawing.drawn():
        return genzoo("run", "vae", "--dataset", "digits", "--epochs", 2, "--runs", folder)


@pytest.fixture(scope="session")
def vae_run(told: Result) -> Run:
    """Two epochs of a VAE on the digits."""
    (line,) = [line for line in told.err.splitlines() if line.startswith("run folder")]
    return Run(Path(line.split()[-1]))


@pytest.fixture(scope="session")
def ae_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of an autoencoder, which has no prior."""
    return trained(tmp_path_factory.mktemp("ae"), "ae", "--dataset", "digits", "--epochs", 1)


@pytest.fixture(scope="session")
def moons_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a VAE on points, which are not images."""
    return trained(tmp_path_factory.mktemp("moons"), "vae", "--dataset", "moons", "--epochs", 1, "--latent-dim", 2)
