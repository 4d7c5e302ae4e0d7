"""Tiny datasets in MNIST's form, and fake programs."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genzoo.data.raw_files import FileSet, RawFile, Source

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes as an idx file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@dataclass(frozen=True)
class Example:
    """A small dataset: its declaration, and the correct bytes."""

    files: FileSet
    right: dict[str, bytes]

    def put(self, folder: Path, packed: bool = False, without: str = "") -> Path:
        """Write the files into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.right.items():
            if name != without:
                (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
        return folder

    def of(self, *sources: Source) -> FileSet:
        """Return the same files with other sources."""
        return replace(self.files, sources=sources)


def example(name: str, title: str, seed: int) -> Example:
    random = np.random.Generator(np.random.Philox(seed))
    arrays = [
        random.integers(0, 256, (20, 8, 8)), random.integers(0, 10, 20),
        random.integers(0, 256, (10, 8, 8)), random.integers(0, 10, 10),
    ]  # fmt: skip
    right = {file: idx(array) for file, array in zip(NAMES, arrays, strict=True)}
    raw = tuple(RawFile(file, hashlib.sha256(data).hexdigest(), len(data)) for file, data in right.items())
    return Example(FileSet(name, title, f"{title}/raw", raw), right)


def program(name: str, script: str) -> Path:
    """Put a shell script on the PATH, before the system's programs."""
    folder = Path(os.environ["PATH"].split(":")[0])
    os.environ["PATH"] = f"{folder}:/usr/bin:/bin"  # the home fixture's monkeypatch undoes it
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
