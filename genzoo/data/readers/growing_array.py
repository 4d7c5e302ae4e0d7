"""An array that grows while it is filled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class GrowingArray:
    """A float32 array of unknown final length, in one block of memory that is resized in place."""

    def __init__(self) -> None:
        self.values = np.empty(0, np.float32)
        self.used = 0

    def append(self, more: NDArray[np.float32]) -> None:
        """Append numbers of any shape, flattened."""
        needed = self.used + more.size
        if needed > len(self.values):
            self.values.resize(max(needed, self.used + self.used // 4), refcheck=False)
        self.values[self.used : needed] = more.reshape(-1)
        self.used = needed

    def array(self) -> NDArray[np.float32]:
        """Return all numbers, [n]."""
        self.values.resize(self.used, refcheck=False)
        return self.values
