"""Make datasets of files, valid and refused, for the tests of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import genzoo
from genzoo.core.dataset import Splits
from genzoo.core.errors import UsageError
from genzoo.data.readers.columns import TableOptions, TrainedColumns
from genzoo.data.readers.csv import Table, read_table
from genzoo.data.store import Store
from genzoo.registry.current import registry

RNG = np.random.Generator(np.random.Philox(0))


def dataset(name: str, path: Path, **options: Any) -> Any:
    cls = registry().get("dataset", name).load()
    return cls(cls.Config(path=str(path), **options))


def load(name: str, path: Path, **options: Any) -> tuple[Splits, genzoo.DataSpec]:
    made = dataset(name, path, **options)
    spec = made.spec
    splits: Splits = made.load(Store(say=lambda line: None))
    assert spec.size == len(splits.train.x)
    for split in filter(None, splits):
        assert tuple(split.x.shape[1:]) == spec.shape
    return splits, spec


def refusal(name: str, path: Path, **options: Any) -> str:
    with pytest.raises(UsageError) as error:
        _ = dataset(name, path, **options).spec
    assert error.value.hint
    return error.value.message


def read(path: Path, text: str | bytes, known: TrainedColumns | None = None, **options: Any) -> Table:
    """Read a table with this content, in the folder `path`."""
    file = path / "t.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(file, TableOptions(**options), known)


def save_pictures(folder: Path, count: int = 12, name: str = "{}.png", size: tuple[int, int] = (5, 4)) -> None:
    """Write random grey pictures into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(RNG.integers(0, 256, size, np.uint8)).save(folder / name.format(number))
