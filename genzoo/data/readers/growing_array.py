"""Numbers whose count is not known beforehand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Growing:
    """Numbers that are appended to, in one piece of memory that grows where it lies."""

    def __init__(self) -> None:
        self.values = np.empty(0, np.float32)
        self.used = 0

    def append(self, more: NDArray[np.float32]) -> None:
        """Adds numbers at the end."""
        needed = self.used + more.size
        if needed > len(self.values):
            self.values.resize(max(needed, self.used + self.used // 4), refcheck=False)
        self.values[self.used : needed] = more.reshape(-1)
        self.used = needed

    def array(self) -> NDArray[np.float32]:
        """All of them [n]."""
        self.values.resize(self.used, refcheck=False)
        return self.values
