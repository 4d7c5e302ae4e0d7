"""Probability distributions with the method names of torch.distributions.

Why not torch.distributions itself: its `kl_divergence` does not trace under `torch.compile(fullgraph=True)`
and its argument validation waits for the device. The tests hold these against it.

Every distribution has a batch shape (independent distributions) and an event shape (one value). Log-probabilities
and divergences are in nats, one number for each batch element: summed over the event, all constants kept.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from genzoo.core.noise import bernoulli, standard_normal

LOG_2PI = math.log(2 * math.pi)

Measure = Literal["probability", "density", "none"]
"""What exp(log_prob) is: the probability of one of countably many values (only these have bits a dimension), a density
over continuous ones, or neither. Figures of different measures must never stand in one column."""
Support = Literal["any", "binary", "levels"]
"""Values that a distribution is for: any, 0 and 1 only, or grey levels k/255."""


def full_precision(x: Tensor) -> Tensor:
    """x [*] itself, or as float32 where autocast left it in half precision: densities are computed in full."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def exp(x: Tensor | float) -> Tensor | float:
    """eˣ of a tensor or of a plain number."""
    return torch.exp(x) if isinstance(x, Tensor) else math.exp(x)


def expm1(x: Tensor | float) -> Tensor | float:
    """eˣ − 1 of a tensor or of a plain number."""
    return torch.expm1(x) if isinstance(x, Tensor) else math.expm1(x)


def split_batch(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """x [N, *] as [*sizes, *], N being their product, at a third of the cost of Tensor.unflatten."""
    return x.view(*sizes, *x.shape[1:])


class Distribution(ABC):
    """A batch of independent distributions over tensors with `event_dims` axes."""

    measure: ClassVar[Measure] = "density"
    """What exp(log_prob) is."""
    support: ClassVar[Support] = "any"
    """Where `measure` holds: of other values exp(log_prob) is neither a probability nor a density."""

    def __init__(self, event_dims: int) -> None:
        self.event_dims = event_dims

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """The expected value: [*batch, *event]."""

    @abstractmethod
    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Samples that carry gradient where the distribution allows it: [*sample_shape, *batch, *event].

        Draw by `core.noise` (`standard_normal`, `uniform`, `bernoulli`, `exponential`, given `self.batch_axes`), or
        from other distributions that do: evaluation then gives each example noise of its own, whatever its batch.
        """

    @abstractmethod
    def log_prob(self, value: Tensor) -> Tensor:
        """ln p(value) in nats, summed over the event: [*batch] for value [*batch, *event].

        The shape of `value` and of the distribution must end alike (either may have further leading axes);
        anything else is a ValueError, never a silent broadcast.
        """

    @abstractmethod
    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        """The same distributions with the first batch axis split into `sizes`."""

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        """KL(self‖p) in nats of each element of the event, [*batch, *event]; None where it has no closed form."""
        return None

    def kl(self, p: Distribution) -> Tensor | None:
        """KL(self‖p) in nats, [*batch]; None where there is no closed form: estimate it from samples then."""
        terms = self.kl_per_dim(p)
        return None if terms is None else self._sum_event(terms)

    @property
    def shape(self) -> torch.Size:
        """Batch shape followed by event shape."""
        return self.mean.shape

    @property
    def batch_axes(self) -> int:
        """How many axes the batch shape has."""
        return len(self.shape) - self.event_dims

    def _sum_event(self, terms: Tensor) -> Tensor:
        return terms.sum(tuple(range(-self.event_dims, 0))) if self.event_dims else terms

    def _check(self, value: Tensor | Distribution) -> None:
        """Refuses a value, or another distribution, that would broadcast against this one instead of lining up."""
        shared = min(len(value.shape), len(self.shape))
        if shared < self.event_dims or (shared and value.shape[-shared:] != self.shape[-shared:]):
            raise ValueError(
                f"a {type(value).__name__} of shape {tuple(value.shape)} does not line up with "
                f"a {type(self).__name__} of shape {tuple(self.shape)} whose last {self.event_dims} axes are one event"
            )


class DiagGaussian(Distribution):
    """Independent Gaussians N(mean, exp(log_var)).

    Args:
        mean: [*batch, *event].
        log_var: ln σ², of the same shape as `mean`, or one number (a float or a 0-d tensor) for all.
        event_dims: How many of the last axes are one event.

    One batch axis, where there are any, is taken to run over examples, which have noise of their own when they are
    evaluated; what is batched otherwise draws by `genzoo.core.noise.standard_normal`.
    """

    def __init__(self, mean: Tensor, log_var: Tensor | float, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        if isinstance(log_var, Tensor) and log_var.dim() and log_var.shape != mean.shape:
            raise ValueError(f"mean {tuple(mean.shape)} and log-variance {tuple(log_var.shape)} differ in shape")
        self._mean = mean
        self.log_var = log_var

    @classmethod
    def from_parameters(cls, parameters: Tensor) -> DiagGaussian:
        """Mean and log-variance side by side, as one merged linear head puts them out: [*batch, 2D] → D values."""
        mean, log_var = full_precision(parameters).chunk(2, -1)
        return cls(mean, log_var)

    @property
    def mean(self) -> Tensor:
        return self._mean

    @property
    def variance(self) -> Tensor:
        """σ², broadcast to the shape of the mean."""
        return exp(self.log_var) * torch.ones_like(self._mean)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        noise = standard_normal(sample_shape, self._mean, batched=self._mean.dim() - self.event_dims)
        half = self.log_var * 0.5
        if math.prod(sample_shape) == 1:  # without broadcasting, whose gradient is a sum over that one sample
            return (self._mean + noise.view(self._mean.shape) * exp(half)).view(noise.shape)
        return self._mean + noise * exp(half)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        terms = (value - self._mean) ** 2 * exp(-self.log_var) + (self.log_var + LOG_2PI)
        return -0.5 * self._sum_event(terms)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        log_var = self.log_var
        if isinstance(log_var, Tensor) and log_var.dim():
            log_var = split_batch(log_var, sizes)
        return type(self)(split_batch(self._mean, sizes), log_var, self.event_dims)

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        if isinstance(p, DiagGaussian):
            self._check(p)
        if isinstance(p, StandardNormal):  # exactly 0 at N(0, 1), and never negative
            return 0.5 * (self._mean**2 + (expm1(self.log_var) - self.log_var))
        if isinstance(p, DiagGaussian):
            gap = self.log_var - p.log_var
            return 0.5 * ((self._mean - p.mean) ** 2 * exp(-p.log_var) + (expm1(gap) - gap))
        return None


class StandardNormal(DiagGaussian):
    """N(0, I) over events of the given shape, with no batch axis.

    Args:
        shape: The event's shape.
        like: A tensor whose device and dtype to use.
    """

    def __init__(self, shape: tuple[int, ...], like: Tensor) -> None:
        super().__init__(like.new_zeros(shape), 0.0, event_dims=len(shape))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        raise ValueError("a standard normal prior has no batch axis to split")


class Bernoulli(Distribution):
    """Independent Bernoulli variables, given by their logits.

    For values strictly between 0 and 1 (grey pixels) `log_prob` is minus the binary cross-entropy, which is a training
    loss and *not* a log-likelihood (Loaiza-Ganem & Cunningham 2019).

    Args:
        logits: ln p/(1 − p), [*batch, *event].
        event_dims: How many of the last axes are one event.
    """

    measure = "probability"
    support = "binary"

    def __init__(self, logits: Tensor, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.logits = logits

    @property
    def mean(self) -> Tensor:
        return torch.sigmoid(self.logits)

    @property
    def shape(self) -> torch.Size:
        return self.logits.shape

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Samples 0 or 1, [*sample_shape, *batch, *event]. They carry no gradient: there is no reparameterisation."""
        return bernoulli(self.mean.detach(), sample_shape, self.batch_axes)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        logits, value = self.logits, value.to(self.logits.dtype)
        if value.dim() < logits.dim():  # they end alike
            value = value.expand(logits.shape)
        elif logits.dim() < value.dim():
            logits = logits.expand(value.shape)
        return -self._sum_event(F.binary_cross_entropy_with_logits(logits, value, reduction="none"))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(split_batch(self.logits, sizes), self.event_dims)

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        if not isinstance(p, Bernoulli):
            return None
        self._check(p)
        one, other = self.logits, p.logits
        return self.mean * (one - other) + F.softplus(other) - F.softplus(one)


class Delta(Distribution):
    """All mass at one point: the posterior of a plain autoencoder.

    It has no density: `log_prob` is 0 at the point and −∞ elsewhere, and a divergence from it is not finite,
    so `kl` is None. Where the values are discrete it is a distribution all the same: a subclass says so by
    `measure = "probability"`, and gives its `kl`.
    """

    measure: ClassVar[Measure] = "none"

    def __init__(self, point: Tensor, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.point = point

    @property
    def mean(self) -> Tensor:
        return self.point

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        return self.point.expand(*sample_shape, *self.point.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        return self._sum_event(torch.where(value == self.point, 0.0, -math.inf))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self.point.unflatten(0, sizes), self.event_dims)
