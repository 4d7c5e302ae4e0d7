"""Arrays of an .npz or .npy file."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genzoo.data.arrays import map_array, read_arrays
from genzoo.data.examples import as_examples
from genzoo.errors import UsageError
from genzoo.protocols import Split
from genzoo_plugins.own_data.base import InMemory, Parts

MAPPED = 1 << 28
"""Bytes of an .npy file from which on it is not read into memory but mapped."""
PARTS = ("train", "validation", "test")
NAMES = {f"{letter}{end}" for letter in "xy" for end in ("", *(f"_{part}" for part in PARTS))}


class Npz(InMemory):
    """x and y, or x_train, y_train, x_test, y_test and perhaps x_validation, y_validation; an .npy file is x.

    Images are [N, H, W], [N, H, W, C] or [N, C, H, W], uint8 or floats in [0, 1]; vectors are [N, F]. A large .npy file
    is mapped: read in pieces, and kept in memory only where it fits.
    """

    kind = "FILE.npz"

    def parse(self) -> Parts:
        path = self.path
        if path.suffix.lower() == ".npy" and path.stat().st_size >= MAPPED:
            return Parts(Split(as_examples(map_array(path), str(path))))
        arrays = read_arrays(path, NAMES.__contains__)
        if "x" in arrays and "x_train" in arrays:
            raise UsageError(f"{path} has both x and x_train", "keep one of them")
        ends = [""] if "x" in arrays else [f"_{part}" for part in PARTS if f"x_{part}" in arrays]
        if "" not in ends and "_train" not in ends:
            raise UsageError(f"{path} has neither x nor x_train", "numpy.savez(FILE, x=…, y=…)")
        labelled = [end for end in ends if f"y{end}" in arrays]
        if labelled and labelled != ends:
            missing = next(end for end in ends if end not in labelled)
            raise UsageError(f"{path} has labels, but no y{missing}", "label all parts or none")
        classes = np.unique(np.concatenate([self._labels(arrays, end) for end in labelled])) if labelled else None
        parts = {end: self._split(arrays, end, classes) for end in ends}
        first = next(iter(parts.values())).x
        for end, part in parts.items():
            if part.x.shape[1:] != first.shape[1:] or part.x.dtype != first.dtype:
                raise UsageError(f"{path}: x{end} is of another form than x{ends[0]}", "give all parts one form")
        train = parts.get("", parts.get("_train"))
        assert train is not None
        return Parts(train, parts.get("_validation"), parts.get("_test"))

    def _labels(self, arrays: dict[str, NDArray[Any]], end: str) -> NDArray[Any]:
        y, rows = arrays[f"y{end}"], arrays[f"x{end}"].shape[:1]
        if y.shape not in (rows, (*rows, 1)) or y.dtype.kind not in "iubUS":
            raise UsageError(
                f"{self.path}: y{end} is {y.dtype} {list(y.shape)}, not one class for each of x{end}",
                "give whole numbers or names",
            )
        return y.reshape(-1)

    def _split(self, arrays: dict[str, NDArray[Any]], end: str, classes: NDArray[Any] | None) -> Split:
        x = as_examples(arrays[f"x{end}"], f"{self.path}: x{end}")
        if classes is None:
            return Split(x)
        return Split(x, torch.from_numpy(np.searchsorted(classes, self._labels(arrays, end)).astype(np.int64)))
