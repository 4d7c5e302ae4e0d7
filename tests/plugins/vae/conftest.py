"""A small VAE of points in the plane, and points."""

from __future__ import annotations

import pytest
import torch
from genzoo_plugins.vae.vae import VAE

import genzoo
from genzoo.testing import SPECS


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(SPECS["points"], VAE.Config(latent_dim=3, hidden=(16,)))


@pytest.fixture
def batch() -> genzoo.Batch:
    return genzoo.Batch(torch.randn(12, 2, generator=torch.Generator().manual_seed(0)))
