"""Distributions of names: whole numbers without order, as such or as one-hot vectors.

As in `genzoo.core.distributions`, log-probabilities are in nats, summed over the event, and include all constants.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from genzoo.core.distributions import Distribution, Measure, split_batch
from genzoo.core.noise import exponential


class Categorical(Distribution):
    """Independent variables with values 0 … C − 1, without order.

    `log_prob` has a gradient to the logits, and samples have none. For samples with a gradient see `one_hot`.

    Args:
        logits: ln p up to a constant, [*batch, *event, C].
        event_dims: How many of the last axes of a value are one event.
    """

    measure = "probability"

    def __init__(self, logits: Tensor, event_dims: int = 1) -> None:
        super().__init__(event_dims)
        self.logits = logits
        self.log_probabilities = logits.log_softmax(-1)

    @property
    def shape(self) -> torch.Size:
        return self.logits.shape[:-1]

    @property
    def probabilities(self) -> Tensor:
        """The probability of each value, [*batch, *event, C]."""
        return self.log_probabilities.exp()

    @property
    def centre(self) -> Tensor:
        """The most probable values. Names have no mean."""
        return self.log_probabilities.argmax(-1)

    def one_hot(self, temperature: float = 0.0) -> OneHot:
        """Return the same distribution over one-hot vectors [*batch, *event, C], whose samples have a gradient."""
        return OneHot(self.logits, temperature, self.event_dims + 1)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Draw values, int64 [*sample_shape, *batch, *event], by the exponential race. They have no gradient."""
        p = self.probabilities.detach()
        return (exponential(p, sample_shape, self.batch_axes) / p).argmin(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of values, whole numbers of any type, in nats: [*batch]."""
        self._check(value)
        index, table = torch.broadcast_tensors(value.long()[..., None], self.log_probabilities)
        return self._sum_event(table.gather(-1, index[..., :1])[..., 0])

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(split_batch(self.logits, sizes), self.event_dims)

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        if not isinstance(p, Categorical):
            return None
        self._check(p)
        one, other = self.log_probabilities, p.log_probabilities
        return (one.exp() * (one - other)).sum(-1)


class OneHot(Distribution):
    """Independent one-hot vectors of C numbers: the values of a `Categorical` as a net takes them.

    With a temperature τ > 0, samples are softmax((ln p + g)/τ) for Gumbel noise g: points of the simplex, with their
    gradient, whose largest number is at k with probability p_k (Maddison et al. 2017; Jang et al. 2017). They are not
    one-hot, so `log_prob` is not theirs and no bound on ln p(x) holds for them; `measure` is then "none". With τ = 0
    they are one-hot, and have the gradient of the probabilities: straight through, with a bias (Bengio et al. 2013).

    Args:
        logits: ln p up to a constant, [*batch, *event], of which the last axis is C.
        temperature: τ.
        event_dims: How many of the last axes are one event, that of C included.
    """

    measure: Measure = "probability"

    def __init__(self, logits: Tensor, temperature: float = 0.0, event_dims: int = 2) -> None:
        super().__init__(event_dims)
        self.logits = logits
        self.temperature = temperature
        self.log_probabilities = logits.log_softmax(-1)
        if temperature:
            self.measure = "none"

    @property
    def shape(self) -> torch.Size:
        return self.logits.shape

    @property
    def mean(self) -> Tensor:
        """The probabilities, also of relaxed samples, whose own mean has no closed form."""
        return self.log_probabilities.exp()

    @property
    def centre(self) -> Tensor:
        """The most probable one-hot vectors: a value, as the mean is not."""
        return one_hot(self.logits.detach())

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        log_p = self.log_probabilities
        gumbel = -exponential(log_p, sample_shape, self.batch_axes).log()
        if self.temperature:
            return ((log_p + gumbel) / self.temperature).softmax(-1)
        p = self.mean
        return one_hot(log_p.detach() + gumbel) + (p - p.detach())

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ln p of one-hot vectors in nats, [*batch]."""
        self._check(value)
        return self._sum_event(value * self.log_probabilities)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(split_batch(self.logits, sizes), self.temperature, self.event_dims)

    def kl_per_dim(self, p: Distribution) -> Tensor | None:
        """Return q ln(q/p) − q + p, [*batch, *event]: no term is negative, and their sum over C is the KL in nats."""
        if not isinstance(p, OneHot):
            return None
        self._check(p)
        gap = self.log_probabilities - p.log_probabilities
        return self.mean * (gap + (-gap).expm1())


def one_hot(scores: Tensor) -> Tensor:
    """Return one-hot vectors [*, C] with the 1 at the largest score, in the type of the scores [*, C].

    torch's function of this name reads the indices back to the host to check them.
    """
    every = torch.arange(scores.shape[-1], device=scores.device)
    return (scores.argmax(-1, keepdim=True) == every).to(scores.dtype)
