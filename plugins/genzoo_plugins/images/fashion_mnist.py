"""Fashion-MNIST: 60,000 training and 10,000 test images of clothing, in the format of MNIST."""

from __future__ import annotations

from genzoo.data.image_dataset import IdxImages
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.sources import DebianPackage, Https, SystemFolder


class FashionMNIST(IdxImages):
    """Articles of clothing (Xiao et al. 2017), by default 55,000 / 5,000 / 10,000 images."""

    files = FileSet(
        name="fashion-mnist",
        title="Fashion-MNIST",
        folder="FashionMNIST/raw",
        files=(
            RawFile(
                "train-images-idx3-ubyte",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                47_040_016,
            ),
            RawFile(
                "train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 60_008
            ),
            RawFile(
                "t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 7_840_016
            ),
            RawFile(
                "t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 10_008
            ),
        ),
        sources=(
            SystemFolder("/usr/share/datasets/fashion-mnist", package="dataset-fashion-mnist"),
            Https("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"),
            DebianPackage("dataset-fashion-mnist", folder="usr/share/datasets/fashion-mnist"),
        ),
    )
