"""Mixtures of discretised logistics: the likelihood of PixelCNN++."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

import genzoo
from genzoo.core.combinators import joined
from genzoo.core.distributions import full_precision
from genzoo.core.observation import DiscretisedLogistic

LOG_SCALES = (-7.0, 3.0)
"""Bounds of ln s: a narrower logistic is on one level, a wider one nearly uniform between black and white."""


class LogisticMixture(genzoo.Distribution):
    """Pixels with 256 levels k/255, each with a mixture of its own (Salimans et al. 2017, eq. 2).

    Args:
        logits: Of the weights up to a constant, [*batch, *event, K].
        location: Centres of the logistics, [*batch, *event, K]; black is 0 and white is 1.
        log_scale: ln s of the logistics, [*batch, *event, K].
        event_dims: How many of the last axes of a value are one event.
    """

    measure = "probability"
    support = "levels"

    def __init__(self, logits: Tensor, location: Tensor, log_scale: Tensor, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.each = genzoo.Mixture(DiscretisedLogistic(location, log_scale, event_dims=0), logits)
        """The mixture of each value, with all axes as batch axes."""

    @property
    def shape(self) -> torch.Size:
        return self.each.shape

    @property
    def mean(self) -> Tensor:
        """The mean of each value, within half a level (see `DiscretisedLogistic.mean`)."""
        return self.each.mean

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw levels, [*sample_shape, *batch, *event]. They have no gradient."""
        return joined(self.each, self.event_dims).rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return self._sum_event(self.each.log_prob(value))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        split, parts = type(self).__new__(type(self)), self.each.unflatten(sizes)
        genzoo.Distribution.__init__(split, self.event_dims)
        split.each = parts
        return split


class LogisticMixtureLikelihood(genzoo.Likelihood):
    """x is one of 256 grey levels; the decoder puts out K weights, centres and scales of logistics for each value.

    At first the centres are spread evenly from black to white.
    """

    family = LogisticMixture
    values = "grey"
    symbol = "K, the number of logistics,"
    default = 5

    def __init__(self, components: int) -> None:
        super().__init__()
        self.components = components
        self.outputs = 3 * components

    def forward(self, raw: Tensor) -> genzoo.Distribution:
        numbers = full_precision(raw).unflatten(1, (3, self.components, -1)).movedim(2, -1)
        logits, location, log_scale = numbers.unbind(1)
        spread = (torch.arange(self.components, device=raw.device) + 0.5) / self.components
        least, most = LOG_SCALES
        log_scale = least + (most - least) * torch.sigmoid(log_scale)
        return LogisticMixture(logits, spread + location, log_scale, event_dims=raw.dim() - 1)
