"""Discrete pixels as real numbers: uniform noise within each level, then the logit."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

import genzoo
from genzoo.core.noise import uniform
from genzoo.core.observation import LEVELS

MARGIN = 0.05
"""The values are squeezed into [MARGIN, 1 − MARGIN] before the logit (Dinh et al. 2017, section 4.1)."""


class Dequantisation:
    """Map pixels with L levels to real numbers y = logit(α + (1 − 2α)(k + u)/L), u uniform in [0, 1), and back.

    The probability of a pixel's level is the integral of the density over it, so that E_u ln p(y) + ln |dy/du| is at
    most its logarithm (Theis et al. 2016, section 3.1).

    Args:
        spec: Of images, whose levels are those of the data's own units: 2 of black and white images, else 256.
    """

    def __init__(self, spec: genzoo.DataSpec) -> None:
        self.spec = spec
        self.levels = 2 if spec.binary else LEVELS

    def numbers(self, x: Tensor, within: Tensor | float) -> tuple[Tensor, Tensor]:
        """Return real numbers [B, D] for pixels [B, *S], and ln |dy/du|, [B].

        Args:
            x: Pixels in the model's view.
            within: u, [B, *S] or one number: the place within the level.
        """
        level = (self.spec.original(x) * (self.levels - 1)).round()
        squeezed = MARGIN + (1 - 2 * MARGIN) * (level + within).flatten(1) / self.levels
        y = torch.logit(squeezed)
        slope = F.softplus(y) + F.softplus(-y) + math.log((1 - 2 * MARGIN) / self.levels)
        return y, slope.sum(1)

    def noisy(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return `numbers` at random places within the levels."""
        return self.numbers(x, uniform(x))

    def pixels(self, y: Tensor) -> Tensor:
        """Return pixels [N, *S] in the model's view for real numbers [N, D]; outside all levels the nearest one."""
        unit = (torch.sigmoid(y) - MARGIN) / (1 - 2 * MARGIN)
        level = (unit * self.levels).floor().clamp(0, self.levels - 1)
        return self.spec.view(level / (self.levels - 1)).view(-1, *self.spec.shape)
