"""Small files in the formats in which image datasets are published, in torchvision's folders."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from tiny_datasets import idx

TRAIN, TEST = 20, 10
"""Images of the training and of the test part."""


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _random(*shape: int, high: int = 256, seed: int = 0) -> np.ndarray:
    return np.random.Generator(np.random.Philox(sum(shape) + high + seed)).integers(0, high, shape)


def _cifar(folder: Path, key: str, classes: int, names: dict[str, int]) -> None:
    """Write pickles as Python 2 and its numpy wrote them."""
    for seed, (name, n) in enumerate(names.items()):
        batch = {
            "data": _random(n, 3072, seed=seed).astype(np.uint8),
            key: _random(n, high=classes, seed=seed).tolist(),
        }
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2).replace(b"numpy._core", b"numpy.core"))


def cifar10(root: Path) -> None:
    names = {**{f"data_batch_{number}": TRAIN // 5 for number in range(1, 6)}, "test_batch": TEST}
    folder = _made(root / "cifar-10-batches-py")
    _cifar(folder, "labels", 10, names)
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("0123456789")}))


def cifar100(root: Path) -> None:
    folder = _made(root / "cifar-100-python")
    _cifar(folder, "fine_labels", 100, {"train": TRAIN, "test": TEST})
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": list(map(str, range(100)))}))


def svhn(root: Path) -> None:
    from scipy.io import savemat

    for part, n in (("train", TRAIN), ("test", TEST)):
        y = (_random(n, 1, high=10) + 1).astype(np.uint8)  # ten stands for the digit 0
        images = {"X": _random(32, 32, 3, n).astype(np.uint8), "y": y}
        savemat(_made(root / "SVHN") / f"{part}_32x32.mat", images, do_compression=True)


def kmnist(root: Path) -> None:
    for part, n in (("train", TRAIN), ("t10k", TEST)):
        _gz(root / f"KMNIST/raw/{part}-images-idx3-ubyte.gz", idx(_random(n, 28, 28)))
        _gz(root / f"KMNIST/raw/{part}-labels-idx1-ubyte.gz", idx(_random(n, high=10)))


def qmnist(root: Path) -> None:
    for part, n in (("train", TRAIN), ("test", TEST)):
        labels = _random(n, 8, high=1 << 20).astype(">i4")
        labels[:, 0] %= 10
        _gz(root / f"QMNIST/raw/qmnist-{part}-images-idx3-ubyte.gz", idx(_random(n, 28, 28)))
        header = struct.pack(">HBB2I", 0, 0x0C, 2, *labels.shape)
        _gz(root / f"QMNIST/raw/qmnist-{part}-labels-idx2-int.gz", header + labels.tobytes())


def emnist(root: Path) -> None:
    with zipfile.ZipFile(_made(root / "EMNIST/raw") / "gzip.zip", "w") as archive:
        for selection, first, classes in (("balanced", 0, 47), ("letters", 1, 26)):
            for part, n in (("train", TRAIN), ("test", TEST)):
                start = f"gzip/emnist-{selection}-{part}"
                labels = idx(first + _random(n, high=classes))
                archive.writestr(f"{start}-images-idx3-ubyte.gz", gzip.compress(idx(_random(n, 28, 28))))
                archive.writestr(f"{start}-labels-idx1-ubyte.gz", gzip.compress(labels))


def usps(root: Path) -> None:
    for name, n in (("usps.bz2", TRAIN), ("usps.t.bz2", TEST)):
        rows = zip(_random(n, high=10) + 1, _random(n, 256, high=2001) / 1000 - 1, strict=True)
        lines = [f"{y} " + " ".join(f"{k}:{v:.6g}" for k, v in enumerate(x, 1)) + " \n" for y, x in rows]
        (_made(root / "USPS") / name).write_bytes(bz2.compress("".join(lines).encode()))


def omniglot(root: Path) -> None:
    for part, characters, n in (("background", ("A/character02", "A/character10", "B/character01"), 8),
                                ("evaluation", ("C/character01", "D/character01"), 5)):  # fmt: skip
        with zipfile.ZipFile(_made(root / "omniglot-py") / f"images_{part}.zip", "w") as archive:
            for seed, character in enumerate(reversed(characters)):
                for number in range(n):
                    picture = io.BytesIO()
                    ink = _random(105, 105, high=2, seed=100 * seed + number).astype(bool)
                    Image.fromarray(ink).save(picture, "PNG")
                    name = f"images_{part}/{character}/{seed:04}_{number:02}.png"
                    archive.writestr(name, picture.getvalue())


def celeba(root: Path) -> None:
    folder, n = _made(root / "celeba"), TRAIN + TEST
    names = [f"{number:06}.jpg" for number in range(1, n + 1)]
    attributes = 2 * _random(n, 40, high=2) - 1
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for seed, name in enumerate(names):
            picture = io.BytesIO()
            coarse = Image.fromarray(_random(7, 6, 3, seed=seed).astype(np.uint8))
            coarse.resize((178, 218), Image.Resampling.BICUBIC).save(picture, "JPEG")
            archive.writestr(f"img_align_celeba/{name}", picture.getvalue())
    rows = [f"{name} {' '.join(f'{value:2}' for value in row)}" for name, row in zip(names, attributes, strict=True)]
    header = " ".join(["Smiling", *(f"Attribute_{number}" for number in range(2, 41))])
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(n), header, *rows, ""]))
    parts = [0] * (TRAIN - 5) + [1] * 5 + [2] * TEST
    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{name} {part}\n" for name, part in zip(names, parts, strict=True))
    )


def _gz(path: Path, content: bytes) -> None:
    (_made(path.parent) / path.name).write_bytes(gzip.compress(content))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


WRITERS: dict[str, Callable[[Path], None]] = {
    "cifar10": cifar10, "cifar100": cifar100, "svhn": svhn, "kmnist": kmnist, "qmnist": qmnist, "emnist": emnist,
    "usps": usps, "omniglot": omniglot, "celeba": celeba,
}  # fmt: skip
"""What writes the files of each dataset below a data root."""
