"""Kuzushiji-MNIST: 60,000 training and 10,000 test images of cursive hiragana, in the format of MNIST."""

from __future__ import annotations

from genzoo.data.image_dataset import IdxImages
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.torchvision_source import Torchvision


class KMNIST(IdxImages):
    """Cursive hiragana (Clanuwat et al. 2018), by default 55,000 / 5,000 / 10,000 images."""

    ending = ".gz"
    class_names = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    files = FileSet(
        name="kmnist",
        title="KMNIST",
        folder="KMNIST/raw",
        files=(
            RawFile("train-images-idx3-ubyte.gz", md5="bdb82020997e1d708af4cf47b453dcf7"),
            RawFile("train-labels-idx1-ubyte.gz", md5="e144d726b3acfaa3e44228e80efcd344"),
            RawFile("t10k-images-idx3-ubyte.gz", md5="5c965bf0a639b31b8f53240b1b52f4d7"),
            RawFile("t10k-labels-idx1-ubyte.gz", md5="7320c461ea6c1c855c0b718fb2a4b134"),
        ),
        sources=(Torchvision("KMNIST", ({},)),),
    )
