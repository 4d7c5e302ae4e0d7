"""Dataset of the arrays in an .npz or .npy file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import genzoo
from genzoo.core.dataset import Split
from genzoo.core.errors import UsageError
from genzoo.data.readers.as_examples import Stored, as_examples
from genzoo.data.readers.labels import numbered
from genzoo.data.readers.npy import PARTS, array_names, key_of, map_array, read_arrays
from genzoo_plugins.own_data.base import InMemory, Parts

MAPPED = 1 << 28
"""Size in bytes from which an .npy file is memory-mapped and not read into memory."""


class Npz(InMemory):
    """Arrays x and y, or x_train and y_train with x_test, y_test, x_validation, y_validation. An .npy file is x.

    Images are [N, H, W], [N, H, W, C] or [N, C, H, W]: whole numbers up to 255, floats in [0, 1], or 0 and 1. Vectors
    are [N, F]. A large .npy file is memory-mapped: it is read in pieces, and kept in memory only if it fits.
    """

    kind = "FILE.npz"
    endings = (".npz", ".npy")

    @genzoo.config
    class Config(InMemory.Config):
        x: str = ""
        """Name of the array of examples, if it is not x or another usual name such as images_train."""
        y: str = ""
        """Name of the array of classes, if it is not y or another usual name such as labels_train."""

    def parse(self) -> Parts:
        path = self.path
        if path.suffix.lower() == ".npy" and path.stat().st_size >= MAPPED:
            whole = as_examples(map_array(path), str(path))
            return Parts(Split(whole.x), form=whole.form, notes=tuple(whole.notes))
        names = self._names(array_names(path))
        found = read_arrays(path, set(names.values()).__contains__)
        arrays = {key: found[name] for key, name in names.items()}
        ends = [""] if "x" in arrays else [end for end in dict.fromkeys(PARTS.values()) if f"x{end}" in arrays]
        labelled = [end for end in ends if f"y{end}" in arrays]
        if labelled and labelled != ends:
            missing = next(end for end in ends if end not in labelled)
            raise UsageError(f"{path} has labels, but no y{missing}", "label all splits or none")
        stored = {end: as_examples(arrays[f"x{end}"], f"{path}: {names[f'x{end}']}") for end in ends}
        self._refuse_unlike(stored, names)
        form = stored[ends[0]].form
        notes = [note for part in stored.values() for note in part.notes]
        labels, classes = self._labels(arrays, names, labelled)
        parts = {end: Split(part.x, labels.get(end)) for end, part in stored.items()}
        train = parts.get("", parts.get("_train"))
        assert train is not None
        return Parts(train, parts.get("_validation"), parts.get("_test"), classes, form, tuple(notes))

    def _names(self, found: list[str]) -> dict[str, str]:
        """Return the array's name for each key. A key is x or y with the suffix of a split, such as x_train."""
        chosen = {key: name for key, name in (("x", self.config.x), ("y", self.config.y)) if name}
        for name in chosen.values():
            if name not in found:
                raise UsageError(f"{self.path} has no array {name!r}", f"its arrays: {shown(found)}")
        names = {key: name for name in found if (key := key_of(name)) and name == key}
        for name in found:
            key = key_of(name)
            if key and names.setdefault(key, name) != name and names[key] != key and key[0] not in chosen:
                raise UsageError(f"{self.path} has both {names[key]} and {name}", f"--data.{key[0]} {name}")
        for key, name in chosen.items():
            names = {other: kept for other, kept in names.items() if other[0] != key} | {key: name}
        if "x" in names and "x_train" in names:
            raise UsageError(f"{self.path} has both {names['x']} and {names['x_train']}", "keep one of them")
        if "x" not in names and "x_train" not in names:
            hint = "numpy.savez(FILE, x=…, y=…), or name its array: --data.x NAME"
            raise UsageError(f"{self.path} has neither x nor x_train, but {shown(found)}", hint)
        return names

    def _refuse_unlike(self, stored: dict[str, Stored], names: dict[str, str]) -> None:
        """Refuse splits whose examples differ in shape or type."""
        (first, of), *others = stored.items()
        for end, part in others:
            if part.x.shape[1:] != of.x.shape[1:] or part.x.dtype != of.x.dtype or part.form.white != of.form.white:
                one, other = names[f"x{end}"], names[f"x{first}"]
                raise UsageError(
                    f"{self.path}: {one} and {other} differ in the shape or the type of their examples", "convert one"
                )

    def _labels(
        self, arrays: dict[str, NDArray[Any]], names: dict[str, str], ends: list[str]
    ) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
        """Return the class numbers of each split, and the names of the classes."""
        if not ends:
            return {}, ()
        labels = [classes_in(arrays[f"y{e}"], len(arrays[f"x{e}"]), f"{self.path}: {names[f'y{e}']}") for e in ends]
        numbers, classes = numbered(np.concatenate(labels))
        cuts = np.cumsum([len(part) for part in labels])[:-1]
        parts = (torch.from_numpy(np.ascontiguousarray(part)) for part in np.split(numbers, cuts))
        return dict(zip(ends, parts, strict=True)), classes


def classes_in(y: NDArray[Any], count: int, what: str) -> NDArray[Any]:
    """Return the label of each example [N]. `y` holds whole numbers, texts, or one-hot vectors [N, K].

    Raises:
        UsageError: `y` holds anything else, or labels are missing.
    """
    wrong = f"{what} is {y.dtype} {list(y.shape)}, not one class for each example"
    if y.ndim == 2 and y.shape[0] == count and y.shape[1] > 1 and y.dtype.kind in "biuf" and is_one_hot(y):
        return np.asarray(y.argmax(1))
    if y.shape not in ((count,), (count, 1)) or y.dtype.kind not in "iubUSf":
        raise UsageError(wrong, "give whole numbers or names")
    y = y.reshape(-1)
    if y.dtype.kind == "f":
        missing = int(np.isnan(y).sum())
        if missing:
            raise UsageError(f"{what} has no label (NaN) for {missing:,} of {count:,} examples", "leave them out")
        if not (np.isfinite(y) & (y == np.floor(y))).all():
            raise UsageError(wrong, "give whole numbers or names")
    return y


def is_one_hot(y: NDArray[Any]) -> bool:
    """Return whether each row [K] has one 1 and is 0 elsewhere."""
    return bool((((y == 0) | (y == 1)).all(1) & ((y == 1).sum(1) == 1)).all())


def shown(names: Iterable[str]) -> str:
    """Return the first names of arrays as one text."""
    names = list(names)
    return ", ".join(name[:40] for name in names[:8]) + (", …" if len(names) > 8 else "")
