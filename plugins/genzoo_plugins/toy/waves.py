"""Sound of known density: sums of sines with random loudness and phase."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

import genzoo
from genzoo_plugins.toy.base import Generated


class Waves(Generated):
    """Σ_k a_k cos(2πkt/L) + b_k sin(2πkt/L) + noise over L samples, with a_k, b_k ~ N(0, s²) and noise N(0, σ²).

    The sines are orthogonal, so a signal is Gaussian with variance s²L/2 + σ² along each of them and σ² in all other
    directions. Its mean power is s² for each sine, plus σ².
    """

    name = "waves"

    @genzoo.config
    class Config(Generated.Config):
        length: Annotated[int, genzoo.Range(4, 100_000)] = 512
        """L, the samples of a signal."""
        rate: genzoo.Positive = 4096.0
        """Samples in a second."""
        cycles: tuple[genzoo.Count, ...] = (28, 56, 84)
        """k of each sine: its cycles in a signal. By default they sound as 224, 448 and 672 Hz."""
        loudness: genzoo.Positive = 0.2
        """s, the root of the mean power of a sine."""
        noise: genzoo.Positive = 0.02
        """σ, the standard deviation of the noise."""

        def __post_init__(self) -> None:
            if any(2 * k >= self.length for k in self.cycles) or len(set(self.cycles)) < len(self.cycles):
                raise genzoo.UsageError(
                    f"--data.cycles {' '.join(map(str, self.cycles))}: different numbers below half of the length",
                    f"numbers from 1 to {(self.length - 1) // 2}",
                )

    @property
    def spec(self) -> genzoo.DataSpec:
        own = self.config
        return genzoo.DataSpec((1, own.length), "gaussian-learned", size=own.train, kind="signal", rate=own.rate)

    def split(self, name: str, n: int) -> genzoo.Split:
        sines, own = self.sines, self.config
        size = math.sqrt(own.length / 2) * own.loudness
        x = size * self.normal(name, "sines", n, len(sines)) @ sines
        x += own.noise * self.normal(name, "noise", n, own.length)
        return genzoo.Split(x.float()[:, None])

    @property
    def sines(self) -> Tensor:
        """Cosine and sine of each number of cycles, of length 1: [2K, L] float64."""
        length = self.config.length
        angle = (
            2
            * math.pi
            / length
            * torch.outer(
                torch.tensor(self.config.cycles, dtype=torch.float64), torch.arange(length, dtype=torch.float64)
            )
        )
        return math.sqrt(2 / length) * torch.cat([angle.cos(), angle.sin()])

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln p of signals [n, 1, L] in nats, [n]."""
        own, flat = self.config, x.flatten(1).double()
        along = (flat @ self.sines.to(flat).T).square().sum(1)
        across = flat.square().sum(1) - along
        few = 2 * len(own.cycles)
        loud, quiet = own.loudness**2 * own.length / 2 + own.noise**2, own.noise**2
        logs = few * math.log(loud) + (own.length - few) * math.log(quiet) + own.length * math.log(2 * math.pi)
        log_p: Tensor = -0.5 * (along / loud + across / quiet + logs)
        return log_p
