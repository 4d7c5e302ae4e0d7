"""More distributions of observed values x: Laplace, continuous Bernoulli, discretised logistic.

As in `genzoo.core.distributions`, log-probabilities are in nats, summed over the event, and include all constants.
"""

from __future__ import annotations

import math
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from genzoo.core.distributions import Distribution, exp
from genzoo.core.noise import exponential, keyed_noise, keyed_uniform

LEVELS = 256
"""Grey levels of a pixel stored as one byte: k/255 for k = 0 … 255."""
WHITE = LEVELS - 1


class Laplace(Distribution):
    """Independent Laplace variables with density exp(−|x − μ|/b) / 2b. Its negative logarithm has the absolute error.

    Args:
        mean: μ, [*batch, *event].
        log_scale: ln b, one number (a float or a 0-d tensor) for all.
        event_dims: How many of the last axes are one event.
    """

    def __init__(self, mean: Tensor, log_scale: Tensor | float, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self._mean = mean
        self.log_scale = log_scale

    @property
    def shape(self) -> torch.Size:
        return self._mean.shape

    @property
    def mean(self) -> Tensor:
        return self._mean

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        # The difference of two exponential variables: unlike the inverse CDF, it never takes ln 0.
        one, other = (exponential(self._mean, sample_shape, self.batch_axes) for _ in range(2))
        return self._mean + (one - other) * exp(self.log_scale)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        terms = (value - self._mean).abs() * exp(-self.log_scale) + (self.log_scale + math.log(2))
        return -self._sum_event(terms)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self._mean.unflatten(0, sizes), self.log_scale, self.event_dims)

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        if not isinstance(p, Laplace):
            return None
        self._check(p)
        distance = (self._mean - p.mean).abs()
        apart = distance * exp(-p.log_scale)
        near = exp(self.log_scale - p.log_scale) * torch.exp(-distance * exp(-self.log_scale))
        return near + apart + (p.log_scale - self.log_scale) - 1


class ContinuousBernoulli(Distribution):
    """Independent variables on [0, 1] with density C(λ) λˣ (1 − λ)¹⁻ˣ (Loaiza-Ganem & Cunningham 2019, eq. 4 – 8).

    The normaliser C turns the cross-entropy of grey pixels into a density. Everything is computed from the logits
    η = ln λ/(1 − λ): the density is η exp(ηx)/(exp η − 1) and C = η/tanh(η/2), which is exact even if λ rounds to 1.

    Args:
        logits: η, [*batch, *event].
        event_dims: How many of the last axes are one event.
    """

    def __init__(self, logits: Tensor, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.logits = logits

    @property
    def mean(self) -> Tensor:
        """1/(1 − exp(−η)) − 1/η, which is closer to ½ than λ."""
        eta = self.logits
        near = eta.abs() < 0.2
        safe = torch.where(near, 1.0, eta)
        series = eta * (1 / 12 - eta**2 * (1 / 720 - eta**2 / 30240))
        return 0.5 + torch.where(near, series, 0.5 / torch.tanh(0.5 * safe) - 1 / safe)

    @property
    def shape(self) -> torch.Size:
        return self.logits.shape

    @property
    def log_normaliser(self) -> Tensor:
        """ln C(λ), of the shape of the logits. Near λ = ½ it is a series in e = λ − ½ (error 1e-11)."""
        twice = torch.tanh(0.5 * self.logits)  # 2e
        near = twice.abs() < 0.02
        safe = torch.where(near, 1.0, self.logits)  # the unused branch must not be 0/0: its gradient would be nan
        square = (0.5 * twice) ** 2
        series = math.log(2) + square * (4 / 3 + square * (104 / 45))
        return torch.where(near, series, torch.log(safe / torch.tanh(0.5 * safe)))

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw by the inverse CDF for −|η|, which cannot overflow, and mirror the result."""
        eta = self.logits
        u = _uniform(eta, sample_shape, self.batch_axes)
        near = eta.abs() < 1e-5
        steep = -torch.where(near, 1.0, eta).abs()
        x = torch.where(near, u, torch.log1p(u * torch.expm1(steep)) / steep)
        return torch.where(eta > 0, 1 - x, x)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p(value) in nats, [*batch]; −∞ outside [0, 1]."""
        self._check(value)
        inside = (value >= 0) & (value <= 1)
        terms = self.logits * value - F.softplus(self.logits) + self.log_normaliser
        return self._sum_event(torch.where(inside, terms, -math.inf))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self.logits.unflatten(0, sizes), self.event_dims)

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        if not isinstance(p, ContinuousBernoulli):
            return None
        self._check(p)
        one, other = (F.softplus(d.logits) - d.log_normaliser for d in (self, p))
        return self.mean * (self.logits - p.logits) + other - one


class DiscretisedLogistic(Distribution):
    """Pixels with 256 levels k/255. Level k has the mass of a logistic distribution between (k ± ½)/255.

    Black also has all mass below it and white all mass above it, so the 256 probabilities sum to 1
    (Kingma et al. 2016, section 5.2; Salimans et al. 2017, eq. 2).

    Args:
        location: The centre of the logistic, [*batch, *event]; black is 0 and white is 1.
        log_scale: ln s, of the shape of `location`, or one number (a float or a 0-d tensor) for all.
        event_dims: How many of the last axes are one event.
    """

    measure = "probability"
    support = "levels"

    def __init__(self, location: Tensor, log_scale: Tensor | float, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.location = location
        self.log_scale = log_scale

    @property
    def mean(self) -> Tensor:
        """The mean of the logistic clipped to [0, 1], ∫ P(X > t) dt. It is within half a level of the exact mean.

        The exact mean is the midpoint rule for this integral with 255 points, at 255 times the cost.
        """
        scale, rate = exp(self.log_scale), exp(-self.log_scale)
        above_black = F.softplus(self.location * rate)
        above_white = F.softplus((self.location - 1) * rate)
        return (scale * (above_black - above_white)).clamp(0, 1)

    @property
    def shape(self) -> torch.Size:
        return self.location.shape

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw levels, [*sample_shape, *batch, *event]. They have no gradient: no reparameterisation exists."""
        location = self.location.detach()
        u = _uniform(location, sample_shape, self.batch_axes)
        x = location + torch.logit(u, eps=1e-7) * exp(self.log_scale)
        return (x.detach().clamp(0, 1) * WHITE).round() / WHITE

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p(value) in nats, [*batch].

        With a > b the edges of the level's bin in units of s, it is
        ln(σ(a) − σ(b)) = ln σ(a) + ln σ(−b) + ln(1 − exp(b − a)). All three terms are negative, so nothing cancels.
        """
        self._check(value)
        # In units of levels, k ± ½ is exact: neighbouring bins share the same edge, and the masses sum to 1 for any s.
        level, centre = (value * WHITE).round(), self.location * WHITE
        width = torch.as_tensor(exp(-self.log_scale), dtype=centre.dtype) / WHITE  # a − b
        below_top = F.logsigmoid((level + 0.5 - centre) * width)
        above_bottom = F.logsigmoid((centre - (level - 0.5)) * width)
        between = torch.log(-torch.expm1(-width))
        black, white = level < 0.5, level > WHITE - 0.5
        terms = torch.where(white, 0.0, below_top) + torch.where(black, 0.0, above_bottom)
        return self._sum_event(terms + torch.where(black | white, 0.0, between))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        log_scale = self.log_scale
        if isinstance(log_scale, Tensor) and log_scale.dim():
            log_scale = log_scale.unflatten(0, sizes)
        return type(self)(self.location.unflatten(0, sizes), log_scale, self.event_dims)


def _uniform(like: Tensor, sample_shape: tuple[int, ...], batched: int) -> Tensor:
    """Draw uniform noise. Outside evaluation, each process draws its own, in the order of a contiguous tensor."""
    own = keyed_noise(keyed_uniform, sample_shape, like, batched)
    return torch.rand((*sample_shape, *like.shape), device=like.device, dtype=like.dtype) if own is None else own
