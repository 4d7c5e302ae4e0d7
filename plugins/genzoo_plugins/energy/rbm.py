"""Restricted Boltzmann machine, trained by persistent contrastive divergence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core.distributions import full_precision
from genzoo.core.noise import bernoulli, derive_seed, seeded, uniform, unkeyed
from genzoo.registry.parts import is_for_unit

ENUMERATED = 16
"""The largest number of hidden units whose states are enumerated for the partition function."""
ROWS = 4096
"""States of the hidden units that are enumerated at a time."""
DEVIATION = 0.01
"""Standard deviation of the first weights (Hinton 2010, section 8)."""


class RBM(genzoo.Density, genzoo.Encoder):
    """p(v) = exp(−F(v)) / Z with F(v) = −bᵀv − Σ_j softplus(c_j + W_j v): a layer of hidden units that are independent
    given the visible ones, and the reverse (Smolensky 1986).

    Z sums over all states of at most 16 hidden units. With more it is estimated by annealed importance sampling from
    independent pixels (Salakhutdinov & Murray 2008, section 4.1). The logarithm of this estimate is too small on
    average, and so is −ln p(v): it is neither exact nor a bound.
    """

    support = "binary"
    measure = "probability"
    base: Tensor

    @genzoo.config
    class Config:
        units: genzoo.Count = 500
        """Number of hidden units."""
        temperatures: genzoo.Count = 1000
        """Steps of the annealing that estimates Z."""
        chains: genzoo.Count = 100
        """Chains of the annealing."""

    @genzoo.config
    class Sampling:
        steps: genzoo.Count = 500
        """Steps in which a sample is annealed from independent pixels to the model."""

    def __init__(self, spec: genzoo.DataSpec, config: Config) -> None:
        if spec.kind != "image" or not is_for_unit(spec.likelihood):
            raise genzoo.UsageError("rbm is for black and white pixels; these data have other values", "use gmm")
        super().__init__(spec, config)
        self.weight = nn.Parameter(DEVIATION * torch.randn(config.units, spec.numel))
        self.visible = nn.Parameter(torch.zeros(spec.numel))  # b
        self.hidden = nn.Parameter(torch.zeros(config.units))  # c
        self.register_buffer("base", torch.zeros(spec.numel))  # logits of independent pixels
        self.known: tuple[tuple[int, ...], Tensor] | None = None
        """ln Z, with the versions of the weights that it belongs to."""
        self.exactness = "exact" if self.enumerated else "estimate"

    @property
    def enumerated(self) -> bool:
        """Whether Z is a sum over all states of the hidden units."""
        return bool(self.config.units <= ENUMERATED)

    def prepare(self, batch: genzoo.Batch) -> None:
        """Set the visible biases, and the pixels from which annealing starts, to the frequencies of the batch."""
        share = batch.x.flatten(1).mean(0).clamp(0.02, 0.98)
        with torch.no_grad():
            self.base.copy_(share.logit())
            self.visible.copy_(self.base)

    def train(self, mode: bool = True) -> Self:
        self.known = None  # the weights may change now
        return super().train(mode)

    def encode(self, x: Tensor) -> Tensor:
        """Return p(h = 1|x) of x [B, *S], [B, units]."""
        return full_precision(self.drive(x.flatten(1))).sigmoid()

    def drive(self, v: Tensor) -> Tensor:
        """Return the logits of the hidden units given v [N, D]: [N, units]."""
        return F.linear(v, self.weight, self.hidden)

    def score(self, v: Tensor, beta: float = 1.0) -> Tensor:
        """Return ln p(v) + ln Z of the distribution at the inverse temperature β, [N], for v [N, D].

        At β = 0 pixels are independent, and at β = 1 it is −F(v).
        """
        biases = torch.lerp(self.base, self.visible, beta)
        return full_precision(v @ biases) + F.softplus(full_precision(beta * self.drive(v))).sum(1)

    def gibbs(self, v: Tensor, beta: float = 1.0) -> Tensor:
        """Return the logits of the pixels after the hidden units were drawn given v [N, D], [N, D]."""
        h = drawn(beta * self.drive(v))
        return torch.lerp(self.base, self.visible, beta) + beta * (h @ self.weight)

    def anneal(self, n: int, betas: Sequence[float]) -> tuple[Tensor, Tensor]:
        """Return the logits of the pixels of n annealed chains, [n, D], and the log-weights of the chains, [n]."""
        logits, weights = self.base.expand(n, -1), self.base.new_zeros(n, dtype=torch.float64)
        for before, after in pairwise(betas):
            v = drawn(logits)
            weights += (self.score(v, after) - self.score(v, before)).double()
            logits = self.gibbs(v, after)
        return logits, weights

    def log_partition(self) -> Tensor:
        """Return ln Z in nats, 0-d: by enumeration, with gradient, or else an estimate without."""
        if self.enumerated:
            return self.by_enumeration()
        versions = tuple(parameter._version for parameter in self.parameters())
        if self.known is None or self.known[0] != versions:
            with torch.no_grad(), seeded(derive_seed(0, "partition")), unkeyed():
                self.known = versions, self.by_annealing()
        return self.known[1]

    def by_enumeration(self) -> Tensor:
        """Return ln Σ_h exp(cᵀh + Σ_i softplus(b_i + (Wᵀh)_i))."""
        number = torch.arange(2**self.config.units, device=self.weight.device)
        place = torch.arange(self.config.units, device=self.weight.device)
        parts = []
        for part in number.split(ROWS):
            h = (part[:, None] >> place & 1).to(self.weight.dtype)
            parts.append((h @ self.hidden + F.softplus(self.visible + h @ self.weight).sum(1)).double())
        return torch.cat(parts).logsumexp(0).to(self.weight.dtype)

    def by_annealing(self) -> Tensor:
        """Return ln Z by annealed importance sampling (Salakhutdinov & Murray 2008, eq. 12)."""
        chains = self.config.chains
        _, weights = self.anneal(chains, torch.linspace(0, 1, self.config.temperatures + 1).tolist())
        start = F.softplus(self.base.double()).sum() + self.config.units * math.log(2)
        found: Tensor = start + weights.logsumexp(0) - math.log(chains)
        return found.to(self.base.dtype)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.score(x.flatten(1)) - self.log_partition()

    @torch.no_grad()
    def sample(
        self, n: int, y: Tensor | None = None, *, noise: bool = False, options: Sampling | None = None
    ) -> Tensor:
        """Draw n examples [n, *S]: the probabilities of the pixels given the last hidden units, or pixels."""
        steps = (options or self.sampling).steps
        logits, _ = self.anneal(n, torch.linspace(0, 1, steps + 1).tolist())
        return (drawn(logits) if noise else logits.sigmoid()).view(n, *self.spec.shape)


def drawn(logits: Tensor) -> Tensor:
    """Draw 0 or 1 with these log-odds."""
    return bernoulli(full_precision(logits.detach()).sigmoid(), (), 1)


class PersistentContrastiveDivergence(genzoo.Loss):
    """E F(v) of the data − E F(v) of chains that take a few Gibbs steps after each update and are never restarted
    (Tieleman 2008, section 3). The gradient is that of −ln p(v), if the chains follow the model.

    The value itself does not tell how good the model is: the chains have the same energy as the data when it has
    learned all, and before it has learned anything.
    """

    accepts = RBM
    watched = ""
    chains: Tensor

    @genzoo.config
    class Config:
        particles: genzoo.Count = 100
        """Number of persistent chains."""
        gibbs_steps: genzoo.Count = 1
        """Gibbs steps of each chain after an update."""

    def __init__(self, model: genzoo.Model, config: Any) -> None:
        super().__init__(model, config)
        self.register_buffer("chains", torch.full((config.particles, model.spec.numel), 0.5))

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        assert isinstance(model, RBM)
        data, chains = model.score(batch.x.flatten(1)).mean(), model.score(self.chains).mean()
        return {"loss": chains - data, "energy": -data.detach()}

    def after_step(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> None:
        assert isinstance(model, RBM)
        for _ in range(self.config.gibbs_steps):
            h = self.shared(model.drive(self.chains))
            self.chains.copy_(self.shared(h @ model.weight + model.visible))

    def shared(self, logits: Tensor) -> Tensor:
        """Draw 0 or 1 with these log-odds, the same in all processes: each holds all chains."""
        return (uniform(logits[None])[0] < full_precision(logits).sigmoid()).to(logits.dtype)
