"""Correct models of counts and of words that are not built in: the checks must not report a fault in any of them."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from sound import Small, net
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision


class Counts(genzoo.Distribution):
    """Poisson variables, or negative binomial variables with the same mean."""

    measure = "probability"

    def __init__(self, log_rate: Tensor, log_shape: Tensor | None) -> None:
        super().__init__(event_dims=1)
        self.log_rate, self.log_shape = log_rate, log_shape

    @property
    def shape(self) -> torch.Size:
        return self.log_rate.shape

    @property
    def mean(self) -> Tensor:
        return self.log_rate.exp()

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        rate = self.log_rate.detach().exp().expand(*sample_shape, *self.log_rate.shape)
        if self.log_shape is None:
            return torch.poisson(rate)
        shape = self.log_shape.detach().exp().expand(rate.shape)
        return torch.poisson(torch.distributions.Gamma(shape, shape / rate).sample())

    def log_prob(self, value: Tensor) -> Tensor:
        if self.log_shape is None:
            return (value * self.log_rate - self.log_rate.exp() - torch.lgamma(value + 1)).sum(-1)
        shape, rate = self.log_shape.exp(), self.log_rate.exp()
        chosen = torch.lgamma(value + shape) - torch.lgamma(shape) - torch.lgamma(value + 1)
        total = (shape + rate).log()
        return (chosen + shape * (self.log_shape - total) + value * (self.log_rate - total)).sum(-1)

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self.log_rate.unflatten(0, sizes), self.log_shape)


class PoissonVAE(Small):
    """A VAE for counts; the encoder sees ln(1 + x)."""

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        if spec.is_image or "learned" in spec.likelihood:
            raise genzoo.GenzooError("counts come as vectors")
        super().__init__(spec, config)
        self.log_shape = self.shape_parameter()

    def shape_parameter(self) -> nn.Parameter | None:
        return None

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return super().posterior(torch.log1p(x))

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return Counts(full_precision(self.decoder(z)), self.log_shape)


class NegativeBinomialVAE(PoissonVAE):
    def shape_parameter(self) -> nn.Parameter:
        return nn.Parameter(torch.zeros(self.spec.numel))


WORDS = 6


class Tokens(genzoo.Distribution):
    """Categorical variables over the words 0 … 5; values are float32."""

    measure = "probability"

    def __init__(self, logits: Tensor) -> None:
        super().__init__(event_dims=1)
        self.logits = logits

    @property
    def shape(self) -> torch.Size:
        return self.logits.shape[:-1]

    @property
    def mean(self) -> Tensor:
        return self.logits.softmax(-1) @ torch.arange(WORDS, dtype=torch.float32)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        p = self.logits.detach().softmax(-1)
        n = math.prod(sample_shape)
        drawn = torch.multinomial(p.flatten(0, -2), n, replacement=True).T
        return drawn.reshape(*sample_shape, *p.shape[:-1]).float()

    def log_prob(self, value: Tensor) -> Tensor:
        table = self.logits.log_softmax(-1)
        index, table = torch.broadcast_tensors(value.long()[..., None], table)
        chosen: Tensor = table.gather(-1, index[..., :1])[..., 0].sum(-1)
        return chosen

    def unflatten(self, sizes: tuple[int, ...]) -> Self:
        return type(self)(self.logits.unflatten(0, sizes))


class TextVAE(Small):
    """A VAE for sentences of four words; it refuses data of any other shape."""

    outputs = WORDS

    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        if spec.shape != (4,):
            raise genzoo.GenzooError("sentences have four words")
        super().__init__(spec, config)
        self.embedding = nn.Embedding(WORDS, 4)
        self.encoder = nn.Sequential(nn.Flatten(), net(16, 2 * self.latents))

    def posterior(self, x: Tensor) -> genzoo.Distribution:
        return super().posterior(self.embedding(x.long()))

    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return Tokens(full_precision(self.decoder(z)).unflatten(1, (4, WORDS)))


class Sentences:
    """A dataset of random sentences."""

    Config = genzoo.core.options.NoOptions

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def spec(self) -> genzoo.DataSpec:
        return genzoo.DataSpec((4,), "gaussian", size=300)

    def load(self, store: Any) -> genzoo.Splits:
        x = torch.randint(WORDS, (900, 4), generator=torch.Generator().manual_seed(0)).float()
        return genzoo.Splits(genzoo.Split(x[:300]), None, genzoo.Split(x[300:600]))
