"""A dataset that does not fit into memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import genzoo

LENGTH = 64
CHUNK = 1 << 16
"""Examples that are in memory at once while the file is written: 16 MB."""


class Sines:
    """sin(2π(f·t + φ)) at 64 times t in [0, 1), f uniform in [1, 4) and φ in [0, 1), plus noise: 256 bytes each.

    `load` writes a file once and maps it. What a `Split` then holds is no tensor but `genzoo.Rows`, or the mapping
    itself, and nothing in genzoo reads it whole.
    """

    @genzoo.config
    class Config:
        examples: genzoo.Count = 1_000_000
        """Examples to train on: 4 million a gigabyte. Validation and test have 10,000 each."""
        noise: genzoo.NonNegative = 0.1
        """Standard deviation of what is added to each value."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def spec(self) -> genzoo.DataSpec:
        return genzoo.DataSpec(shape=(LENGTH,), likelihood="gaussian-learned", size=self.config.examples)

    def load(self, store: genzoo.Store) -> genzoo.Splits:
        folder = store.writable_root / "genzoo-tools"
        folder.mkdir(exist_ok=True)
        sizes = {"train": self.config.examples, "validation": 10_000, "test": 10_000}
        splits = {name: self.mapped(folder, name, size) for name, size in sizes.items()}
        return genzoo.Splits(**splits)

    def mapped(self, folder: Path, name: str, n: int) -> genzoo.Split:
        """n sines, [n, 64] float32, in a file of their own. It appears under its name when it is whole."""
        file = folder / f"sines-{name}-{n}-{self.config.noise:g}.npy"
        if not file.exists():
            part = file.with_suffix(f".{os.getpid()}.part")
            whole = np.lib.format.open_memmap(  # type: ignore[no-untyped-call,unused-ignore]  # NumPy 1.26
                part, mode="w+", dtype=np.float32, shape=(n, LENGTH)
            )
            for number, start in enumerate(range(0, n, CHUNK)):
                count = min(CHUNK, n - start)
                whole[start : start + count] = self.drawn(count, f"{name} {number}")
            whole.flush()
            os.replace(part, file)
        return genzoo.Split(genzoo.Rows(np.load(file, mmap_mode="r")))

    def drawn(self, n: int, stream: str) -> NDArray[np.float32]:
        """n sines [n, 64] from a stream of its own: the same ones whatever was drawn before."""
        generator = np.random.default_rng(list(stream.encode()))
        frequency, phase = 1 + 3 * generator.random((n, 1), np.float32), generator.random((n, 1), np.float32)
        times = np.arange(LENGTH, dtype=np.float32) / LENGTH
        noise = self.config.noise * generator.standard_normal((n, LENGTH), np.float32)
        sines: NDArray[np.float32] = np.sin(2 * np.pi * (frequency * times + phase), dtype=np.float32) + noise
        return sines
