"""Probability distributions with the method names of torch.distributions.

torch.distributions itself is not used: its `kl_divergence` does not trace under `torch.compile(fullgraph=True)`, and
its argument validation synchronises with the device. The tests compare these distributions with it.

Every distribution has a batch shape (independent distributions) and an event shape (one value). Log-probabilities
and divergences are in nats, one for each batch element: they are summed over the event and include all constants.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from genzoo.core.noise import bernoulli, standard_normal

LOG_2PI = math.log(2 * math.pi)

Measure = Literal["probability", "density", "mixed", "none"]
"""What exp(log_prob) is: the probability of a discrete value (only this has bits per dimension), the density of a
continuous value, both for a row with values of both kinds, or neither. Values of different measures must not be
compared."""
Support = Literal["any", "binary", "levels", "counts", "sphere"]
"""The values of a distribution: any, only 0 and 1, grey levels k/255, whole numbers from 0, or unit vectors, whose
density is with respect to the area of the sphere."""


def full_precision(x: Tensor) -> Tensor:
    """Return x [*] in float32 if autocast left it in half precision, else x: densities need full precision."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def exp(x: Tensor | float) -> Tensor | float:
    """Return eˣ of a tensor or a number."""
    return torch.exp(x) if isinstance(x, Tensor) else math.exp(x)


def expm1(x: Tensor | float) -> Tensor | float:
    """Return eˣ − 1 of a tensor or a number."""
    return torch.expm1(x) if isinstance(x, Tensor) else math.expm1(x)


def split_batch(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Return x [N, *] as [*sizes, *], where N is the product of `sizes`, at a third of the cost of Tensor.unflatten."""
    return x.view(*sizes, *x.shape[1:])


class Distribution(ABC):
    """A batch of independent distributions over tensors with `event_dims` axes."""

    measure: Measure = "density"
    """What exp(log_prob) is; for a class, or for one distribution."""
    support: Support = "any"
    """The values for which `measure` is true: for others exp(log_prob) is neither a probability nor a density."""

    def __init__(self, event_dims: int) -> None:
        self.event_dims = event_dims

    @property
    @abstractmethod
    def shape(self) -> torch.Size:
        """Batch shape followed by event shape."""

    @property
    def mean(self) -> Tensor:
        """The expected value, [*batch, *event].

        Raises:
            NotImplementedError: It has no closed form. Then the distribution defines `centre`.
        """
        raise NotImplementedError(f"a {type(self).__name__} has no mean in closed form; use its centre")

    @property
    def centre(self) -> Tensor:
        """A deterministic representative, [*batch, *event], for codes, reconstructions and figures: the mean if any."""
        return self.mean

    @abstractmethod
    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw samples, with gradient if the distribution is reparameterisable: [*sample_shape, *batch, *event].

        Draw noise with `core.noise` (`standard_normal`, `uniform`, `bernoulli`, `exponential`, given
        `self.batch_axes`), or use distributions that do. In evaluation each example then has its own noise, independent
        of its batch.
        """

    @abstractmethod
    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p(value) in nats, summed over the event: [*batch] for value [*batch, *event].

        The trailing axes of `value` and of the distribution must be equal; either may have more leading axes.

        Raises:
            ValueError: The shapes do not match. They are never broadcast silently.
        """

    @abstractmethod
    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        """Return the same distributions with the first batch axis split into `sizes`."""

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        """Return KL(self‖p) in nats for each element of the event, [*batch, *event]; None without a closed form."""
        return None

    def kl(self, p: Distribution) -> Tensor | None:
        """Return KL(self‖p) in nats, [*batch]; None without a closed form: then estimate it from samples."""
        terms = self.kl_per_dim(p)
        return None if terms is None else self._sum_event(terms)

    @property
    def batch_axes(self) -> int:
        """The number of axes of the batch shape."""
        return len(self.shape) - self.event_dims

    def _sum_event(self, terms: Tensor) -> Tensor:
        return terms.sum(tuple(range(-self.event_dims, 0))) if self.event_dims else terms

    def _check(self, value: Tensor | Distribution) -> None:
        """Refuse a value or another distribution whose shape would be broadcast against this one."""
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

    In evaluation each example has its own noise, so one batch axis must be the examples. If no batch axis is, draw with
    `genzoo.core.noise.standard_normal`.
    """

    def __init__(self, mean: Tensor, log_var: Tensor | float, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        if isinstance(log_var, Tensor) and log_var.dim() and log_var.shape != mean.shape:
            raise ValueError(f"mean {tuple(mean.shape)} and log-variance {tuple(log_var.shape)} differ in shape")
        self._mean = mean
        self.log_var = log_var

    @classmethod
    def from_parameters(cls, parameters: Tensor) -> DiagGaussian:
        """Split the output of one linear head, [*batch, 2D], into mean and log-variance of D values each."""
        mean, log_var = full_precision(parameters).chunk(2, -1)
        return cls(mean, log_var)

    @property
    def shape(self) -> torch.Size:
        return self._mean.shape

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
        if math.prod(sample_shape) == 1:  # without broadcasting: its gradient would be a sum over that one sample
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
        if isinstance(p, StandardNormal):  # this form is exactly 0 at N(0, 1) and never negative
            return 0.5 * (self._mean**2 + (expm1(self.log_var) - self.log_var))
        if isinstance(p, DiagGaussian):
            gap = self.log_var - p.log_var
            return 0.5 * ((self._mean - p.mean) ** 2 * exp(-p.log_var) + (expm1(gap) - gap))
        return None


class StandardNormal(DiagGaussian):
    """N(0, I) over events of the given shape, without a batch axis.

    Args:
        shape: The event's shape.
        like: A tensor with the device and dtype to use.
    """

    def __init__(self, shape: tuple[int, ...], like: Tensor) -> None:
        super().__init__(like.new_zeros(shape), 0.0, event_dims=len(shape))

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        raise ValueError("a standard normal prior has no batch axis to split")


class Bernoulli(Distribution):
    """Independent Bernoulli variables with these logits.

    For values strictly between 0 and 1 (grey pixels), `log_prob` is minus the binary cross-entropy. This is a training
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
        """Draw samples 0 or 1, [*sample_shape, *batch, *event]. They have no gradient: no reparameterisation exists."""
        return bernoulli(self.mean.detach(), sample_shape, self.batch_axes)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check(value)
        logits, value = self.logits, value.to(self.logits.dtype)
        if not torch.is_grad_enabled():  # the same terms, bit for bit, without 1 − x for each of k samples
            return -self._sum_event(((1 - value) * logits).sub_(F.logsigmoid(logits)))
        if value.dim() < logits.dim():  # the trailing axes are equal
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
    """A point mass: the posterior of a plain autoencoder.

    It has no density: `log_prob` is 0 at the point and −∞ elsewhere. Its divergences are infinite, so `kl` is None. For
    discrete values it is a proper distribution: a subclass then sets `measure = "probability"` and defines `kl`.

    Args:
        point: [*batch, *event].
        event_dims: How many of the last axes are one event.
    """

    measure: Measure = "none"

    def __init__(self, point: Tensor, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.point = point

    @property
    def shape(self) -> torch.Size:
        return self.point.shape

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
