"""Fixtures: the test images of the digits, and some of them as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genzoo.cli.loading import load_data
from genzoo.data.resident import Resident
from genzoo.runs.run import Run


@pytest.fixture(scope="module")
def test_data(vae_run: Run) -> Resident:
    """The digits' 360 test images."""
    return load_data(vae_run)["test"]


@pytest.fixture(scope="module")
def files(test_data: Resident, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first five of them as PNG files in a folder, and as arrays."""
    folder = tmp_path_factory.mktemp("files") / "pictures"
    folder.mkdir()
    x = test_data.x[:5]
    assert isinstance(x, torch.Tensor)
    for number in range(5):
        Image.fromarray(x[number, 0].numpy()).save(folder / f"{number}.png")
    np.save(folder.parent / "five.npy", x.numpy())
    return folder
