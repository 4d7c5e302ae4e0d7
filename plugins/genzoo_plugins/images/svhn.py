"""SVHN: 73,257 training and 26,032 test images of house numbers, cropped to 32×32 pixels around one digit."""

from __future__ import annotations

from pathlib import Path

import torch

from genzoo.core.dataset import Split
from genzoo.core.errors import GenzooError
from genzoo.data.image_dataset import ConvertedImages
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.torchvision_source import Torchvision


class SVHN(ConvertedImages):
    """Street View house numbers (Netzer et al. 2011), by default 68,257 / 5,000 / 26,032 images; without "extra"."""

    channels = 3
    side = 32
    train_size = 73_257
    test_size = 26_032
    files = FileSet(
        name="svhn",
        title="SVHN",
        folder="SVHN",
        files=(
            RawFile("train_32x32.mat", md5="e26dedcc434d2e4c54c9b2d4a06d8373"),
            RawFile("test_32x32.mat", md5="eb5a983be6a315427106f1b164d9cef3"),
        ),
        sources=(Torchvision("SVHN", ({"split": "train"}, {"split": "test"})),),
    )

    def convert(self, folder: Path) -> tuple[Split, Split]:
        return read_mat(folder / "train_32x32.mat"), read_mat(folder / "test_32x32.mat")


def read_mat(path: Path) -> Split:
    """Read a MATLAB file with X [32, 32, 3, N] and y [N, 1], in which ten stands for the digit 0.

    Raises:
        GenzooError: scipy, which reads these files, is not installed.
    """
    try:
        from scipy.io import loadmat
    except ImportError:
        raise GenzooError(
            "SVHN is published as MATLAB files, which scipy reads", "pip install 'genzoo[svhn]'"
        ) from None
    arrays = loadmat(path)
    x = torch.from_numpy(arrays["X"]).permute(3, 2, 0, 1).contiguous()
    return Split(x, torch.from_numpy(arrays["y"].astype("int64")).flatten() % 10)
