"""CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test photographs of 32×32 pixels in colour.

The classes are those of Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images". CIFAR-100 has its 100
fine classes.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import torch

from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.data.image_dataset import ImageDataset
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.store import Store
from genzoo.data.torchvision_source import Torchvision

FINE = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant "
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree "
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper "
    "snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)


ARRAYS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""All that a pickle of arrays, lists and texts names."""


class Arrays(pickle.Unpickler):
    """Read a pickle of arrays, lists and texts. Nothing else that it names is imported or called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAYS:
            raise UsageError(f"a file of CIFAR names {module}.{name}: it is not the published one", "delete it")
        return super().find_class(module, name)


class Cifar(ImageDataset):
    """Photographs in files of pickled arrays; the last file is the test part."""

    channels = 3
    side = 32
    train_size = 50_000
    key: ClassVar[str]
    """The name of the labels in a file."""

    def read(self, store: Store) -> tuple[Split, Split]:
        assert self.files is not None
        folder = store.ensure(self.files).folder
        *train, test = (folder / raw.name for raw in self.files.files)
        return self._joined(train), self._joined([test])

    def _joined(self, paths: Iterable[Path]) -> Split:
        x, y = [], []
        for path in paths:
            with path.open("rb") as file, warnings.catch_warnings(action="ignore"):  # numpy, of its own old pickles
                batch = Arrays(file, encoding="latin1").load()
            x.append(torch.from_numpy(batch["data"]))
            y += batch[self.key]
        return Split(torch.cat(x).view(-1, 3, self.side, self.side), torch.tensor(y))


class CIFAR10(Cifar):
    """Ten classes of animals and vehicles, by default 45,000 / 5,000 / 10,000 images."""

    key = "labels"
    class_names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    files = FileSet(
        name="cifar10",
        title="CIFAR-10",
        folder="cifar-10-batches-py",
        files=(
            RawFile("data_batch_1", md5="c99cafc152244af753f735de768cd75f"),
            RawFile("data_batch_2", md5="d4bba439e000b95fd0a9bffe97cbabec"),
            RawFile("data_batch_3", md5="54ebc095f3ab1f0389bbae665268c751"),
            RawFile("data_batch_4", md5="634d18415352ddfa80567beed471001a"),
            RawFile("data_batch_5", md5="482c414d41f54cd18b22e5b47cb7c3cb"),
            RawFile("test_batch", md5="40351d587109b95175f43aff81a1287e"),
        ),
        sources=(Torchvision("CIFAR10", ({},)),),
    )


class CIFAR100(Cifar):
    """A hundred fine classes of 500 training and 100 test images each, by default 45,000 / 5,000 / 10,000 images."""

    key = "fine_labels"
    classes = 100
    class_names = tuple(FINE.split())
    files = FileSet(
        name="cifar100",
        title="CIFAR-100",
        folder="cifar-100-python",
        files=(
            RawFile("train", md5="16019d7e3df5f24257cddd939b257f8d"),
            RawFile("test", md5="f0ef6b0ae62326f3e7ffdfab6717acfc"),
        ),
        sources=(Torchvision("CIFAR100", ({},)),),
    )
